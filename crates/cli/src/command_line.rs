//! The command line, as data.

use std::ffi::OsString;

use clap::{Parser, Subcommand};
use tapetum_bench::Bench;

use crate::commands::{
    audit, backup, classify, decrypt, demo, encrypt, features, inspect, keygen, net, remote,
    restore, serve, simulate, tenant, train, worker,
};

/// Train image classifiers on encrypted images, and classify encrypted images.
///
/// Three roles work in three directories: the owner holds the secret key, contributors encrypt
/// images, the server trains and classifies what it cannot see.
#[derive(Debug, Parser)]
#[command(name = "tapetum", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print one JSON object on standard output instead of text.
    #[arg(long, global = true, display_order = LAST)]
    pub json: bool,
    /// Show no progress.
    #[arg(long, short, global = true, display_order = LAST)]
    pub quiet: bool,
}

/// Where options of all commands stand in the help: behind those of one.
const LAST: usize = 900;

const EXIT_CODES: &str = "\
Exit codes:
  0  done                            4  wrong or missing key, role or parameters
  1  unexpected failure              5  the file system refused (missing file, full disk, ...)
  2  the command line is wrong       6  the computation cannot be done (levels, ranges, ...)
  3  the input cannot be used

Start with:  tapetum demo";

/// `train --simulate` is `simulate`: nothing is read that is encrypted, so it takes the arguments of
/// that command.
pub fn with_simulation(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<_> = args.collect();
    // Options of all commands may stand before the command.
    let command = (1..args.len()).find(|&i| !args[i].to_string_lossy().starts_with('-'));
    if let Some(command) = command
        && args[command] == "train"
        && let Some(flag) = args.iter().position(|arg| arg == "--simulate")
    {
        args.remove(flag);
        args[command] = "simulate".into();
    }
    args
}

/// One command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Anyone: train and classify in the clear, and estimate what encryption would cost.
    Simulate(simulate::Simulate),
    /// Owner: make all keys for one kind of training.
    Keygen(keygen::Keygen),
    /// Owner, contributor or server: standardise features by the data of several sites, or by public ones.
    Features(features::Features),
    /// Owner or contributor: encrypt images or feature tables.
    Encrypt(encrypt::Encrypt),
    /// Server: train a classifier on encrypted data.
    Train(train::Train),
    /// Server: classify encrypted data with an encrypted model.
    Classify(classify::Classify),
    /// Owner: read the predictions.
    Decrypt(decrypt::Decrypt),
    /// Anyone: say what a file is.
    Inspect(inspect::Inspect),
    /// Anyone: plan the evaluation of a network on encrypted images.
    Net(net::Net),
    /// Play all roles on the embedded images and write a report.
    Demo(demo::Demo),
    /// Serve clients over HTTPS: store what they encrypt, train, classify.
    Serve(serve::Serve),
    /// Work on the jobs of a server, in a process of its own.
    Worker(worker::Worker),
    /// Anyone: use a server.
    Remote(remote::Remote),
    /// Operator: add and list the tenants of a server.
    Tenant(tenant::Tenant),
    /// Operator: check the audit log of a server.
    Audit(audit::Audit),
    /// Operator: copy a server with all that it stores, even while it runs.
    Backup(backup::Backup),
    /// Operator: create a server from such a copy.
    Restore(restore::Restore),
    /// Measure how fast this machine computes.
    Bench(Bench),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_can_be_simulated_by_either_name() {
        let with =
            |line: &str| -> Vec<OsString> { with_simulation(line.split(' ').map(OsString::from)) };
        let words = |line: &str| -> Vec<OsString> { line.split(' ').map(OsString::from).collect() };
        for (line, same) in [
            (
                "tapetum train --simulate --images a",
                "tapetum simulate --images a",
            ),
            (
                "tapetum --json train --images a --simulate",
                "tapetum --json simulate --images a",
            ),
            ("tapetum train --server s", "tapetum train --server s"),
            ("tapetum encrypt --simulate", "tapetum encrypt --simulate"),
            ("tapetum", "tapetum"),
        ] {
            assert_eq!(with(line), words(same), "{line}");
        }
    }
}
