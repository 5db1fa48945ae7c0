//! What can go wrong between a file and a feature matrix.

use std::path::{Path, PathBuf};

/// An input that cannot be used, with the place and the reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("cannot read {path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is meant to be a picture is none, or a damaged one.
    #[error("{path} is not a readable PNG, JPEG or WebP image: {reason}", path = path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// The input is larger than [`Limits`](crate::Limits) allows.
    #[error("{path}: {what} exceeds the limit of {limit}", path = path.display())]
    TooLarge {
        /// The file or folder.
        path: PathBuf,
        /// What is too large.
        what: String,
        /// The largest value allowed.
        limit: u64,
    },
    /// The folder is not laid out as one folder per label.
    #[error("folder {path}: {reason}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A public data set is in none of the places where it may be.
    #[error(
        "the data set {name} is missing: none of {} exists; {origin}",
        paths(looked)
    )]
    NoCollection {
        /// Its name.
        name: &'static str,
        /// Where it was looked for.
        looked: Vec<PathBuf>,
        /// Where it can be had.
        origin: &'static str,
    },
    /// The file does not follow its format (IDX, NPY, NPZ).
    #[error("{path}: {reason}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Where it departs from the format.
        reason: String,
    },
    /// A CSV cell or row cannot be used.
    #[error("{path}, line {line}, column {column}: {reason}", path = path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: u64,
        /// Column, counted from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Parts of a data set disagree (lengths, widths, label range).
    #[error("inconsistent data set: {0}")]
    Inconsistent(String),
    /// No class bears that name.
    #[error("no class is called {name:?}; the classes are {}", known.join(", "))]
    UnknownClass {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The data set cannot give what was asked.
    #[error("not enough samples: {0}")]
    TooFew(String),
    /// A feature specification cannot be read.
    #[error(
        "feature specification {spec:?}: {reason} \
         (examples: dct:14, pixels:14, hog:7, hog:4+dct:7, onnx:FILE:LAYER, table)"
    )]
    Spec {
        /// The text.
        spec: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A backbone cannot be used.
    #[error("the backbone {path}: {reason}", path = path.display())]
    Backbone {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An option lies outside its range.
    #[error("{name} = {value}: {expected}")]
    Option {
        /// The option.
        name: &'static str,
        /// The value given.
        value: String,
        /// The values accepted.
        expected: &'static str,
    },
    /// Samples and pipeline do not fit together.
    #[error("the pipeline expects {expected}, but the samples are {found}")]
    Mismatch {
        /// What the pipeline was made for.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// A value is NaN or infinite.
    #[error("{what}: value at row {row}, column {column} (counted from 0) is NaN or infinite")]
    NonFinite {
        /// Which matrix.
        what: String,
        /// Row, counted from 0.
        row: usize,
        /// Column, counted from 0.
        column: usize,
    },
    /// A pipeline or statistics file cannot be read.
    #[error("{what}: {reason}")]
    Json {
        /// Which document.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

fn paths(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    shown.join(", ")
}

impl Error {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Error::Io {
            path: path.to_path_buf(),
            source,
        }
    }

    pub(crate) fn format(path: &Path, reason: impl Into<String>) -> Self {
        Error::Format {
            path: path.to_path_buf(),
            reason: reason.into(),
        }
    }

    pub(crate) fn too_large(path: &Path, what: impl Into<String>, limit: u64) -> Self {
        Error::TooLarge {
            path: path.to_path_buf(),
            what: what.into(),
            limit,
        }
    }

    pub(crate) fn folder(path: &Path, reason: impl Into<String>) -> Self {
        Error::Folder {
            path: path.to_path_buf(),
            reason: reason.into(),
        }
    }
}
