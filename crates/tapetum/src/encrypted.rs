//! What is given to the server, in memory.

use tapetum_learn::files::{write_batch, write_contributor};
use tapetum_learn::{EncryptedMatrix, Labels};

use crate::error::{Context, Result};

/// Encrypted samples with their labels, to train on.
#[derive(Debug)]
pub struct EncryptedDataSet {
    pub(crate) contributor: String,
    /// More than one where training reads its samples part by part.
    pub(crate) parts: Vec<(EncryptedMatrix, Labels)>,
    pub(crate) notes: Vec<String>,
}

impl EncryptedDataSet {
    /// Whose samples they are.
    pub fn contributor(&self) -> &str {
        &self.contributor
    }

    /// What there is to note of the samples and their features.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// As the file that `encrypt` writes.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if the name of the contributor is not one.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let (first, _) = self.parts.first().context("there are no samples")?;
        write_contributor(&mut bytes, first.parameters(), &self.contributor)?;
        for (matrix, labels) in &self.parts {
            write_batch(&mut bytes, matrix, Some(labels))?;
        }
        Ok(bytes)
    }

    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.parts.iter().map(|(matrix, _)| matrix.samples()).sum()
    }
}

/// Encrypted samples to be classified.
#[derive(Debug)]
pub struct EncryptedSamples(pub(crate) EncryptedMatrix);

impl EncryptedSamples {
    /// As the file that `encrypt` writes.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if there are more than a file can have.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        write_batch(&mut bytes, &self.0, None)?;
        Ok(bytes)
    }

    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.0.samples()
    }
}
