//! The command line, as data.

mod keys;
mod samples;
mod server;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::bench::{Bench, precision_bits};
use crate::service;

pub use self::keys::{DEFAULT_FEATURES, DEFAULT_ROWS, Keygen, Kind, LearnerName, TABLE_FEATURES};
pub use self::samples::{Encrypt, LabelsAre, Part, Parts, Source};
pub use self::server::{Classify, Train};

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
    /// Anybody: train and classify in the clear, and say what encryption would cost.
    Simulate(Simulate),
    /// Owner: make all keys for a kind of training.
    Keygen(Keygen),
    /// Owner or contributor: encrypt images or feature tables.
    Encrypt(Encrypt),
    /// Server: train a classifier on encrypted data.
    Train(Train),
    /// Server: classify encrypted data with an encrypted model.
    Classify(Classify),
    /// Owner: read the predictions.
    Decrypt(Decrypt),
    /// Anybody: say what a file is.
    Inspect(Inspect),
    /// Play all roles on the embedded images and write a report.
    Demo(Demo),
    /// Serve others over HTTPS: store what they encrypt, train, classify.
    Serve(service::Serve),
    /// OperationCounts on the jobs of a server, in a process of its own.
    Worker(service::Worker),
    /// Anybody: use a server.
    Remote(service::Remote),
    /// Operator: make and list the tenants of a server.
    Tenant(service::Tenant),
    /// Operator: check the audit log of a server.
    Audit(service::Audit),
    /// Operator: copy a server with all that it keeps, also while it runs.
    Backup(service::Backup),
    /// Operator: make a server of such a copy.
    Restore(service::Restore),
    /// Measure how fast this machine computes.
    Bench(Bench),
}

/// Arguments of `simulate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum simulate --images animal-shapes --positive cat --balanced \\
      --train-count 1536 --test-count 448
  tapetum simulate --images wdbc.csv --positive M --learner linear-means --out clear.csv
  tapetum simulate --images animal-shapes --classes 10 --learner ridge --plots pictures
  tapetum simulate --images pictures/ --export provider

Nothing is encrypted and no key is needed. The same steps with the same polynomials run on plain
numbers, so the predictions are those that encryption will give. --out writes them as `decrypt` does.
Times are estimated from how fast this machine computes now.")]
pub struct Simulate {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub parts: Parts,
    #[command(flatten)]
    pub kind: Kind,
    /// Write the predictions on the held-out part to this CSV file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Draw learning curve and confusion matrix, as SVG files in this folder.
    #[arg(long, value_name = "DIR")]
    pub plots: Option<PathBuf>,
    /// Write what was learned to this folder: model.json for a server that classifies with a plain
    /// model, features.json for its clients.
    #[arg(long, value_name = "DIR")]
    pub export: Option<PathBuf>,
}

/// Arguments of `decrypt`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum decrypt --owner owner scores.enc
  tapetum decrypt --owner owner scores.enc --index contributor/new.index.csv --out verdicts.csv
  tapetum decrypt --owner owner model.enc --out model.json

Of an encrypted model the weights are written. Scores are for the owner's eyes: with their full precision they may tell about the secret key.
--labels-only leaves them out of what is printed and written.")]
pub struct Decrypt {
    /// The owner's directory.
    #[arg(long, value_name = "DIR")]
    pub owner: PathBuf,
    /// The encrypted scores, or an encrypted model.
    #[arg(value_name = "FILE")]
    pub scores: PathBuf,
    /// The index that `encrypt` wrote: names of the samples and, if known, their labels.
    #[arg(long, value_name = "FILE")]
    pub index: Option<PathBuf>,
    /// Write the predictions to this CSV file, or the weights to this JSON file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Draw the confusion matrix, as an SVG file in this folder.
    #[arg(long, value_name = "DIR", requires = "index")]
    pub plots: Option<PathBuf>,
    /// Tell the predictions but not the scores: to be given to others.
    #[arg(long)]
    pub labels_only: bool,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum inspect server/train.enc

Only the front of each object in the file is looked at: no key is needed, and a damaged payload is not
noticed.")]
pub struct Inspect {
    /// A key, or encrypted data, a model or scores.
    pub file: PathBuf,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum demo
  tapetum demo --argmax
  tapetum demo --dir play --report play/report.html
  tapetum demo --json > demo.json")]
pub struct Demo {
    /// Keep the three directories here instead of in a temporary place.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Where to write the report.
    #[arg(long, value_name = "FILE", default_value = "tapetum-demo.html")]
    pub report: PathBuf,
    /// The training algorithm.
    #[arg(long, value_enum, default_value_t = LearnerName::Logistic)]
    pub learner: LearnerName,
    /// Only labels leave the server, no scores: it compares them with zero under encryption. It takes
    /// larger parameters, a minute or more and about 5 GB of memory.
    #[arg(long)]
    pub argmax: bool,
    /// With --argmax: scores are compared to 2^-BITS of their bound.
    #[arg(long, value_name = "BITS", default_value_t = 10, requires = "argmax", value_parser = precision_bits())]
    pub precision: u32,
    /// The seed that chooses and splits the images.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
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
