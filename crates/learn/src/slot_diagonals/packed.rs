//! All diagonals in one ciphertext, to be bootstrapped together.
//!
//! A packed vector holds two weight matrices v and w: inner position i has diagonal i mod P of v if i / P is even and
//! of w if it is odd.

use tapetum_ckks::Ciphertext;

use super::{OnDiagonals, SlotDiagonals};
use crate::error::Result;

impl OnDiagonals<'_> {
    /// The diagonals of v times `factor`, each the same at all positions,
    /// [two levels](SlotDiagonals::UNPACKING) lower.
    pub fn unpack(&self, packed: &Ciphertext, factor: f64) -> Result<Vec<Ciphertext>> {
        self.take_apart(&self.shape.both(), packed, factor)
    }

    /// A vector for each diagonal, of which the real parts are summed over the samples: 2 `of_v` and 2 `of_w` times the
    /// sums, packed, [three levels](SlotDiagonals::PACKING) lower.
    pub fn sum_and_pack(&self, vectors: &[Ciphertext], of_v: f64, of_w: f64) -> Result<Ciphertext> {
        let evaluator = self.evaluator;
        let &SlotDiagonals {
            outputs, samples, ..
        } = self.shape;
        let sums = self.put_together(&self.shape.one(), vectors, |_| 1.0)?;
        let real = evaluator.add(&sums, &evaluator.conjugate(&sums)?)?;
        // Over all positions: right in the first P, from where the sums are copied to the others.
        let all = evaluator.sum_slots(&real, samples / outputs, outputs as i64)?;
        let beside = evaluator.rotate(&all, -(outputs as i64))?;
        let half = |number: usize, value: f64| {
            let here = move |i| i / outputs == number;
            self.inner_mask(all.level(), move |i| if here(i) { value } else { 0.0 })
        };
        let (v, w) = (half(0, of_v)?, half(1, of_w)?);
        let both = evaluator.rescale(&self.masked([(&all, &v), (&beside, &w)])?)?;
        let period = 2 * outputs;
        Ok(evaluator.sum_slots(&both, samples / period, -(period as i64))?)
    }

    /// (1 + `momentum`) v - `momentum` w in place of v and v in place of w: what a step adds the gradient to. Packed, one
    /// level lower.
    pub fn advance(&self, packed: &Ciphertext, momentum: f64) -> Result<Ciphertext> {
        let evaluator = self.evaluator;
        let outputs = self.shape.outputs;
        let half = |number: usize, value: f64| {
            let here = move |i| i / outputs % 2 == number;
            self.inner_mask(packed.level(), move |i| if here(i) { value } else { 0.0 })
        };
        let steps = outputs as i64;
        let turned = evaluator.rotate_hoisted(packed, &[steps, -steps])?;
        let [old_w, old_v] = &turned[..] else {
            unreachable!("two rotations were asked for");
        };
        let (v, w, moved) = (half(0, 1.0 + momentum)?, half(0, -momentum)?, half(1, 1.0)?);
        let next = self.masked([(packed, &v), (old_w, &w), (old_v, &moved)])?;
        Ok(evaluator.rescale(&next)?)
    }

    /// w in place of v. What comes in place of w is of no use.
    pub fn w_as_v(&self, packed: &Ciphertext) -> Result<Ciphertext> {
        Ok(self.evaluator.rotate(packed, self.shape.outputs as i64)?)
    }
}
