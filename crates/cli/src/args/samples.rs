//! Which samples, and how they are encrypted.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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
