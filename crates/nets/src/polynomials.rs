//! The network of a plan in the clear: the same layers, factors and polynomials as on ciphertexts.

use crate::Scores;
use crate::error::{NetworkError, Result};
use crate::plan::{Answer, Prepared};
use crate::stages::{Layer, LayerKind, vectors};

/// A network as its plan evaluates it, in the clear. Where activations are approximated by polynomials, its scores are
/// those that an encrypted evaluation comes near to.
pub struct PolynomialNetwork {
    layers: Vec<Layer>,
    image: usize,
    /// What scores are multiplied by; nothing where labels leave the server in their place.
    factor: Option<f64>,
}

/// Scores by polynomials, and how far values are from where these are good for nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct PolynomialScores {
    /// The scores. For a plan whose answer is labels: about 1 in the place of the largest score, about 0 elsewhere.
    pub scores: Vec<f64>,
    /// Whether the label is certain, as [`Scores::is_decided`] says after decryption.
    pub decided: bool,
    /// The largest magnitude of a value that a ReLU reads: its polynomials are for values up to 1.
    pub largest: f64,
}

impl PolynomialNetwork {
    pub(crate) fn new(prepared: Prepared) -> Self {
        Self {
            image: prepared.plan.input_len(),
            factor: (prepared.plan.answer() != Answer::Labels)
                .then(|| prepared.plan.score_factor()),
            layers: prepared.layers,
        }
    }

    /// The scores of an image.
    ///
    /// # Errors
    /// If the image has another number of values.
    pub fn scores(&self, image: &[f64]) -> Result<PolynomialScores> {
        if image.len() != self.image {
            return Err(NetworkError::ImageSize {
                found: image.len(),
                expected: self.image,
            });
        }
        let mut vectors = vectors(&self.layers, image, |_, _, _| ());
        let read = self.layers.iter().filter_map(|layer| match layer.kind {
            LayerKind::Relu(relu) => Some(&vectors[relu.source]),
            _ => None,
        });
        let largest = read.flatten().fold(0.0, |most: f64, v| most.max(v.abs()));
        let scores = vectors.pop().unwrap_or_default();
        Ok(match self.factor {
            Some(factor) => PolynomialScores {
                scores: scores.into_iter().map(|v| v / factor).collect(),
                decided: true,
                largest,
            },
            None => PolynomialScores {
                decided: Scores::of_labels(&scores).is_decided(),
                scores,
                largest,
            },
        })
    }
}
