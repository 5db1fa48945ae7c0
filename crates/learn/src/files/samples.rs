//! Files of samples that are to be classified.

use std::io::Read;

use tapetum_ckks::Parameters;
use tapetum_ckks::wire::Bundle;

use super::objects::Objects;
use super::{DataFile, FileError, FileLimits};
use crate::bundle::Contribution;
use crate::error::Result;
use crate::matrix::EncryptedMatrix;

/// Reads samples to be classified, and says how many bytes follow them: labels, say, which
/// classification has no use for.
///
/// # Errors
/// [`FileError`] if the file cannot be used or exceeds the limits.
pub fn read_samples(
    file: &DataFile,
    parameters: &Parameters,
    limits: FileLimits,
) -> Result<(EncryptedMatrix, u64), FileError> {
    let mut objects = Objects::open(file, parameters, limits)?;
    let mut object = objects.next()?;
    if object.kind == Contribution::KIND {
        if !objects.more() {
            return Err(FileError::NoSamples(file.name.clone()));
        }
        object = objects.next()?;
    }
    let matrix = EncryptedMatrix::from_bundle(objects.read(&object)?);
    Ok((matrix.map_err(|e| file.unusable(e))?, objects.rest()))
}

/// Reads samples to be classified from the beginning of a file that its owner trusts to be of a
/// reasonable size; what follows them is left alone.
///
/// # Errors
/// [`LearnError`](crate::LearnError) if they are not samples, or reading fails.
pub fn samples_from(file: &mut impl Read, parameters: &Parameters) -> Result<EncryptedMatrix> {
    let mut bundle = Bundle::read(parameters, &mut *file)?;
    if bundle.kind() == Contribution::KIND {
        bundle = Bundle::read(parameters, file)?;
    }
    EncryptedMatrix::from_bundle(bundle)
}
