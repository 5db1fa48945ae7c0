//! Files of samples that are to be classified.

use std::io::Read;

use tapetum_ckks::Parameters;
use tapetum_ckks::wire::Bundle;

use super::objects::{Object, Objects};
use super::{DataFile, FileError, FileLimits};
use crate::bundle::Contribution;
use crate::error::Result;
use crate::layout::Layout;
use crate::matrix::EncryptedMatrix;
use crate::origin::Origin;

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
    let object = find(&mut objects)?;
    let matrix = EncryptedMatrix::from_bundle(objects.read(&object)?);
    Ok((matrix.map_err(|e| file.unusable(e))?, objects.rest()))
}

/// The matrix of samples to be classified, which a contributor's name may precede.
fn find(objects: &mut Objects<'_>) -> Result<Object, FileError> {
    let object = objects.next()?;
    if object.kind != Contribution::KIND {
        return Ok(object);
    }
    match objects.more() {
        true => objects.next(),
        false => Err(FileError::NoSamples(objects.file.name.clone())),
    }
}

/// What samples to be classified are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleShape {
    /// How they lie in ciphertexts.
    pub layout: Layout,
    /// Their level.
    pub level: usize,
    /// Whose keys and features they have.
    pub origin: Origin,
    /// Bytes that they take in memory.
    pub expanded_bytes: u64,
    /// Bytes of the file that follow them.
    pub rest: u64,
}

/// Checks samples to be classified to the last residue, without keeping them: one ciphertext at a time is in memory.
///
/// # Errors
/// As [`read_samples`].
pub fn check_samples(
    file: &DataFile,
    parameters: &Parameters,
    limits: FileLimits,
) -> Result<SampleShape, FileError> {
    let mut objects = Objects::open(file, parameters, limits)?;
    let object = find(&mut objects)?;
    let (layout, level) = objects.skim(&object, |front| front.matrix())?;
    let origin = EncryptedMatrix::origin_in(&object.metadata);
    Ok(SampleShape {
        layout,
        level,
        origin: origin.map_err(|error| file.unusable(error))?,
        expanded_bytes: object.expanded,
        rest: objects.rest(),
    })
}

/// What the first samples of a file say of themselves, by their front alone.
///
/// # Errors
/// [`FileError`] if the file does not begin with samples of these parameters.
pub fn origin_of(file: &DataFile, parameters: &Parameters) -> Result<Origin, FileError> {
    let object = find(&mut Objects::open(file, parameters, FileLimits::default())?)?;
    EncryptedMatrix::origin_in(&object.metadata).map_err(|error| file.unusable(error))
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
