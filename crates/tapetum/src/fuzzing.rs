//! What reads files, as functions: for the fuzz targets, and for nobody else.

use std::path::Path;

use tapetum_ckks::Parameters;

use crate::error::{Error, Result};
use crate::folders::Index;
use crate::folders::{inspect, model};
use crate::plan::Plan;
use crate::server::Batches;

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
pub fn batches(path: &Path, parameters: &Parameters, classes: usize) -> bool {
    let Ok(batches) = Batches::open(&[path.to_owned()], &[], parameters, classes) else {
        return false;
    };
    (0..batches.len()).all(|batch| is_accepted(batches.read(batch)))
}

/// What is refused is refused for a reason that is known.
fn is_accepted<T>(found: Result<T>) -> bool {
    match found {
        Ok(_) => true,
        Err(error) => {
            let code = failure::exit_code(&error);
            assert!(code > 2, "{error}");
            false
        }
    }
}
