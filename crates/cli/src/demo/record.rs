//! What a run of the demo begins with, and what it gave.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tapetum::Plan;
use tapetum::contributor::Encrypted;
use tapetum::owner::Made;
use tapetum::plan::DEFAULT_ROWS;
use tapetum::server::{Classified, Trained};
use tapetum::vision::Split;

use super::predictions::Predictions;

/// What is to be told apart from the rest.
pub const POSITIVE: &str = "cat";
/// Three rows of blocks of 512 samples.
pub const TRAIN: usize = DEFAULT_ROWS;
/// What is left of 992 cats and as many others.
pub const TEST: usize = 448;

/// The three directories and the files that pass between them.
pub struct Places {
    pub owner: PathBuf,
    pub contributor: PathBuf,
    pub server: PathBuf,
    pub train: PathBuf,
    pub test: PathBuf,
    pub model: PathBuf,
    pub scores: PathBuf,
}

impl Places {
    /// Below one folder.
    pub fn under(dir: &Path) -> Self {
        let server = dir.join("server");
        Self {
            owner: dir.join("owner"),
            contributor: dir.join("contributor"),
            train: server.join("train.enc"),
            test: server.join("test.enc"),
            model: server.join("model.enc"),
            scores: server.join("scores.enc"),
            server,
        }
    }
}

/// Everything that a run of the demo gave.
pub struct Ran<'a> {
    pub plan: &'a Plan,
    pub split: &'a Split,
    pub keys: &'a Made,
    pub sent: &'a Encrypted,
    pub asked: &'a Encrypted,
    pub trained: &'a Trained,
    pub answered: &'a Classified,
    pub scores: &'a [f64],
    pub predictions: Option<Predictions>,
    pub reference: &'a [f64],
    pub seconds: Seconds,
    pub places: &'a Places,
}

/// Seconds of each step.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Seconds {
    /// Owner: keys.
    pub keygen: f64,
    /// Owner: training images.
    pub encrypt_train: f64,
    /// Server: training.
    pub train: f64,
    /// Contributor: held-out images.
    pub encrypt_test: f64,
    /// Server: classification.
    pub classify: f64,
    /// Owner: predictions.
    pub decrypt: f64,
    /// From the first image that is read to the last prediction.
    pub total: f64,
}
