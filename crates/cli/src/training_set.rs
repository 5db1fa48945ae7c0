//! The file that a sender gives to the server: an encrypted matrix and, for training, its labels.
//!
//! A training file begins with the name of its contributor. Then two objects follow each other: the
//! matrix, and encrypted labels, or clear ones as bytes. For training in mini-batches a file has as
//! many such pairs as there are mini-batches. Files may be appended to each other. Samples to be
//! classified are a matrix alone.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use tapetum_ckks::Parameters;
use tapetum_ckks::wire::Bundle;
use tapetum_learn::{ClassLabels, EncryptedLabels, EncryptedMatrix, Labels};

use crate::failure::Failure;
use crate::progress::Step;

const CLEAR_LABELS: &str = "clear-labels";

/// The kind of bundle that says whose samples follow.
pub const CONTRIBUTION: &str = "contribution";
/// Most bytes of a contributor's name: 64 characters.
const MAX_NAME: usize = 256;

/// Writes whose samples follow.
pub fn write_contributor(file: &mut impl Write, parameters: &Parameters, name: &str) -> Result<()> {
    Ok(Bundle::new(parameters, CONTRIBUTION, name.as_bytes(), vec![])?.write(file)?)
}

/// Reads whose samples follow.
pub fn contributor_from(
    file: &mut impl Read,
    path: &Path,
    parameters: &Parameters,
) -> Result<String> {
    let unusable = || format!("cannot use {}", path.display());
    let bundle = Bundle::read(parameters, file).with_context(unusable)?;
    let (name, _) = bundle.into_contents(CONTRIBUTION).with_context(unusable)?;
    match String::from_utf8(name) {
        Ok(name) if name.len() <= MAX_NAME && !name.chars().any(char::is_control) => Ok(name),
        _ => {
            let message = format!("{} has a contributor without a proper name", path.display());
            Err(Failure::Input(message).into())
        }
    }
}

/// Writes samples and, if any, their labels.
pub fn write(
    file: &mut impl Write,
    matrix: &EncryptedMatrix,
    labels: Option<&Labels>,
) -> Result<()> {
    matrix.to_bundle()?.write(&mut *file)?;
    match labels {
        None => (),
        Some(Labels::Encrypted(labels)) => labels.to_bundle()?.write(file)?,
        Some(Labels::Clear(labels)) => {
            // The number of classes, less one to fit into a byte, and the labels.
            let mut bytes = vec![(labels.classes() - 1) as u8];
            bytes.extend(labels.as_slice());
            Bundle::new(matrix.parameters(), CLEAR_LABELS, bytes, vec![])?.write(file)?;
        }
    }
    Ok(())
}

/// Reads samples to be classified; labels that follow are left alone.
pub fn read_matrix(path: &Path, parameters: &Parameters, step: &Step) -> Result<EncryptedMatrix> {
    let unusable = || format!("cannot use {}", path.display());
    let mut file = step.open(path)?;
    let mut bundle = Bundle::read(parameters, &mut file).with_context(unusable)?;
    if bundle.kind() == CONTRIBUTION {
        bundle = Bundle::read(parameters, &mut file).with_context(unusable)?;
    }
    EncryptedMatrix::from_bundle(bundle).with_context(unusable)
}

/// The labels in a bundle, encrypted or not.
pub fn labels_from(bundle: Bundle<'_>, path: &Path) -> Result<Labels> {
    let unusable = || format!("cannot use {}", path.display());
    if bundle.kind() != CLEAR_LABELS {
        let labels = EncryptedLabels::from_bundle(bundle).with_context(unusable)?;
        return Ok(Labels::Encrypted(labels));
    }
    let (bytes, _) = bundle.into_contents(CLEAR_LABELS)?;
    let (&last, labels) = bytes
        .split_first()
        .ok_or_else(|| Failure::Input(format!("{} holds no labels", path.display())))?;
    let classes = usize::from(last) + 1;
    let labels = ClassLabels::of_classes(labels.to_vec(), classes).with_context(unusable)?;
    Ok(Labels::Clear(labels))
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
