//! Many weight vectors at once, on diagonals of slots.
//!
//! Samples lie in blocks of S samples by T features in the order of columns: feature t of sample i is in slot
//! t S + i. A rotation by a multiple of S is then cyclic in the features, so a product with a matrix W of T features by
//! P outputs needs no mask (Halevi, Shoup 2014; for the other order of slots it is DiagABT of HETAL, Lee et al. 2023).
//! W is P *diagonals*, numbers j = g B + b of a giant step g and a baby step b:
//!
//! ```text
//! D_j in the slots of u = W[u + b, u - g B]        (features modulo T, outputs modulo P)
//! ```
//!
//! * `scores`: X W is the sum over k < T / P of rotations by k P S of the sum over g of
//!   rotations by g B S of the sum over b of rot_(b S)(X) D_j. The score of output u mod P is in the slots of u.
//! * `gradient_products`: column j of the gradient is rot_(b S)(X) times the residuals rotated by - g B S, summed over the
//!   samples. The same rotated samples serve both products.
//! * `packed`: all diagonals in one ciphertext, diagonal j at the inner positions i = j; how they are taken apart, and
//!   put together while they are summed over the samples.
//! * `gathered`: the scores of many blocks in one ciphertext.
//! * `rows`: W as a [`LinearModel`](crate::LinearModel) has it.
//!
//! Two samples are the real and the imaginary part of a slot: weights are real, so scores come out side by side, and the
//! gradient of both is the real part of X times the conjugate residuals.

mod gathered;
mod moves;
mod packed;
mod pairs;
mod positions;
mod products;
mod rows;
mod shape;

use tapetum_ckks::{Ciphertext, Evaluator, Plaintext, Undivided};

pub(crate) use self::pairs::PairLabels;
pub(crate) use self::positions::Positions;
pub(crate) use self::shape::SlotDiagonals;
use crate::error::{LearnError, Result};

/// The diagonals of some layout, and what the server computes with.
#[derive(Clone, Copy)]
pub(crate) struct OnDiagonals<'a> {
    pub evaluator: &'a Evaluator,
    pub shape: &'a SlotDiagonals,
}

impl OnDiagonals<'_> {
    /// Numbers that depend on the inner position i, the same for all features.
    fn inner_mask(&self, level: usize, value: impl Fn(usize) -> f64) -> Result<Plaintext> {
        let samples = self.shape.samples;
        let slots: Vec<_> = (0..self.shape.slots())
            .map(|slot| value(slot % samples))
            .collect();
        Ok(self.evaluator.encoder().encode(&slots, level)?)
    }

    /// The sum of vectors, each rotated by its steps, before the division by P that all of them share.
    fn rotated_sum(
        &self,
        terms: impl IntoIterator<Item = Result<(Ciphertext, i64)>>,
    ) -> Result<Undivided> {
        let mut terms = terms.into_iter();
        let (first, steps) = terms
            .next()
            .ok_or(LearnError::Empty("terms of a sum of rotations"))??;
        let mut sum = self.evaluator.sum_rotations(&first, &[steps])?;
        for term in terms {
            let (vector, steps) = term?;
            self.evaluator.add_rotations(&mut sum, &vector, &[steps])?;
        }
        Ok(sum)
    }

    /// The sum of products of vectors with masks, not yet rescaled.
    fn masked<'c>(
        &self,
        terms: impl IntoIterator<Item = (&'c Ciphertext, &'c Plaintext)>,
    ) -> Result<Ciphertext> {
        let terms: Vec<_> = terms.into_iter().collect();
        Ok(self.evaluator.mul_plain_sum(&terms)?)
    }
}
