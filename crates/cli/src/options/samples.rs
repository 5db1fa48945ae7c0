//! Which samples.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tapetum::samples;
use tapetum::vision::TableOptions;

/// Which images, and how they are read.
#[derive(Debug, Args)]
pub struct Source {
    /// A folder with one folder per label, a folder of images, one image, a CSV file of
    /// label,feature,... rows, an NPZ, NPY or IDX file, or `animal-shapes`, which is built in.
    #[arg(long, value_name = "PATH")]
    pub images: PathBuf,
    /// The file of the labels, where --images is an IDX or NPY file.
    #[arg(long, value_name = "FILE")]
    pub label_file: Option<PathBuf>,
    /// The arrays of an NPZ file whose names start or end with this (train, val, test).
    #[arg(long, value_name = "NAME")]
    pub part: Option<String>,
    #[command(flatten)]
    pub table: Table,
    /// The data have no labels: for classification. Folders within folders are then no labels.
    /// Detected for a folder of images and for one image.
    #[arg(long)]
    pub unlabelled: bool,
    /// The label to recognise; all others together are its opposite.
    #[arg(long, value_name = "LABEL")]
    pub positive: Option<String>,
    /// Take only as many of the others as there are of the positive label.
    #[arg(long)]
    pub balanced: bool,
    /// Keep images that are equal to earlier ones, which are otherwise left out of training.
    #[arg(long, conflicts_with = "drop_repeats")]
    pub keep_repeats: bool,
    /// Leave rows of a table that are equal to earlier ones out of training.
    #[arg(long)]
    pub drop_repeats: bool,
}

/// How a table is laid out, as far as that is not to be guessed.
#[derive(Debug, Args)]
pub struct Table {
    /// The column of a table that has the labels: its name, or its number, with -1 as the last
    /// [default: the column called label, or the first]
    #[arg(long, value_name = "NAME|INDEX", allow_hyphen_values = true)]
    pub label_column: Option<String>,
    /// Leave this column of a table out; may be given several times.
    #[arg(long, value_name = "NAME|INDEX", allow_hyphen_values = true)]
    pub ignore_column: Vec<String>,
    /// What separates the cells of a table: one character, or `tab` [default: found by looking]
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    pub delimiter: Option<u8>,
    /// The first row of a table names its columns [default: found by looking]
    #[arg(long, conflicts_with = "no_header")]
    pub header: bool,
    /// The first row of a table is a sample.
    #[arg(long)]
    pub no_header: bool,
}

/// One character of one byte.
fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !b"\n\r\"".contains(byte) => Ok(*byte),
        b"tab" | b"\\t" => Ok(b'\t'),
        b"space" => Ok(b' '),
        _ => Err("one character is expected, such as ; or |, or tab or space".to_owned()),
    }
}

impl Table {
    /// As the library reads tables.
    pub fn to_options(&self) -> TableOptions {
        TableOptions {
            header: match (self.header, self.no_header) {
                (false, false) => None,
                (header, _) => Some(header),
            },
            label_column: self.label_column.clone(),
            ignored_columns: self.ignore_column.clone(),
            delimiter: self.delimiter,
        }
    }
}

impl Source {
    /// The files that are read.
    pub fn inputs(&self) -> Vec<&Path> {
        let files = [Some(&self.images), self.label_file.as_ref()];
        files.into_iter().flatten().map(PathBuf::as_path).collect()
    }

    /// As the library reads them; `withheld` says that labels stay here.
    pub fn to_source(&self, withheld: bool) -> samples::Source {
        samples::Source {
            images: self.images.clone(),
            label_file: self.label_file.clone(),
            part: self.part.clone(),
            table: self.table.to_options(),
            unlabelled: self.unlabelled,
            withheld,
            positive: self.positive.clone(),
            balanced: self.balanced,
            keep_repeats: self.keep_repeats,
            drop_repeats: self.drop_repeats,
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

/// What a sample counts in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClassWeight {
    /// As much as makes all classes count the same.
    Balanced,
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
