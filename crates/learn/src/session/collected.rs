//! Training that needs all samples at once.

use tapetum_ckks::Evaluator;

use super::{Additive, Session};
use crate::error::Result;
use crate::estimator::Estimator;
use crate::labels::Labels;
use crate::matrix::EncryptedMatrix;
use crate::model::EncryptedModel;
use crate::progress::Listener;
use crate::samples::{Batch, Samples};

/// Keeps the batches, and fits once to all of them, below each other.
pub(crate) struct Collected<E> {
    estimator: E,
    evaluator: Evaluator,
    batches: Vec<Batch>,
}

impl<E: Estimator + Send> Collected<E> {
    pub(crate) fn new(estimator: E, evaluator: Evaluator) -> Self {
        Self {
            estimator,
            evaluator,
            batches: Vec::new(),
        }
    }
}

/// Batches below each other.
pub(crate) fn stack(batches: Vec<Batch>) -> Result<Batch> {
    let (matrices, labels): (Vec<_>, Vec<_>) = batches.into_iter().unzip();
    let layouts: Vec<_> = matrices.iter().map(|matrix| *matrix.layout()).collect();
    let labels = Labels::stack(labels, &layouts)?;
    Ok((EncryptedMatrix::stack(matrices)?, labels))
}

impl<E: Estimator + Send> Session for Collected<E> {
    fn upcoming(&self, ahead: usize, batches: usize) -> Option<usize> {
        Some(self.batches.len() + ahead).filter(|&batch| batch < batches)
    }

    fn add(&mut self, batch: &Batch, _: &mut Listener<'_>) -> Result<()> {
        self.batches.push(batch.clone());
        Ok(())
    }

    fn merge(&mut self, other: Additive) -> Result<()> {
        self.batches.append(&mut other.into_inner()?);
        Ok(())
    }

    fn into_additive(self: Box<Self>) -> Result<Additive> {
        Ok(Additive::new(self.batches))
    }

    fn finish(self: Box<Self>, progress: &mut Listener<'_>) -> Result<EncryptedModel> {
        let (matrix, labels) = stack(self.batches)?;
        let samples = Samples::new(&self.evaluator, &matrix, &labels);
        Ok(self.estimator.fit(&samples, progress)?.into())
    }
}
