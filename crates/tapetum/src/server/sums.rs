//! Sums of several sites, added up.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tapetum_ckks::Evaluator;
use tapetum_learn::PooledSums;

use super::refuse_secret_keys;
use crate::error::{Context, Result};
use crate::folders::{files, sums};
use crate::plan::Plan;
use crate::progress::Progress;

/// What the server added up.
#[derive(Debug, Serialize)]
pub struct Added {
    /// The number of sites.
    pub sites: usize,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Adds up the sums of several sites, on a server: it takes nothing but the plan in `dir`.
///
/// # Errors
/// [`Error`](crate::Error) if there is a secret key in `dir`, or files cannot be used together.
pub fn add_sums(
    dir: &Path,
    paths: &[PathBuf],
    out: &Path,
    progress: &dyn Progress,
) -> Result<Added> {
    refuse_secret_keys(dir)?;
    let plan = Plan::read(dir)?;
    let parameters = plan.parameters()?;
    let evaluator = Evaluator::new(&parameters);
    let step = progress.begin("adding sums");
    let mut total: Option<PooledSums> = None;
    for path in paths {
        let sums = sums::read(path, &parameters)?;
        plan.check_origin(sums.origin())
            .with_context(|| format!("cannot use {}", path.display()))?;
        match &mut total {
            None => total = Some(sums),
            Some(total) => total
                .add(&sums, &evaluator)
                .with_context(|| format!("cannot add {}", path.display()))?,
        }
    }
    let total = total.context("there are no files of sums")?;
    let bundle = total.to_bundle()?;
    let bytes = files::write_atomically(out, |file| bundle.write(file))?;
    step.finish();
    Ok(Added {
        sites: total.sites(),
        bytes,
    })
}
