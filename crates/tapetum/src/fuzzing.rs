//! What reads files, as functions: for the fuzz targets, and for nobody else.

use std::path::Path;

use tapetum_ckks::Parameters;
use tapetum_learn::files::{FileLimits, TrainingFiles};
use tapetum_learn::{BatchSource, TrainingSpec};

use crate::error::{ErrorKind, Result};
use crate::folders::Index;
use crate::folders::{inspect, model};
use crate::plan::Plan;

/// Whether the command takes a role's folder for one with a plan.
pub fn plan(dir: &Path) -> bool {
    is_accepted(Plan::read(dir))
}

/// Whether the command takes a file for a plain model.
pub fn plain_model(path: &Path) -> bool {
    is_accepted(model::read(path))
}

/// Whether the command takes a file for an index.
pub fn index(path: &Path) -> bool {
    is_accepted(Index::read(path))
}

/// Whether the command can tell what a file is.
pub fn inspect(path: &Path) -> bool {
    is_accepted(inspect::inspect(path))
}

/// Whether the command takes a file for samples and labels to train on, all of which are read.
pub fn batches(path: &Path, parameters: &Parameters, spec: &TrainingSpec) -> bool {
    let limits = FileLimits::default();
    let Ok(batches) = TrainingFiles::open([path], spec, parameters, limits) else {
        return false;
    };
    (0..batches.batches()).all(|batch| is_accepted(batches.read(batch).map_err(Into::into)))
}

/// What is refused is refused for a reason that is known.
fn is_accepted<T>(found: Result<T>) -> bool {
    match found {
        Ok(_) => true,
        Err(error) => {
            assert!(error.kind() != ErrorKind::Unexpected, "{error}");
            false
        }
    }
}
