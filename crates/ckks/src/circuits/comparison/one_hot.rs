//! Where the largest of several numbers is, when each of them has a ciphertext of its own: slot i of
//! the k ciphertexts holds the k numbers of group i, so there are as many groups as slots and nothing is
//! rotated.
//!
//! All pairs are compared, each once: number j beats number i by what i does not beat j. The product
//! of its comparisons is 1 for the number that beats all others.

use rayon::prelude::*;

use super::{Precision, check_enough};
use crate::ciphertext::Ciphertext;
use crate::evaluator::{EvaluationError, Evaluator};

impl Precision {
    /// The levels that [`one_hot`](Evaluator::one_hot) takes for `count` numbers, two at least.
    pub fn one_hot_levels(self, count: usize) -> usize {
        let factors = count.saturating_sub(1).max(1);
        self.levels() + factors.next_power_of_two().ilog2() as usize
    }

    /// The largest distance from 0 or 1 in the result of [`one_hot`](Evaluator::one_hot) where the
    /// largest number is decidedly larger than the others, before rounding:
    /// (1 + e/2)^(`count` - 1) - 1 where e is [`error`](Self::error).
    pub fn one_hot_error(self, count: usize) -> f64 {
        (1.0 + 0.5 * self.error()).powi(count as i32 - 1) - 1.0
    }
}

impl Evaluator {
    /// One-hot vectors of the places of the largest numbers, for as many groups as there are slots:
    /// in each slot, the result that stands where the largest number does becomes 1 and all others
    /// become 0. Where n numbers are equal and larger than the rest, each gives 2^(1 - n).
    ///
    /// The error in a slot depends on the margin: [`clean`](Self::clean) what should not tell it.
    ///
    /// The differences of the numbers must be in [-1, 1]; else the result is nonsense without a
    /// sign. The error is [`Precision::one_hot_error`], plus rounding.
    ///
    /// k (k - 1) / 2 comparisons and k (k - 2) products for k numbers, all in
    /// [`Precision::one_hot_levels`] levels; a relinearisation key and no other. It is for many
    /// groups; [`argmax`](Self::argmax) is for few, with one comparison for all pairs.
    ///
    /// # Errors
    /// If there are less than two numbers, their levels, scales or parameters differ, levels do not
    /// suffice, or the relinearisation key is missing.
    pub fn one_hot(
        &self,
        numbers: &[Ciphertext],
        precision: Precision,
    ) -> Result<Vec<Ciphertext>, EvaluationError> {
        let [first, _, ..] = numbers else {
            return Err(EvaluationError::TooFew(numbers.len()));
        };
        let levels = precision.one_hot_levels(numbers.len());
        check_enough("a one-hot vector", first, levels)?;
        let pairs: Vec<(usize, usize)> = (0..numbers.len())
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .collect();
        let wins = pairs
            .into_par_iter()
            .map(|(i, j)| self.greater_than(&numbers[i], &numbers[j], precision))
            .collect::<Result<Vec<_>, _>>()?;
        // In the order of the pairs.
        let win = |i: usize, j: usize| &wins[i * (i - 1) / 2 + j];
        (0..numbers.len())
            .into_par_iter()
            .map(|i| {
                let wins = (0..numbers.len())
                    .filter(|&j| j != i)
                    .map(|j| match j < i {
                        true => Ok(win(i, j).clone()),
                        false => self.add_scalar(&self.neg(win(j, i))?, 1.0),
                    })
                    .collect::<Result<_, _>>()?;
                self.product(wins)
            })
            .collect()
    }

    /// The product of at least one ciphertext, by halves: ceil(log2) levels.
    fn product(&self, mut factors: Vec<Ciphertext>) -> Result<Ciphertext, EvaluationError> {
        while factors.len() > 1 {
            factors = factors
                .chunks(2)
                .map(|pair| match pair {
                    [a, b] => self.relinearize_rescale(&self.mul(a, b)?),
                    rest => self.lower_to(&rest[0], rest[0].level() - 1),
                })
                .collect::<Result<_, _>>()?;
        }
        Ok(factors.swap_remove(0))
    }
}
