//! Files of encrypted sums.

use std::path::Path;

use tapetum_ckks::Parameters;
use tapetum_ckks::wire::Bundle;
use tapetum_learn::PooledSums;

use super::files;
use crate::error::{Context, Result};

/// Sums of one site or of several.
pub(crate) fn read(path: &Path, parameters: &Parameters) -> Result<PooledSums> {
    let unusable = || format!("cannot use {}", path.display());
    let mut file = files::open(path)?;
    let bundle = Bundle::read(parameters, &mut file).with_context(unusable)?;
    let sums = PooledSums::from_bundle(bundle).with_context(unusable)?;
    files::check_end(file, path)?;
    Ok(sums)
}
