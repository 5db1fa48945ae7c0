//! The file that a sender gives to the server: an encrypted matrix and, for training, its labels.
//!
//! Two objects follow each other: the matrix, then encrypted labels, or clear ones as bytes. For
//! training in mini-batches a file has as many such pairs as there are mini-batches.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use tapetum_ckks::Parameters;
use tapetum_ckks::wire::Bundle;
use tapetum_learn::{ClassLabels, EncryptedLabels, EncryptedMatrix, Labels};

use crate::failure::Failure;
use crate::files;
use crate::progress::Step;

const CLEAR_LABELS: &str = "clear-labels";

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
    matrix_from(&mut step.open(path)?, path, parameters)
}

/// Reads samples and labels to train with.
pub fn read(
    path: &Path,
    parameters: &Parameters,
    step: &Step,
) -> Result<(EncryptedMatrix, Labels)> {
    let mut rest = step.open(path)?;
    let unusable = || format!("cannot use {}", path.display());
    let matrix = matrix_from(&mut rest, path, parameters)?;
    let mut first = [0];
    if rest.read(&mut first).with_context(unusable)? == 0 {
        let message = format!(
            "{} holds samples without labels: training needs labels, so encrypt labelled data \
             with --labels encrypted or --labels clear",
            path.display()
        );
        return Err(Failure::Input(message).into());
    }
    let mut rest = first.as_slice().chain(rest);
    let bundle = Bundle::read(parameters, &mut rest).with_context(unusable)?;
    files::check_end(rest, path)?;
    let labels = labels_from(bundle, path)?;
    Ok((matrix, labels))
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
