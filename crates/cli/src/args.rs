//! The command line, as data.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::bench::{Bench, precision_bits};
use crate::service;

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
    /// Owner: read the verdicts.
    Decrypt(Decrypt),
    /// Anybody: say what a file is.
    Inspect(Inspect),
    /// Play all roles on the embedded images and write a report.
    Demo(Demo),
    /// Serve others over HTTPS: store what they encrypt, train, classify.
    Serve(service::Serve),
    /// Work on the jobs of a server, in a process of its own.
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
numbers, so the verdicts are those that encryption will give. --out writes them as `decrypt` does.
Times are estimated from how fast this machine computes now.")]
pub struct Simulate {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub parts: Parts,
    #[command(flatten)]
    pub kind: Kind,
    /// Write the verdicts on the held-out part to this CSV file.
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

/// Arguments of `keygen`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum keygen --owner owner --contributor contributor --server server
  tapetum keygen --owner owner --server server --learner linear-means --like wdbc.csv
  tapetum keygen --owner client --server server --classify-only provider/features.json

The last line makes keys of a few megabytes, for the pictures of a client and the plain model of a
provider. The secret key is written to the owner's directory alone. Hand over the other directories. Keys that
exist are never replaced.")]
pub struct Keygen {
    /// The owner's directory: the secret and the public key.
    #[arg(long, value_name = "DIR")]
    pub owner: PathBuf,
    /// A contributor's directory: the public key.
    #[arg(long, value_name = "DIR")]
    pub contributor: Option<PathBuf>,
    /// The server's directory: the evaluation keys. Without it they are left with the owner, to be
    /// passed on.
    #[arg(long, value_name = "DIR")]
    pub server: Option<PathBuf>,
    #[command(flatten)]
    pub kind: Kind,
    /// How many samples are expected for training; others work too, but less fast [default: 1536,
    /// or those of --like]
    #[arg(long)]
    pub rows: Option<usize>,
    /// How many features a table has (with --features table).
    #[arg(long)]
    pub columns: Option<usize>,
    /// Take features and number of samples from this labelled CSV or NPZ table.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["columns", "features"])]
    pub like: Option<PathBuf>,
    /// Make only the keys to classify with a plain model, whose features.json this is.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "learner", "features", "side", "steps", "batch", "iterations", "classes", "rows", "columns",
        "like",
    ])]
    pub classify_only: Option<PathBuf>,
}

/// What is trained, and on which features.
#[derive(Debug, Args)]
pub struct Kind {
    /// The training algorithm.
    #[arg(long, value_enum, default_value_t = LearnerName::Logistic)]
    pub learner: LearnerName,
    /// How many classes are told apart. Of two, one label is recognised among all others; of more,
    /// each label is a class.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub classes: usize,
    /// What is taken from an image: pixels:N, dct:K, hog:CELL, hog-blocks:CELL, joined by +; or
    /// table, for rows of numbers [default: hog:7+dct:10]
    #[arg(long)]
    pub features: Option<String>,
    /// Images are resized to this many pixels along each side first.
    #[arg(long, default_value_t = 28)]
    pub side: usize,
    /// Steps of the solution, of fisher and ridge; each takes a level. The fewer, the more they
    /// regularise [default: 6]
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Train in mini-batches of so many samples, read from the file one after the other.
    #[arg(long, value_name = "ROWS")]
    pub batch: Option<usize>,
    /// Gradient steps on mini-batches; weights are bootstrapped if it takes that [default: 32]
    #[arg(long, value_name = "N", requires = "batch")]
    pub iterations: Option<usize>,
}

/// What the demo uses: 245 columns with the intercept, few steps to a good accuracy.
pub const DEFAULT_FEATURES: &str = "hog:7+dct:10";
/// The features of a table: all its columns.
pub const TABLE_FEATURES: &str = "table";
/// Samples that keys are made for unless something else is known; as many as the demo trains on.
pub const DEFAULT_ROWS: usize = 1536;

/// A training algorithm by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LearnerName {
    /// Logistic regression by gradient steps with a polynomial sigmoid.
    Logistic,
    /// Linear means: one pass over the data, no steps.
    LinearMeans,
    /// Fisher's discriminant: one pass over the data, then steps that do not depend on their number.
    Fisher,
    /// Linear regression on the labels: as Fisher's discriminant.
    Ridge,
    /// Softmax regression: logistic regression of each class against the rest.
    Softmax,
}

/// Which images, and how they are read.
#[derive(Debug, Args)]
pub struct Source {
    /// A folder with one folder per label, a folder of images, one image, a CSV file of
    /// label,feature,... rows, an NPZ file, an IDX file, or `animal-shapes`, which is built in.
    #[arg(long, value_name = "PATH")]
    pub images: PathBuf,
    /// The IDX file of the labels, where --images is an IDX file.
    #[arg(long, value_name = "FILE")]
    pub label_file: Option<PathBuf>,
    /// The arrays of an NPZ file whose names start with this (train, val, test).
    #[arg(long, value_name = "PREFIX")]
    pub part: Option<String>,
    /// The data have no labels: for classification. Found out for folders; say it for CSV.
    #[arg(long)]
    pub unlabelled: bool,
    /// The label that is to be recognised; all others together are its opposite.
    #[arg(long, value_name = "LABEL")]
    pub positive: Option<String>,
    /// Take only as many of the others as there are of the positive label.
    #[arg(long)]
    pub balanced: bool,
    /// Keep exact repeats of a sample, which are otherwise removed.
    #[arg(long)]
    pub keep_repeats: bool,
}

/// A stratified split in two.
#[derive(Debug, Args)]
pub struct Parts {
    /// Samples in the training part.
    #[arg(long, value_name = "N", requires = "test_count")]
    pub train_count: Option<usize>,
    /// Samples in the test part.
    #[arg(long, value_name = "N", requires = "train_count")]
    pub test_count: Option<usize>,
    /// The seed of --balanced and of the split.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Which part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// What the model is trained on.
    Train,
    /// What is held out.
    Test,
}

/// Arguments of `encrypt`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum encrypt --owner owner --images pictures/ --positive cats --out server/train.enc
  tapetum encrypt --contributor contributor --images new-pictures/ --out server/new.enc
  tapetum encrypt --owner owner --images animal-shapes --positive cat --balanced \\
      --split train --train-count 1536 --test-count 448 --seed 1 --out server/train.enc

The first labelled data fix how features are standardised: features.json in the directory of who
encrypts. Copy it to every other directory that encrypts for the same model, but not to the server:
it tells the average image. An index of what was encrypted stays in the directory too.")]
pub struct Encrypt {
    #[command(flatten)]
    pub sender: Sender,
    #[command(flatten)]
    pub source: Source,
    /// The file to write, to be given to the server.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// By which name the server knows whose samples these are [default: owner or contributor]
    #[arg(long, value_name = "NAME", value_parser = contributor_name)]
    pub name: Option<String>,
    /// How labels travel [default: encrypted if there are any]
    #[arg(long, value_enum)]
    pub labels: Option<LabelsAre>,
    /// Encrypt one part of a stratified split.
    #[arg(long, value_enum, value_name = "PART", requires = "train_count")]
    pub split: Option<Part>,
    #[command(flatten)]
    pub parts: Parts,
    /// Standardise by these data, replacing what was fixed before.
    #[arg(long)]
    pub refit: bool,
    /// Where the file of the backbone is here, if the features are those of one; any other file than
    /// that of the plan is refused.
    #[arg(long, value_name = "FILE")]
    pub backbone: Option<PathBuf>,
}

/// A name that can be shown and typed: 1 to 64 characters, none of them for control.
fn contributor_name(text: &str) -> Result<String, String> {
    match (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err("a name has 1 to 64 characters, all on one line".to_owned()),
    }
}

/// Who encrypts.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Sender {
    /// The owner's directory: encrypts with the secret key, to half the size.
    #[arg(long, value_name = "DIR")]
    pub owner: Option<PathBuf>,
    /// A contributor's directory: encrypts with the public key.
    #[arg(long, value_name = "DIR")]
    pub contributor: Option<PathBuf>,
}

/// How labels travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LabelsAre {
    /// The server does not see them.
    Encrypted,
    /// The server sees them.
    Clear,
    /// They are not sent: for classification.
    Withheld,
}

/// Arguments of `train`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum train --server server --data server/train.enc --out server/model.enc

  tapetum train --server server --data anne.enc --data bert.enc --out model.enc
  tapetum train --server server --data anne.enc --data bert.enc --without anne --out model.enc

  tapetum train --server server --data server/train.enc --out server/model.enc \\
      --checkpoint server/state.enc --resume --snapshot server/now.enc

  tapetum train --simulate --images pictures/ --positive cats --plots pictures-of-it

With --simulate nothing is encrypted yet: it predicts accuracy, ranges, levels, time, memory and bytes
from pictures in the clear, takes the arguments of `tapetum simulate`, and is the same.
Settings of the training are those of `keygen`. Training in mini-batches reads the data while it goes,
so they may be larger than memory. The command refuses to run where it finds a secret key.")]
pub struct Train {
    /// The server's directory.
    #[arg(long, value_name = "DIR")]
    pub server: PathBuf,
    /// Encrypted samples with their labels; several times for those of several contributors, in any
    /// order.
    #[arg(long, value_name = "FILE", required = true)]
    pub data: Vec<PathBuf>,
    /// Leave out the samples of this contributor, as if they had never been there.
    #[arg(long, value_name = "NAME")]
    pub without: Vec<String>,
    /// The encrypted model to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// With mini-batches: keep the state of the training here, after every iteration.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Go on from the checkpoint, if there is one.
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// With mini-batches: write the model as it is after every iteration here, encrypted, for the
    /// owner to look at.
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// With mini-batches: end after so many iterations, because the owner says so.
    #[arg(long, value_name = "N")]
    pub until: Option<usize>,
    /// Keep no more than so much of the evaluation keys in memory, such as 500MB or 2GB, and expand
    /// the others from their file whenever they are used [default: all of them]
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub key_memory: Option<u64>,
}

impl Train {
    /// With nothing but what is needed.
    pub fn new(server: &Path, data: &Path, out: &Path) -> Self {
        Self {
            server: server.to_owned(),
            data: vec![data.to_owned()],
            without: Vec::new(),
            out: out.to_owned(),
            checkpoint: None,
            resume: false,
            snapshot: None,
            until: None,
            key_memory: None,
        }
    }
}

/// A number of bytes with a unit.
fn memory_size(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
    let unit = match unit {
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1048576.0,
        "GiB" => 1073741824.0,
        _ => {
            return Err("a size is a number with kB, MB, GB, KiB, MiB or GiB behind it".to_owned());
        }
    };
    match number.trim().parse::<f64>() {
        Ok(number) if (0.0..=1e9).contains(&number) => Ok((number * unit) as u64),
        _ => Err(format!("{number:?} is no number of bytes")),
    }
}

/// Arguments of `classify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum classify --server server --model server/model.enc --data server/new.enc \\
      --out server/scores.enc
  tapetum classify --server server --model provider/model.json --data new.enc --out scores.enc

Scores leave the server encrypted, with everything else in their ciphertexts masked to zero. The
command refuses to run where it finds a secret key.")]
pub struct Classify {
    /// The server's directory.
    #[arg(long, value_name = "DIR")]
    pub server: PathBuf,
    /// The encrypted model, or a plain one as `simulate --export` and `decrypt` write it.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Encrypted samples.
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// The encrypted scores to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Keep no more than so much of the evaluation keys in memory [default: all of them]
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub key_memory: Option<u64>,
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
    /// Write the verdicts to this CSV file, or the weights to this JSON file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Draw the confusion matrix, as an SVG file in this folder.
    #[arg(long, value_name = "DIR", requires = "index")]
    pub plots: Option<PathBuf>,
    /// Tell the verdicts but not the scores: to be given to others.
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

    #[test]
    fn sizes_have_units() {
        assert_eq!(memory_size("2GB"), Ok(2_000_000_000));
        assert_eq!(memory_size("1.5 MiB"), Ok(1_572_864));
        for bad in ["", "2", "GB", "-1GB", "2gb", "nanGB", "1e99GB", "2 GB 3"] {
            assert!(memory_size(bad).is_err(), "{bad:?}");
        }
    }
}
