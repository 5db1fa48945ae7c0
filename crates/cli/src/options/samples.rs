//! Which samples.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tapetum::samples;

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
    /// The data have no labels: for classification. Detected for folders; required for CSV.
    #[arg(long)]
    pub unlabelled: bool,
    /// The label to recognise; all others together are its opposite.
    #[arg(long, value_name = "LABEL")]
    pub positive: Option<String>,
    /// Take only as many of the others as there are of the positive label.
    #[arg(long)]
    pub balanced: bool,
    /// Keep exact repeats of a sample, which are otherwise removed.
    #[arg(long)]
    pub keep_repeats: bool,
}

impl Source {
    /// The files that are read.
    pub fn inputs(&self) -> Vec<&Path> {
        let files = [Some(&self.images), self.label_file.as_ref()];
        files.into_iter().flatten().map(PathBuf::as_path).collect()
    }

    /// As the library reads them.
    pub fn to_source(&self) -> samples::Source {
        samples::Source {
            images: self.images.clone(),
            label_file: self.label_file.clone(),
            part: self.part.clone(),
            unlabelled: self.unlabelled,
            positive: self.positive.clone(),
            balanced: self.balanced,
            keep_repeats: self.keep_repeats,
        }
    }
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

impl Parts {
    /// As the library splits them.
    pub fn to_parts(&self) -> samples::Parts {
        samples::Parts {
            counts: self.train_count.zip(self.test_count),
            seed: self.seed,
        }
    }
}

/// Which part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// What the model is trained on.
    Train,
    /// What is held out.
    Test,
}

impl From<Part> for samples::Part {
    fn from(part: Part) -> Self {
        match part {
            Part::Train => Self::Train,
            Part::Test => Self::Test,
        }
    }
}
