//! All weights in one ciphertext, to be bootstrapped together.
//!
//! A bootstrap costs the same for one slot and for all. So v and w of all classes and columns of
//! blocks, each equal in all rows of a block, are masked and added up such that they lie side by
//! side, in *chunks* of one row: first those of v, then those of w, each part filled up to a power
//! of two of chunks, and all that repeated over the slots.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::terms::Iterates;
use crate::error::{LearnError, Result};
use crate::layout::log2;
use crate::vectors::times_i;

/// How the weights lie in the slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    /// Weight vectors of v, and as many of w.
    count: usize,
    /// Slots of a chunk.
    width: usize,
    slots: usize,
}

impl Chunks {
    pub fn new(count: usize, width: usize, slots: usize) -> Result<Self> {
        let chunks = Self {
            count,
            width,
            slots,
        };
        match chunks.period() <= slots {
            true => Ok(chunks),
            false => Err(LearnError::Layout {
                what: "the number of slots for all weights, twice",
                found: chunks.period(),
                allowed: "at most that of a ciphertext, so take fewer features or a larger ring",
            }),
        }
    }

    /// Chunks of v, and of w, with the empty ones.
    fn half(&self) -> usize {
        self.count.next_power_of_two()
    }

    /// Slots after which the packed vector repeats.
    pub fn period(&self) -> usize {
        2 * self.half() * self.width
    }

    /// `value` in one chunk.
    fn mask(&self, values: &[(usize, f64)]) -> Vec<f64> {
        let mut slots = vec![0.0; self.slots];
        for period in slots.chunks_exact_mut(self.period()) {
            for &(chunk, value) in values {
                period[chunk * self.width..][..self.width].fill(value);
            }
        }
        slots
    }

    /// v and w times `factor`, packed, one level below v. The coefficients of the terms are in the
    /// masks, so all of it is one sum of products with plaintexts.
    pub fn pack(
        &self,
        evaluator: &Evaluator,
        iterates: &Iterates,
        factor: f64,
    ) -> Result<Ciphertext> {
        let level = iterates
            .level()
            .ok_or(LearnError::Empty("weights to bootstrap"))?;
        let terms: Vec<_> = iterates
            .terms()
            .filter(|&(_, v, w)| v != 0.0 || w != 0.0)
            .collect();
        let parts = (0..terms.len() * self.count)
            .into_par_iter()
            .map(|i| {
                let ((term, v, w), j) = (terms[i / self.count], i % self.count);
                let mask = self.mask(&[(j, factor * v), (self.half() + j, factor * w)]);
                Ok((
                    evaluator.lower_to(&term[j], level)?,
                    evaluator.encoder().encode(&mask, level)?,
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        let pairs: Vec<_> = parts.iter().map(|(term, mask)| (term, mask)).collect();
        Ok(evaluator.rescale(&evaluator.mul_plain_sum(&pairs)?)?)
    }

    /// v and w times `factor`, each vector equal in all rows again, one level below `packed`.
    ///
    /// One rotation brings w beside v, as its imaginary part. Then chunk after chunk is masked and
    /// copied to all others by log2 of their number rotations, and a conjugation takes v and w
    /// apart: half the rotations that two real vectors would take.
    pub fn unpack(
        &self,
        evaluator: &Evaluator,
        packed: &Ciphertext,
        factor: f64,
    ) -> Result<Iterates> {
        let beside = evaluator.rotate(packed, (self.half() * self.width) as i64)?;
        let both = evaluator.add(packed, &times_i(evaluator, &beside)?)?;
        let halves = (0..self.count)
            .into_par_iter()
            .map(|j| {
                // The conjugation doubles.
                let mask = evaluator
                    .encoder()
                    .encode(&self.mask(&[(j, factor / 2.0)]), both.level())?;
                let chunk = evaluator.rescale(&evaluator.mul_plain(&both, &mask)?)?;
                let chunk = evaluator.sum_slots(&chunk, 2 * self.half(), self.width as i64)?;
                let conjugate = evaluator.conjugate(&chunk)?;
                let v = evaluator.add(&chunk, &conjugate)?;
                let w = times_i(evaluator, &evaluator.sub(&conjugate, &chunk)?)?;
                Ok((v, w))
            })
            .collect::<Result<Vec<_>>>()?;
        let (v, w) = halves.into_iter().unzip();
        Ok(Iterates::of(v, w))
    }

    /// Key switches of [`unpack`](Self::unpack).
    pub fn unpack_key_switches(&self) -> usize {
        1 + self.count * (log2(2 * self.half()) + 1)
    }

    /// The rotations of [`unpack`](Self::unpack).
    pub fn rotations(&self) -> impl Iterator<Item = i64> + use<> {
        let width = self.width as i64;
        (0..log2(2 * self.half())).map(move |k| width << k)
    }
}
