//! The gradient of one iteration on [diagonals of slots](crate::slot_diagonals).

use rayon::prelude::*;
use tapetum_ckks::Ciphertext;

use super::sigmoid::MonicOdd;
use crate::error::{LearnError, Result};
use crate::labels::Labels;
use crate::matrix::EncryptedMatrix;
use crate::packing;
use crate::slot_diagonals::OnDiagonals;
use crate::task::outputs;
use crate::vectors::Vectors;

/// What an iteration computes with.
pub(super) struct Iteration<'a> {
    pub on_diagonals: OnDiagonals<'a>,
    pub vectors: Vectors<'a>,
    pub sigmoid: MonicOdd,
    pub matrix: &'a EncryptedMatrix,
    pub labels: &'a Labels,
    pub classes: usize,
    /// The level of the samples.
    pub top: usize,
    /// The level of the residuals.
    pub residuals: usize,
}

impl Iteration<'_> {
    /// The sum over the samples of their features times sigma(z) - y, for each diagonal: two blocks at a time.
    pub fn gradient(&self, weights: Option<&[Ciphertext]>) -> Result<Vec<Ciphertext>> {
        let blocks = self.matrix.layout().grid_rows();
        let pairs = (0..blocks.div_ceil(2))
            .into_par_iter()
            .map(|pair| {
                let members = 2 * pair..(2 * pair + 2).min(blocks);
                let samples = self.matrix.blocks_at(
                    self.on_diagonals.evaluator,
                    self.top,
                    members.clone(),
                )?;
                let samples: Vec<_> = samples
                    .into_iter()
                    .map(|block| block.into_owned())
                    .collect();
                let rotated = self.on_diagonals.rotated(&self.side_by_side(samples, 1)?)?;
                let scores = match weights {
                    Some(weights) => {
                        let scores = self.on_diagonals.scores(&rotated, weights)?;
                        self.apart(&scores, members.len())?
                    }
                    None => Vec::new(),
                };
                let residuals = members
                    .enumerate()
                    .map(|(part, block)| self.residuals(scores.get(part), block, &rotated[0]))
                    .collect::<Result<Vec<_>>>()?;
                let residuals = self
                    .on_diagonals
                    .turned_back(&self.side_by_side(residuals, -1)?)?;
                let rotated = rotated
                    .iter()
                    .map(|x| Ok(self.on_diagonals.evaluator.lower_to(x, self.residuals)?))
                    .collect::<Result<Vec<_>>>()?;
                let key_switches = self.on_diagonals.shape.rotating_key_switches();
                self.vectors
                    .counter
                    .add(key_switches, "comparing scores with labels");
                Ok((rotated, residuals))
            })
            .collect::<Result<Vec<_>>>()?;
        self.on_diagonals.gradient(&pairs)
    }

    /// The first, and `sign` i times the second, if there is one.
    fn side_by_side(&self, parts: Vec<Ciphertext>, sign: i32) -> Result<Ciphertext> {
        let evaluator = self.on_diagonals.evaluator;
        let mut parts = parts.into_iter();
        let mut both = parts.next().ok_or(LearnError::Empty("blocks of a pair"))?;
        for second in parts {
            let second = evaluator.mul_by_i(&second)?;
            match sign {
                1 => evaluator.add_assign(&mut both, &second)?,
                _ => evaluator.sub_assign(&mut both, &second)?,
            }
        }
        Ok(both)
    }

    /// Twice the real and, of two parts, twice the imaginary one.
    fn apart(&self, both: &Ciphertext, parts: usize) -> Result<Vec<Ciphertext>> {
        let evaluator = self.on_diagonals.evaluator;
        let conjugate = evaluator.conjugate(both)?;
        let mut apart = vec![evaluator.add(both, &conjugate)?];
        if parts == 2 {
            apart.push(evaluator.mul_by_i(&evaluator.sub(&conjugate, both)?)?);
        }
        let key_switches = self.on_diagonals.shape.scores_key_switches();
        self.vectors.counter.add(key_switches, "scoring samples");
        Ok(apart)
    }

    /// sigma(z) - y for the samples of a block, zero for outputs that there are not. Without scores they are zero; `any` is
    /// any ciphertext.
    fn residuals(
        &self,
        scores: Option<&Ciphertext>,
        block: usize,
        any: &Ciphertext,
    ) -> Result<Ciphertext> {
        let evaluator = self.on_diagonals.evaluator;
        let sigmoid = match scores {
            Some(scores) => self.sigmoid.evaluate(&self.vectors, scores)?,
            None => {
                let any = evaluator.lower_to(any, self.residuals)?;
                evaluator.sub(&any, &any)?
            }
        };
        let layout = self.matrix.layout();
        // The polynomial has no constant term.
        let half = vec![vec![0.5; layout.rows()]; outputs(self.classes)];
        let targets = match self.labels {
            Labels::Clear(labels) => labels.targets(),
            Labels::Encrypted(_) => Vec::new(),
        };
        let mut constants = packing::repeated_columns(&half, layout, block, 0);
        if !targets.is_empty() {
            let targets = packing::repeated_columns(&targets, layout, block, 0);
            constants
                .iter_mut()
                .zip(targets)
                .for_each(|(half, y)| *half -= y);
        }
        let constants = evaluator.encoder().encode(&constants, self.residuals)?;
        let residuals = evaluator.add_plain(&sigmoid, &constants)?;
        match self.labels {
            Labels::Clear(_) => Ok(residuals),
            Labels::Encrypted(labels) => {
                let labels = evaluator.lower_to(&labels.vectors()[block], self.residuals)?;
                Ok(evaluator.sub(&residuals, &labels)?)
            }
        }
    }
}
