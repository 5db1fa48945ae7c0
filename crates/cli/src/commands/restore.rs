//! `tapetum restore`: a server from a copy.

use std::path::PathBuf;

use clap::Args;
use tapetum::Result;
use tapetum::remote::block_on;
use tapetum_service::Operator;

use super::backup::tell;
use crate::console::Console;
use crate::options::{Place, failed};

/// Arguments of `restore`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum restore --data /srv/tapetum /backups/2026-11-22

Everything is compared with its checksum. Folder, database and bucket must be empty: nothing is replaced.")]
pub struct Restore {
    #[command(flatten)]
    pub place: Place,
    /// The folder of the copy.
    pub folder: PathBuf,
}

/// Makes a server of a copy.
pub fn run(args: &Restore, console: &Console) -> Result<()> {
    let config = args.place.config()?;
    let made = block_on(async {
        Operator::restore(config, &args.folder)
            .await
            .map_err(failed)
    })?;
    tell(made, "restored", console)
}
