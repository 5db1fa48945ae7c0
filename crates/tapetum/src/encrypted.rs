//! What is given to the server, in memory.

use tapetum_learn::{EncryptedMatrix, Labels};

/// Encrypted samples with their labels, to train on.
#[derive(Debug)]
pub struct EncryptedDataSet {
    pub(crate) contributor: String,
    /// More than one where training reads its samples part by part.
    pub(crate) parts: Vec<(EncryptedMatrix, Labels)>,
}

impl EncryptedDataSet {
    /// Whose samples they are.
    pub fn contributor(&self) -> &str {
        &self.contributor
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
    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.0.samples()
    }
}
