//! One step on a mini-batch: forwards, backwards, and the gradient.

use std::ops::Range;

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Complex64, Evaluator};

use super::activation::Activation;
use super::shape::TwoLayerShape;
use crate::error::Result;
use crate::labels::Labels;
use crate::layout::Layout;
use crate::matrix::EncryptedMatrix;
use crate::progress::Count;
use crate::slot_diagonals::{OnDiagonals, PairLabels};

/// A network on encrypted weights, and what computes with it.
pub(super) struct Network<'a> {
    pub evaluator: &'a Evaluator,
    pub shape: &'a TwoLayerShape,
    pub activation: Activation,
    /// The diagonals of both layers: of the hidden one half the weights, and of the other its weights times the factor of the
    /// activation.
    pub diagonals: Vec<Ciphertext>,
    pub counter: &'a dyn Count,
}

/// What two blocks of samples become on the way forward, real and imaginary part.
struct Forward {
    /// The samples, rotated.
    samples: Vec<Ciphertext>,
    /// z + h of the first block, and of the second.
    sums: Vec<Ciphertext>,
    /// The activations over the factor, rotated.
    activations: Vec<Ciphertext>,
    scores: Ciphertext,
}

/// Factors of the gradient, for the products of [`OnDiagonals::gradient_products`].
struct Backward {
    hidden: (Vec<Ciphertext>, Vec<Ciphertext>),
    output: (Vec<Ciphertext>, Vec<Ciphertext>),
}

impl Network<'_> {
    fn hidden(&self) -> OnDiagonals<'_> {
        OnDiagonals {
            evaluator: self.evaluator,
            shape: &self.shape.hidden,
        }
    }

    fn output(&self) -> OnDiagonals<'_> {
        OnDiagonals {
            evaluator: self.evaluator,
            shape: &self.shape.output,
        }
    }

    /// The scores of two blocks, of the second as the imaginary part, three levels below `level`.
    pub fn scores(
        &self,
        samples: &EncryptedMatrix,
        members: Range<usize>,
        level: usize,
    ) -> Result<Ciphertext> {
        Ok(self.forward(samples, &members, level)?.scores)
    }

    /// The gradients of both layers on a batch with its samples at `level`, six levels lower: a vector for each diagonal, not yet
    /// summed over the samples. Its real part is the gradient of the loss, half the sum of squared residuals; in the second layer it
    /// is divided by the factor of the activation.
    pub fn gradient(
        &self,
        samples: &EncryptedMatrix,
        labels: &Labels,
        level: usize,
    ) -> Result<Vec<Ciphertext>> {
        let blocks = samples.layout().grid_rows();
        let pairs = (0..blocks.div_ceil(2))
            .into_par_iter()
            .map(|pair| {
                let members = 2 * pair..(2 * pair + 2).min(blocks);
                let forward = self.forward(samples, &members, level)?;
                let labels = PairLabels {
                    labels,
                    layout: samples.layout(),
                    members: &members,
                };
                self.backward(forward, &labels)
            })
            .collect::<Result<Vec<_>>>()?;
        let (hidden, output): (Vec<_>, Vec<_>) = pairs
            .into_iter()
            .map(|pair| (pair.hidden, pair.output))
            .unzip();
        let relinearized = |products: Vec<Ciphertext>| {
            let products = products.into_par_iter();
            let relinearized = products.map(|p| self.evaluator.relinearize_rescale(&p));
            relinearized.collect::<Result<Vec<_>, _>>()
        };
        let mut gradient = relinearized(self.hidden().gradient_products(&hidden)?)?;
        drop(hidden);
        let level = gradient[0].level();
        for of_output in relinearized(self.output().gradient_products(&output)?)? {
            gradient.push(self.evaluator.lower_to(&of_output, level)?);
        }
        Ok(gradient)
    }

    fn forward(
        &self,
        samples: &EncryptedMatrix,
        members: &Range<usize>,
        level: usize,
    ) -> Result<Forward> {
        let (evaluator, layout) = (self.evaluator, samples.layout());
        let (hidden, output) = (self.hidden(), self.output());
        let blocks = samples.blocks_at(evaluator, level, members.clone())?;
        let blocks: Vec<_> = blocks.into_iter().map(|block| block.into_owned()).collect();
        let samples = hidden.rotated(&hidden.side_by_side(blocks, 1)?)?;
        let units = self.shape.units();
        let halves = hidden.scores(&samples, &self.diagonals[..units])?;
        let mut sums = hidden.apart(&halves, members.len())?;
        let shift = self.activation.shift();
        if shift != 0.0 {
            for (sum, block) in sums.iter_mut().zip(members.clone()) {
                let block = block..block + 1;
                let shift =
                    self.of_samples(shift, Complex64::ZERO, (layout, &block), sum.level())?;
                *sum = evaluator.add_plain(sum, &shift)?;
            }
        }
        let squares = self.products(&sums, &sums)?;
        // Rows without a sample stay zero, so that they have no part in a gradient.
        let offset = self.activation.offset();
        let offset = self.of_samples(offset, Complex64::I, (layout, members), squares.level())?;
        let activations = output.rotated(&evaluator.sub_plain(&squares, &offset)?)?;
        let weights = self.output_weights(activations[0].level())?;
        let scores = output.scores(&activations, &weights)?;
        self.counter
            .add(self.shape.forward_key_switches(), "evaluating the network");
        Ok(Forward {
            samples,
            sums,
            activations,
            scores,
        })
    }

    fn backward(&self, forward: Forward, labels: &PairLabels<'_>) -> Result<Backward> {
        let evaluator = self.evaluator;
        let (hidden, output) = (self.hidden(), self.output());
        // Real weights times the conjugate: the gradient of both blocks is the real part.
        let conjugate = evaluator.conjugate(&forward.scores)?;
        let residuals = output.turned_back(&labels.subtract(&output, &conjugate, 0.0)?)?;
        let level = residuals[0].level();
        let back = output.transposed(&residuals, &self.output_weights(level)?)?;
        // The first, and less the second: twice each, as the derivative has it.
        let back = hidden.apart(&back, forward.sums.len())?;
        let lowered = |vectors: &[Ciphertext], level| {
            let lowered = vectors.iter().map(|v| evaluator.lower_to(v, level));
            lowered.collect::<Result<Vec<_>, _>>()
        };
        let sums = lowered(&forward.sums, back[0].level())?;
        let derivatives = hidden.turned_back(&self.products(&back, &sums)?)?;
        self.counter
            .add(self.shape.backward_key_switches(), "propagating back");
        Ok(Backward {
            output: (lowered(&forward.activations, level)?, residuals),
            hidden: (
                lowered(&forward.samples, derivatives[0].level())?,
                derivatives,
            ),
        })
    }

    /// Products of the first, and i times those of the second, one level lower.
    fn products(&self, a: &[Ciphertext], b: &[Ciphertext]) -> Result<Ciphertext> {
        let evaluator = self.evaluator;
        let mut turned = b.to_vec();
        if let [_, second] = &mut turned[..] {
            *second = evaluator.mul_by_i(second)?;
        }
        let pairs: Vec<_> = a.iter().zip(&turned).collect();
        Ok(evaluator.relinearize_rescale(&evaluator.inner_product(&pairs)?)?)
    }

    /// The diagonals of the second layer at `level`.
    fn output_weights(&self, level: usize) -> Result<Vec<Ciphertext>> {
        let weights = &self.diagonals[self.shape.units()..];
        let lowered = weights.iter().map(|w| self.evaluator.lower_to(w, level));
        Ok(lowered.collect::<Result<_, _>>()?)
    }

    /// `value` in the rows of a pair that have a sample, in the second block `unit` times that.
    fn of_samples(
        &self,
        value: f64,
        unit: Complex64,
        of_pair: (&Layout, &Range<usize>),
        level: usize,
    ) -> Result<tapetum_ckks::Plaintext> {
        let column = vec![vec![value; of_pair.0.rows()]];
        self.hidden().constants(&column, of_pair, unit, level)
    }
}
