//! A network in the clear: its weights, its scores, and the reference of the training.

use crate::error::{Result, check_equal};
use crate::features::Features;
use crate::plain_model::classes_of;
use crate::rounding::weight_step;

use super::activation::Activation;

/// A network with one hidden layer in the clear: what [`simulate`](super::TwoLayer) finds, or what the owner
/// decrypts from a [`TwoLayerModel`](super::TwoLayerModel).
#[derive(Clone, Debug, PartialEq)]
pub struct PlainTwoLayer {
    /// What becomes of the sum of a hidden unit.
    pub activation: Activation,
    /// One weight a feature, for each hidden unit after the other.
    pub hidden: Vec<f64>,
    /// One weight a hidden unit, for each score after the other.
    pub output: Vec<f64>,
    /// The number of hidden units.
    pub units: usize,
}

impl PlainTwoLayer {
    /// How many scores a sample has: one for two classes, one a class for more.
    pub fn outputs(&self) -> usize {
        self.output.len() / self.units.max(1)
    }

    /// The number of features of a sample.
    pub fn features(&self) -> usize {
        self.hidden.len() / self.units.max(1)
    }

    /// The network with weights rounded to one step for each layer, 2^-10 to 2^-9 of the largest of the layer: far above the
    /// error of decrypted weights, whose last digits tell about the secret key.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        for numbers in [&mut self.hidden, &mut self.output] {
            if let Some(step) = weight_step(numbers) {
                for number in numbers {
                    *number = (*number / step).round() * step + 0.0;
                }
            }
        }
        self
    }

    /// The scores of samples: all of the first, then all of the second.
    ///
    /// # Errors
    /// [`LearnError::Shape`](crate::LearnError::Shape) if the samples have another number of features.
    pub fn decision_function(&self, features: &Features<'_>) -> Result<Vec<f64>> {
        check_equal("features of the samples", self.features(), features.cols())?;
        let sums: Vec<_> = (self.hidden.chunks_exact(features.cols()))
            .map(|weights| features.times(weights))
            .collect();
        let scores = |sample: usize| {
            let activations: Vec<_> = sums
                .iter()
                .map(|sums| self.activation.apply(sums[sample]))
                .collect();
            let rows = self.output.chunks_exact(self.units);
            rows.map(move |weights| crate::features::dot(&activations, weights))
        };
        Ok((0..features.rows()).flat_map(scores).collect())
    }

    /// The classes of samples; see [`classes_of`].
    ///
    /// # Errors
    /// As [`decision_function`](Self::decision_function).
    pub fn predict(&self, features: &Features<'_>) -> Result<Vec<u8>> {
        Ok(classes_of(
            &self.decision_function(features)?,
            self.outputs(),
        ))
    }
}
