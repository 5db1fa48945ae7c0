//! Products of samples with diagonals.

use rayon::prelude::*;
use tapetum_ckks::Ciphertext;

use super::OnDiagonals;
use crate::error::Result;

impl OnDiagonals<'_> {
    /// The samples of a block, rotated by the baby steps.
    pub fn rotated(&self, block: &Ciphertext) -> Result<Vec<Ciphertext>> {
        Ok(self
            .evaluator
            .rotate_hoisted(block, &self.shape.baby_steps())?)
    }

    /// Scores: the score of output u mod P in the slots of u, one level lower.
    pub fn scores(&self, rotated: &[Ciphertext], weights: &[Ciphertext]) -> Result<Ciphertext> {
        let sums = weights.chunks(self.shape.babies).map(|weights| {
            let pairs: Vec<_> = rotated.iter().zip(weights).collect();
            let product = self.evaluator.inner_product(&pairs)?;
            Ok(self.evaluator.relinearize_rescale(&product)?)
        });
        self.summed_over_features(sums)
    }

    /// The sum over all features of sums over the baby steps, one for each giant step.
    pub(super) fn summed_over_features(
        &self,
        sums: impl Iterator<Item = Result<Ciphertext>>,
    ) -> Result<Ciphertext> {
        let shape = self.shape;
        let terms = sums
            .zip(shape.giant_steps())
            .map(|(sum, steps)| Ok((sum?, steps)));
        let sum = self.evaluator.divide(self.rotated_sum(terms)?)?;
        let stride = (shape.outputs * shape.samples) as i64;
        Ok(self
            .evaluator
            .sum_slots(&sum, shape.features / shape.outputs, stride)?)
    }

    /// Residuals as the gradient needs them: rotated back by the giant steps.
    pub fn turned_back(&self, residuals: &Ciphertext) -> Result<Vec<Ciphertext>> {
        let steps: Vec<_> = self.shape.giant_steps().iter().map(|step| -step).collect();
        Ok(self.evaluator.rotate_hoisted(residuals, &steps)?)
    }

    /// Products of samples with residuals, added up over the blocks: for each diagonal one, not relinearised, and not yet
    /// summed over the samples of a block. Of each pair of blocks there are the [rotated](Self::rotated) samples and the
    /// [residuals](Self::turned_back).
    pub fn gradient_products(
        &self,
        pairs: &[(Vec<Ciphertext>, Vec<Ciphertext>)],
    ) -> Result<Vec<Ciphertext>> {
        self.shape
            .steps()
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(g, b)| {
                let factors = pairs.iter().map(|(x, residuals)| (&x[b], &residuals[g]));
                Ok(self.evaluator.inner_product(&factors.collect::<Vec<_>>())?)
            })
            .collect()
    }

    /// Residuals times the transposed weights, one level lower: what they come to for each feature. They come
    /// [turned back](Self::turned_back), and repeat as the outputs do.
    pub fn transposed(
        &self,
        residuals: &[Ciphertext],
        weights: &[Ciphertext],
    ) -> Result<Ciphertext> {
        let babies = self.shape.babies;
        let terms = self.shape.baby_steps().into_iter().enumerate();
        let terms = terms.map(|(b, step)| {
            let of_step = weights.iter().skip(b).step_by(babies);
            let pairs: Vec<_> = residuals.iter().zip(of_step).collect();
            let product = self.evaluator.inner_product(&pairs)?;
            Ok((self.evaluator.relinearize_rescale(&product)?, -step))
        });
        Ok(self.evaluator.divide(self.rotated_sum(terms)?)?)
    }
}
