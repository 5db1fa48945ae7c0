//! The file that a sender gives to the server: an encrypted matrix and, for training, its labels.
//!
//! Two objects follow each other: the matrix, then encrypted labels, or clear ones as bytes.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use tapetum_ckks::Parameters;
use tapetum_ckks::wire::Bundle;
use tapetum_learn::{ClassLabels, EncryptedLabels, EncryptedMatrix, Labels};

use crate::failure::Failure;
use crate::files;

const CLEAR_LABELS: &str = "clear-labels";

/// Writes samples and, if any, their labels. Returns the number of bytes.
pub fn write(path: &Path, matrix: &EncryptedMatrix, labels: Option<&Labels>) -> Result<u64> {
    let matrix_bundle = matrix.to_bundle()?;
    let labels_bundle = match labels {
        None => None,
        Some(Labels::Encrypted(labels)) => Some(labels.to_bundle()?),
        Some(Labels::Clear(labels)) => {
            let bytes: Vec<u8> = labels.as_slice().iter().map(|&l| u8::from(l)).collect();
            Some(Bundle::new(
                matrix.parameters(),
                CLEAR_LABELS,
                bytes,
                vec![],
            )?)
        }
    };
    files::write_atomically(path, |file| {
        matrix_bundle.write(&mut *file)?;
        labels_bundle.map_or(Ok(()), |bundle| bundle.write(file))
    })
}

/// Reads samples to be classified; labels that follow are left alone.
pub fn read_matrix(path: &Path, parameters: &Parameters) -> Result<EncryptedMatrix> {
    let bundle = Bundle::read(parameters, files::open(path)?)
        .with_context(|| format!("cannot use {}", path.display()))?;
    matrix_of(path, bundle)
}

/// Reads samples and labels to train with.
pub fn read(path: &Path, parameters: &Parameters) -> Result<(EncryptedMatrix, Labels)> {
    let mut file = files::open(path)?;
    let unusable = || format!("cannot use {}", path.display());
    let matrix = matrix_of(
        path,
        Bundle::read(parameters, &mut file).with_context(unusable)?,
    )?;
    let mut rest = file;
    let mut first = [0];
    if rest.read(&mut first).with_context(unusable)? == 0 {
        let message = format!(
            "{} holds samples without labels: training needs labels, so encrypt labelled data \
             with --labels encrypted or --labels clear",
            path.display()
        );
        return Err(Failure::Input(message).into());
    }
    let bundle = Bundle::read(parameters, first.as_slice().chain(rest)).with_context(unusable)?;
    let labels = if bundle.kind() == CLEAR_LABELS {
        let (bytes, _) = bundle.into_contents(CLEAR_LABELS)?;
        let labels = bytes
            .iter()
            .map(|&byte| match byte {
                0 => Ok(false),
                1 => Ok(true),
                _ => Err(Failure::Input(format!(
                    "{}: a label is {byte}",
                    path.display()
                ))),
            })
            .collect::<Result<_, _>>()?;
        Labels::Clear(ClassLabels::new(labels)?)
    } else {
        Labels::Encrypted(EncryptedLabels::from_bundle(bundle).with_context(unusable)?)
    };
    Ok((matrix, labels))
}

fn matrix_of(path: &Path, bundle: Bundle<'_>) -> Result<EncryptedMatrix> {
    EncryptedMatrix::from_bundle(bundle).with_context(|| format!("cannot use {}", path.display()))
}
