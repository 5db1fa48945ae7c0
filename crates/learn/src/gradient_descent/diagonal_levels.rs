//! At which levels an iteration on [diagonals of slots](crate::slot_diagonals) computes what.

use super::softmax::Softmax;
use super::{GradientDescent, Link};
use crate::bootstrap::BootstrapLevels;
use crate::error::Result;
use crate::linear_model::LinearModel;
use crate::slot_diagonals::{OnDiagonals, SlotDiagonals};

/// Levels from bootstrapped weights to a model.
pub(super) const MODEL_LEVELS: usize =
    LinearModel::LEVEL + SlotDiagonals::ROWS + SlotDiagonals::UNPACKING;

/// At which levels an iteration computes.
#[derive(Clone, Copy)]
pub(super) struct DiagonalLevels {
    /// Samples are multiplied with weights.
    pub samples: usize,
    /// The exponentials of the softmax come from their bootstrap.
    pub exponentials: usize,
    /// Samples are multiplied with residuals.
    pub residuals: usize,
    /// Of all, and of a model.
    pub highest: usize,
}

impl GradientDescent {
    /// Where an iteration computes what.
    pub(super) fn diagonal_levels(
        &self,
        classes: usize,
        bootstrap: BootstrapLevels,
    ) -> Result<DiagonalLevels> {
        let residuals = bootstrap.input + SlotDiagonals::PACKING + SlotDiagonals::PRODUCT;
        let (scores, exponentials) = match &self.link {
            Link::Sigmoid(sigmoid) => (residuals + sigmoid.levels(), 0),
            &Link::Softmax(interval) => {
                let softmax = Softmax::new(interval, classes)?;
                let before = OnDiagonals::GATHERING + softmax.levels_before();
                let after = softmax.levels_after() + OnDiagonals::SCATTERING;
                (bootstrap.input + before, residuals + after)
            }
        };
        let samples = scores + SlotDiagonals::PRODUCT;
        let weights = samples + SlotDiagonals::UNPACKING;
        Ok(DiagonalLevels {
            samples,
            exponentials,
            residuals,
            highest: weights.max(exponentials).max(MODEL_LEVELS),
        })
    }
}
