//! Servers, workers and clients over a network: glue to the service crate.

pub mod args;
mod demo;
mod operate;
pub mod rehearsal;
mod roles;
mod serve;

use std::future::Future;

use anyhow::{Context, Result};
use tapetum_client::{Client, Trust};

use crate::failure::Failure;
use crate::files;
use crate::progress::Steps;
use args::{Connection, RemoteAction};

pub use args::{Audit, Backup, Remote, Restore, Serve, Tenant, Worker};
pub use operate::{audit, backup, restore, tenant};
pub use serve::{serve, worker};

/// The environment variable with a token.
const TOKEN: &str = "TAPETUM_TOKEN";

/// Runs a `remote` command.
pub fn remote(args: &Remote, steps: Steps, json: bool) -> Result<()> {
    match &args.action {
        RemoteAction::Demo(args) => block_on(demo::run(args, steps, json))?,
        action => {
            let done = block_on(roles::run(action, steps))??;
            match json {
                true => println!("{done}"),
                false => println!("{done:#}"),
            }
            Ok(())
        }
    }
}

/// Runs something asynchronous to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.context("cannot start threads")?;
    let found = runtime.block_on(future);
    // What computes is not waited for: it is given back, or nobody wants it any longer.
    runtime.shutdown_background();
    Ok(found)
}

/// A client as the command line describes it.
fn connect(args: &Connection) -> Result<Client> {
    let trust = match (&args.fingerprint, &args.ca) {
        (Some(fingerprint), _) => Trust::Fingerprint(fingerprint.clone()),
        (None, Some(path)) => Trust::Authorities(path.clone()),
        (None, None) => {
            let message = "say whom to trust: --fingerprint or --ca";
            return Err(Failure::Input(message.to_owned()).into());
        }
    };
    let token = match &args.token_file {
        Some(path) => files::read_text(path)?,
        None => std::env::var(TOKEN).map_err(|_| {
            Failure::Role(format!(
                "there is no token: put it into the environment variable {TOKEN}, or into a file for --token-file"
            ))
        })?,
    };
    Ok(Client::new(
        &args.server,
        &trust,
        &zeroize::Zeroizing::new(token),
    )?)
}
