//! What a training is asked for, and what it answers.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tapetum_learn::EncryptedModel;

use crate::error::Result;
use crate::folders::files;

/// What to train on, and where to keep what comes of it.
#[derive(Clone, Debug, Default)]
pub struct TrainOptions {
    /// Files of encrypted samples with their labels, in any order.
    pub data: Vec<PathBuf>,
    /// Contributors whose samples are left out, as if they had never been there.
    pub without: Vec<String>,
    /// The encrypted model to write.
    pub out: PathBuf,
    /// With mini-batches: the file that keeps the state of the training, after every iteration.
    pub checkpoint: Option<PathBuf>,
    /// Resume from the checkpoint, if there is one.
    pub resume: bool,
    /// With mini-batches: the file for the model as it is after every iteration.
    pub snapshot: Option<PathBuf>,
    /// With mini-batches: end after so many iterations.
    pub until: Option<usize>,
}

impl TrainOptions {
    /// One file, one model.
    pub fn new(data: &Path, out: &Path) -> Self {
        Self {
            data: vec![data.to_owned()],
            out: out.to_owned(),
            ..Self::default()
        }
    }
}

/// What was trained.
#[derive(Debug, Serialize)]
pub struct Trained {
    /// How.
    pub learner: String,
    /// On how many samples.
    pub samples: usize,
    /// Whose samples these are.
    pub contributors: Vec<String>,
    /// Whether the server saw the labels.
    pub labels_encrypted: bool,
    /// The level that is left to the model.
    pub level: usize,
    /// Bytes of the model.
    pub bytes: u64,
    /// Iterations that were done in all, if training was in mini-batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iterations: Option<usize>,
    /// The iteration that it went on from, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<usize>,
    /// What there is to note of the data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Writes an encrypted model.
pub(super) fn write(model: &EncryptedModel, path: &Path) -> Result<u64> {
    let bundle = model.to_bundle()?;
    files::write_atomically(path, |file| bundle.write(file))
}
