//! What keys are made for.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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
