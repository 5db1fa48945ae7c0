//! Scores of many blocks in one ciphertext, and back.
//!
//! The score of output u mod P is in all slots of u: T / P times. So T / P blocks have room in one ciphertext, block q in the
//! slots of u with u / P = q, and what is computed with each score by itself is computed once for all of them.

use tapetum_ckks::{Ciphertext, Complex64, Plaintext};

use super::OnDiagonals;
use crate::error::Result;

impl OnDiagonals<'_> {
    /// Levels of [`gather`](Self::gather).
    pub const GATHERING: usize = 1;
    /// Levels of [`scatter`](Self::scatter).
    pub const SCATTERING: usize = 1;
    /// Levels of [`sum_over_outputs`](Self::sum_over_outputs).
    pub const SUM_OVER_OUTPUTS: usize = 1;

    /// Of `blocks` blocks, two by two the real and the imaginary part of `pairs`, those of ciphertext number `group`.
    pub fn gather(&self, pairs: &[Ciphertext], blocks: usize, group: usize) -> Result<Ciphertext> {
        let evaluator = self.evaluator;
        let each = self.shape.gathered();
        let members = group * each..blocks.min((group + 1) * each);
        // Half of it, as the conjugate is added.
        let terms = (members.start / 2..members.end.div_ceil(2))
            .map(|pair| {
                let mask = self.places(group, pair, blocks, 0.5, pairs[pair].level())?;
                Ok((&pairs[pair], mask))
            })
            .collect::<Result<Vec<_>>>()?;
        let half = self.masked(terms.iter().map(|(pair, mask)| (*pair, mask)))?;
        let half = evaluator.rescale(&half)?;
        Ok(evaluator.add(&half, &evaluator.conjugate(&half)?)?)
    }

    /// `factor` times the blocks of a pair, in all slots of their class: the first minus i times the second.
    pub fn scatter(
        &self,
        groups: &[Ciphertext],
        blocks: usize,
        pair: usize,
        factor: f64,
    ) -> Result<Ciphertext> {
        let each = self.shape.gathered();
        let last = (2 * pair + 1).min(blocks - 1);
        let terms = (2 * pair / each..=last / each)
            .map(|group| {
                let level = groups[group].level();
                let mask = self.places(group, pair, blocks, factor, level)?;
                Ok((&groups[group], mask))
            })
            .collect::<Result<Vec<_>>>()?;
        let masked = self.masked(terms.iter().map(|(group, mask)| (*group, mask)))?;
        let masked = self.evaluator.rescale(&masked)?;
        let stride = (self.shape.outputs * self.shape.samples) as i64;
        Ok(self.evaluator.sum_slots(&masked, each, stride)?)
    }

    /// `factor` times the sum over the outputs of each sample, for all of them, one level lower.
    pub fn sum_over_outputs(&self, vector: &Ciphertext, factor: f64) -> Result<Ciphertext> {
        let (evaluator, outputs) = (self.evaluator, self.shape.outputs);
        let stride = self.shape.samples as i64;
        // Right where an output is the first; elsewhere it reaches into the next block.
        let sums = evaluator.sum_slots(vector, outputs, stride)?;
        let first = self.outer_mask(sums.level(), |u| match u % outputs {
            0 => Complex64::new(factor, 0.0),
            _ => Complex64::ZERO,
        })?;
        let sums = evaluator.rescale(&evaluator.mul_plain(&sums, &first)?)?;
        Ok(evaluator.sum_slots(&sums, outputs, -stride)?)
    }

    /// `value` for the outputs that no class has; nothing if all are classes.
    pub fn missing_classes(
        &self,
        classes: usize,
        value: f64,
        level: usize,
    ) -> Result<Option<Plaintext>> {
        let outputs = self.shape.outputs;
        if classes == outputs {
            return Ok(None);
        }
        let missing = self.outer_mask(level, |u| match u % outputs >= classes {
            true => Complex64::new(value, 0.0),
            false => Complex64::ZERO,
        })?;
        Ok(Some(missing))
    }

    /// `factor` where the first block of a pair is in ciphertext number `group`, - i times that where the second is.
    fn places(
        &self,
        group: usize,
        pair: usize,
        blocks: usize,
        factor: f64,
        level: usize,
    ) -> Result<Plaintext> {
        let (each, outputs) = (self.shape.gathered(), self.shape.outputs);
        self.outer_mask(level, |u| {
            let block = group * each + u / outputs;
            match (block < blocks && block / 2 == pair, block % 2) {
                (false, _) => Complex64::ZERO,
                (true, 0) => Complex64::new(factor, 0.0),
                (true, _) => Complex64::new(0.0, -factor),
            }
        })
    }

    /// Numbers that depend on u, the same for all samples.
    fn outer_mask(&self, level: usize, value: impl Fn(usize) -> Complex64) -> Result<Plaintext> {
        let samples = self.shape.samples;
        let slots: Vec<_> = (0..self.shape.slots())
            .map(|slot| value(slot / samples))
            .collect();
        Ok(self.evaluator.encoder().encode_complex(&slots, level)?)
    }
}
