//! The range flag of one image, while its ReLU are computed.

use tapetum_ckks::{Ciphertext, Evaluator};

use crate::error::Result;
use crate::plan::RANGE_LEVEL;

/// The sum of h^2 - h so far, h being the steps of ReLU.
#[derive(Default)]
pub(super) struct RangeFlag {
    sum: Option<Ciphertext>,
}

impl RangeFlag {
    /// Adds the step of a ReLU.
    pub fn add(&mut self, evaluator: &Evaluator, step: &Ciphertext) -> Result<()> {
        let step = evaluator.lower_to(step, RANGE_LEVEL)?;
        let square = evaluator.relinearize_rescale(&evaluator.mul(&step, &step)?)?;
        let step = evaluator.lower_to(&step, RANGE_LEVEL - 1)?;
        let excess = evaluator.sub(&square, &step)?;
        match &mut self.sum {
            Some(sum) => evaluator.add_assign(sum, &excess)?,
            none => *none = Some(excess),
        }
        Ok(())
    }

    /// The sum over all slots times `weight`, in every slot: nothing else of the values is left.
    pub fn finish(self, evaluator: &Evaluator, weight: f64) -> Result<Option<Ciphertext>> {
        let Some(sum) = self.sum else { return Ok(None) };
        let slots = evaluator.parameters().slots();
        let all = evaluator.sum_slots(&sum, slots, 1)?;
        Ok(Some(evaluator.lower_scaled(&all, 0, weight)?))
    }
}
