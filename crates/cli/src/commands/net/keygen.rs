//! `tapetum net keygen`: the keys for a network's plan.

use std::path::PathBuf;

use clap::Args;
use tapetum::Result;
use tapetum::networks::{NetworkOwner, read_plan};
use tapetum::owner::Directories;
use tapetum::units::bytes;

use crate::console::Console;
use crate::options::new_passphrase;

/// Arguments of `net keygen`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum net keygen --plan network.plan.json --owner owner --contributor contributor --server server

The secret key is written to the owner's directory alone. Hand over the other directories. Keys that exist are
never replaced.")]
pub struct Keygen {
    /// The plan that `net plan --out` wrote.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// The owner's directory: the secret and the public key.
    #[arg(long, value_name = "DIR")]
    owner: PathBuf,
    /// A contributor's directory: the public key.
    #[arg(long, value_name = "DIR")]
    contributor: Option<PathBuf>,
    /// The server's directory: the evaluation keys, gigabytes for a deep network. Without it they are left with the
    /// owner, to be passed on.
    #[arg(long, value_name = "DIR")]
    server: Option<PathBuf>,
    /// Keep the secret key under a passphrase, which is asked for, or taken from TAPETUM_PASSPHRASE.
    #[arg(long)]
    passphrase: bool,
}

/// Makes the keys.
pub fn run(args: &Keygen, console: &Console) -> Result<()> {
    let directories = Directories {
        owner: &args.owner,
        contributor: args.contributor.as_deref(),
        server: args.server.as_deref(),
    };
    let plan = read_plan(&args.plan)?;
    let passphrase = args.passphrase.then(new_passphrase).transpose()?;
    let owner = NetworkOwner::generate(&plan)?;
    let made = owner.write(directories, passphrase.as_ref(), &console.steps)?;
    console.print(&made, || {
        format!(
            "Keys for log N = {}, log QP = {:.0}, {} levels, at least {}-bit security.\n\
             The secret key is in {}: keep it. The server's directory has evaluation keys of {}.\n",
            made.log_n,
            made.log_qp,
            made.levels,
            made.security_bits,
            args.owner.display(),
            bytes(made.evaluation_keys)
        )
    })
}
