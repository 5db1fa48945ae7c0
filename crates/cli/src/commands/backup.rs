//! `tapetum backup`: a copy of a server.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tapetum::Result;
use tapetum::remote::block_on;
use tapetum_service::{Manifest, Operator};

use crate::console::Console;
use crate::options::{Place, failed};

/// Arguments of `backup`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum backup --data /srv/tapetum /backups/2026-11-22

The copy holds database, files, certificate and key, with checksums. Anyone who holds it can do what the server can.")]
pub struct Backup {
    #[command(flatten)]
    pub place: Place,
    /// The new folder of the copy.
    pub folder: PathBuf,
}

/// Copies a server.
pub fn run(args: &Backup, console: &Console) -> Result<()> {
    let made = block_on(async {
        let operator = Operator::open(args.place.existing()?)
            .await
            .map_err(failed)?;
        operator.backup(&args.folder).await.map_err(failed)
    })?;
    tell(made, "copied", console)
}

/// Says what was copied or restored.
pub fn tell(made: Result<Manifest>, done: &str, console: &Console) -> Result<()> {
    let made = made?;
    match console.json {
        true => println!("{}", json!({"manifest": made})),
        false => println!(
            "{} files of {} bytes {done}, and the audit log up to\n\n  {}:{}",
            made.files, made.bytes, made.audit_seq, made.audit_hash
        ),
    }
    Ok(())
}
