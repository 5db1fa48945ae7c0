//! `tapetum worker`: the jobs of a server, in a process of its own.

use clap::Args;
use tapetum::Result;
use tapetum::folders::files;
use tapetum::remote::block_on;
use tapetum_service::WorkerProcess;

use crate::console::Console;
use crate::options::{LogFormat, Place, Power, end_wanted, failed};

/// Arguments of `worker`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum serve --jobs 0        in one terminal
  tapetum worker --jobs 2       in others

Workers share folder and database with the server. One that dies loses nothing: its job goes to another,
from the last checkpoint of its training.")]
pub struct Worker {
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub power: Power,
    /// How the log on standard error is written.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log: LogFormat,
}

/// Works until it is told to end.
pub fn run(args: &Worker, _: &Console) -> Result<()> {
    args.log.install();
    // Without a database elsewhere there is one in the folder, or there is nothing to work for.
    match args.place.database {
        Some(_) => files::create_dir(&args.place.data)?,
        None => drop(args.place.existing()?),
    }
    let config = args.power.at(&args.place)?;
    block_on(async {
        let workers = WorkerProcess::start(config).await.map_err(failed)?;
        end_wanted().await?;
        workers.stop().await;
        Ok(())
    })?
}
