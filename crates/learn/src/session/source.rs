//! Where the batches of a training come from.

use std::borrow::Borrow;

use crate::error::{LearnError, Result};
use crate::samples::Batch;
use crate::task::LabelKind;

/// Batches of encrypted samples with their labels, in an order that does not change.
pub trait BatchSource: Sync {
    /// The number of batches.
    fn batches(&self) -> usize;

    /// Reads a batch, and checks all of it. Batches are read ahead, on another thread.
    ///
    /// # Errors
    /// [`LearnError`] if there is no such batch or it cannot be used.
    fn read(&self, batch: usize) -> Result<Batch>;

    /// Whether labels are encrypted.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn label_kind(&self) -> Result<LabelKind> {
        Ok(self.read(0)?.1.kind())
    }
}

/// Batches in memory.
impl<B: Borrow<Batch> + Sync> BatchSource for Vec<B> {
    fn batches(&self) -> usize {
        self.len()
    }

    fn read(&self, batch: usize) -> Result<Batch> {
        let found = self.get(batch).map(Borrow::borrow).cloned();
        found.ok_or(LearnError::Empty("batches"))
    }
}
