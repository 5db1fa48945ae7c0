//! The command line, as data.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::bench::{Bench, precision_bits};

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

Nothing is encrypted and no key is needed. The same steps with the same polynomials run on plain
numbers, so the verdicts are those that encryption will give. --out writes them as `decrypt` does.")]
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
}

/// Arguments of `keygen`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum keygen --owner owner --contributor contributor --server server
  tapetum keygen --owner owner --server server --learner linear-means --like wdbc.csv

The secret key is written to the owner's directory alone. Hand over the other directories. Keys that
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
}

/// What is trained, and on which features.
#[derive(Debug, Args)]
pub struct Kind {
    /// The training algorithm.
    #[arg(long, value_enum, default_value_t = LearnerName::Logistic)]
    pub learner: LearnerName,
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

  tapetum train --server server --data server/train.enc --out server/model.enc \\
      --checkpoint server/state.enc --resume --snapshot server/now.enc

Settings of the training are those of `keygen`. Training in mini-batches reads the data while it goes,
so they may be larger than memory. The command refuses to run where it finds a secret key.")]
pub struct Train {
    /// The server's directory.
    #[arg(long, value_name = "DIR")]
    pub server: PathBuf,
    /// Encrypted samples with their labels.
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
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
}

/// Arguments of `classify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum classify --server server --model server/model.enc --data server/new.enc \\
      --out server/scores.enc

Scores leave the server encrypted, with everything else in their ciphertexts masked to zero. The
command refuses to run where it finds a secret key.")]
pub struct Classify {
    /// The server's directory.
    #[arg(long, value_name = "DIR")]
    pub server: PathBuf,
    /// The encrypted model.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Encrypted samples.
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// The encrypted scores to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `decrypt`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum decrypt --owner owner scores.enc
  tapetum decrypt --owner owner scores.enc --index contributor/new.index.csv --out verdicts.csv

Scores are for the owner's eyes: with their full precision they may tell about the secret key.
--labels-only leaves them out of what is printed and written.")]
pub struct Decrypt {
    /// The owner's directory.
    #[arg(long, value_name = "DIR")]
    pub owner: PathBuf,
    /// The encrypted scores.
    #[arg(value_name = "SCORES")]
    pub scores: PathBuf,
    /// The index that `encrypt` wrote: names of the samples and, if known, their labels.
    #[arg(long, value_name = "FILE")]
    pub index: Option<PathBuf>,
    /// Write the verdicts to this CSV file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
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
