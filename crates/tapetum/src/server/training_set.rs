//! The file that a contributor gives to the server: an encrypted matrix and, for training, its labels.
//!
//! A training file begins with the name of its contributor. Then two objects follow each other: the
//! matrix, and encrypted labels, or clear ones as bytes. For training in mini-batches a file has as
//! many such pairs as there are mini-batches. Files may be appended to each other. Samples to be
//! classified are a matrix alone.

use std::io::{Read, Write};
use std::path::Path;

use tapetum_ckks::Parameters;
use tapetum_ckks::wire::Bundle;
use tapetum_learn::{Contribution, EncryptedMatrix, Labels};

use crate::error::{Context, Result};
use crate::progress::{self, Step};

/// Writes whose samples follow.
pub fn write_contributor(file: &mut impl Write, parameters: &Parameters, name: &str) -> Result<()> {
    Ok(Contribution::new(name)?
        .to_bundle(parameters)?
        .write(file)?)
}

/// Reads whose samples follow.
pub fn contributor_from(
    file: &mut impl Read,
    path: &Path,
    parameters: &Parameters,
) -> Result<String> {
    let unusable = || format!("cannot use {}", path.display());
    let bundle = Bundle::read(parameters, file).with_context(unusable)?;
    let contribution = Contribution::from_bundle(bundle).with_context(unusable)?;
    Ok(contribution.name().to_owned())
}

/// Writes samples and, if any, their labels.
pub fn write(
    file: &mut impl Write,
    matrix: &EncryptedMatrix,
    labels: Option<&Labels>,
) -> Result<()> {
    matrix.to_bundle()?.write(&mut *file)?;
    if let Some(labels) = labels {
        labels.to_bundle(matrix.parameters())?.write(file)?;
    }
    Ok(())
}

/// Reads samples to be classified; labels that follow are left alone.
pub fn read_matrix(
    path: &Path,
    parameters: &Parameters,
    step: &dyn Step,
) -> Result<EncryptedMatrix> {
    let unusable = || format!("cannot use {}", path.display());
    let mut file = progress::open(step, path)?;
    let mut bundle = Bundle::read(parameters, &mut file).with_context(unusable)?;
    if bundle.kind() == Contribution::KIND {
        bundle = Bundle::read(parameters, &mut file).with_context(unusable)?;
    }
    EncryptedMatrix::from_bundle(bundle).with_context(unusable)
}

/// The labels in a bundle, encrypted or not.
pub fn labels_from(bundle: Bundle<'_>, path: &Path) -> Result<Labels> {
    Labels::from_bundle(bundle).with_context(|| format!("cannot use {}", path.display()))
}

/// Samples from the next object of a file.
pub fn matrix_from(
    file: &mut impl Read,
    path: &Path,
    parameters: &Parameters,
) -> Result<EncryptedMatrix> {
    let unusable = || format!("cannot use {}", path.display());
    let bundle = Bundle::read(parameters, file).with_context(unusable)?;
    EncryptedMatrix::from_bundle(bundle).with_context(unusable)
}
