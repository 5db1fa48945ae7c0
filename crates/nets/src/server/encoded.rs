//! A network whose weights are encoded for encrypted images.

use std::collections::BTreeMap;

use tapetum_ckks::{
    Ciphertext, Complex64, Encoder, Evaluator, LinearTransform, Parameters, Plaintext, SlotMatrix,
};

use crate::encrypted::{EncryptedImage, EncryptedScores};
use crate::error::{NetworkError, Result};
use crate::layers::{Linear, Packing};
use crate::plan::{InputPacking, Layer, NetworkPlan, Parts, Prepared, Step};

/// A network ready to be evaluated on encrypted images of its plan.
pub struct EncodedNetwork {
    plan: [u8; 32],
    parameters: Parameters,
    steps: Vec<Encoded>,
}

/// A layer ready to be evaluated.
enum Encoded {
    Windows {
        weights: Vec<Plaintext>,
        bias: Plaintext,
    },
    Linear {
        transform: LinearTransform,
        parts: Parts,
        bias: Plaintext,
    },
    Square,
}

impl EncodedNetwork {
    pub(crate) fn new(prepared: &Prepared) -> Result<Self> {
        let plan = &prepared.plan;
        let parameters = plan.parameters()?;
        let encoder = Encoder::new(&parameters);
        let steps = prepared
            .layers
            .iter()
            .zip(plan.layers())
            .map(|(layer, planned)| {
                let (level, output) = (planned.level, planned.output);
                Ok(match (layer, &planned.step) {
                    (Layer::Square, _) => Encoded::Square,
                    (Layer::Windows(linear), _) => Encoded::Windows {
                        weights: window_weights(plan, linear, &encoder, level)?,
                        bias: bias(linear, output, &encoder, level)?,
                    },
                    (Layer::Linear(linear, folded), Step::Linear { parts, .. }) => {
                        let diagonals = folded.diagonals(linear, parameters.slots());
                        Encoded::Linear {
                            transform: transform(diagonals, &encoder, level)?,
                            parts: *parts,
                            bias: bias(linear, output, &encoder, level)?,
                        }
                    }
                    (Layer::Linear(..), _) => {
                        return Err(NetworkError::Plan("a layer is not a matrix".to_owned()));
                    }
                })
            });
        Ok(Self {
            plan: plan.digest(),
            steps: steps.collect::<Result<_>>()?,
            parameters,
        })
    }

    /// The encrypted scores of an encrypted image. `progress` hears the number of finished layers after each.
    ///
    /// # Errors
    /// If the image is for another plan, or the evaluator has other parameters or lacks a key.
    pub fn classify(
        &self,
        evaluator: &Evaluator,
        image: &EncryptedImage,
        progress: &mut dyn FnMut(usize),
    ) -> Result<EncryptedScores> {
        let inputs = image.of(&self.plan)?;
        if *evaluator.parameters() != self.parameters {
            return Err(NetworkError::Mismatch {
                what: "the evaluator",
                found: "other parameters".to_owned(),
                expected: "those of the plan".to_owned(),
            });
        }
        let mut vector: Option<Ciphertext> = None;
        for (finished, step) in self.steps.iter().enumerate() {
            let current = vector.as_ref().or(inputs.first());
            let current =
                current.ok_or_else(|| NetworkError::Plan("the image is empty".to_owned()))?;
            vector = Some(match step {
                Encoded::Windows { weights, bias } => {
                    let pairs: Vec<_> = inputs.iter().zip(weights).collect();
                    let sum = evaluator.rescale(&evaluator.mul_plain_sum(&pairs)?)?;
                    evaluator.add_plain(&sum, bias)?
                }
                Encoded::Linear {
                    transform,
                    parts,
                    bias,
                } => {
                    let image = evaluator.linear_transform(current, transform)?;
                    let sum = evaluator.sum_slots(&image, parts.count, parts.apart as i64)?;
                    evaluator.add_plain(&sum, bias)?
                }
                Encoded::Square => {
                    let square = evaluator.mul(current, current)?;
                    evaluator.relinearize_rescale(&square)?
                }
            });
            progress(finished + 1);
        }
        let scores = vector.ok_or_else(|| NetworkError::Plan("it has no layer".to_owned()))?;
        Ok(EncryptedScores::new(self.plan, scores))
    }
}

/// For each pixel of the window, the weight that each output value gives it.
fn window_weights(
    plan: &NetworkPlan,
    linear: &Linear,
    encoder: &Encoder,
    level: usize,
) -> Result<Vec<Plaintext>> {
    let (
        Linear::Convolution { layer, output, .. },
        InputPacking::Windows {
            output: packing, ..
        },
    ) = (linear, &plan.input().packing)
    else {
        return Err(NetworkError::Plan(
            "its first layer has no windows".to_owned(),
        ));
    };
    let positions = output[1] * output[2];
    let [outputs, group_inputs, height, width] = *layer.weights.shape().dims() else {
        return Err(NetworkError::Plan(
            "its first layer has no kernel".to_owned(),
        ));
    };
    let taps = height * width;
    let group_outputs = outputs / layer.groups;
    let slots = encoder.parameters().slots();
    (0..plan.input_ciphertexts())
        .map(|index| {
            let (channel, tap) = (index / taps, index % taps);
            let weight = |value: usize| {
                let output = value / positions;
                let first = output / group_outputs * group_inputs;
                match channel.checked_sub(first) {
                    Some(within) if within < group_inputs => {
                        layer.weights.values()[(output * group_inputs + within) * taps + tap]
                    }
                    _ => 0.0,
                }
            };
            Ok(encoder.encode(&packing.spread(slots, weight), level)?)
        })
        .collect()
}

fn transform(
    diagonals: BTreeMap<i64, Vec<f64>>,
    encoder: &Encoder,
    level: usize,
) -> Result<LinearTransform> {
    let slots = encoder.parameters().slots();
    let complex = |diagonal: Vec<f64>| diagonal.into_iter().map(Complex64::from).collect();
    let diagonals = diagonals.into_iter().map(|(k, d)| (k, complex(d)));
    let matrix = SlotMatrix::from_diagonals(slots, diagonals.collect())?;
    Ok(LinearTransform::new(encoder, &matrix, level)?)
}

/// The bias of a layer that takes ciphertexts of this level.
fn bias(linear: &Linear, output: Packing, encoder: &Encoder, level: usize) -> Result<Plaintext> {
    let values = output.spread(encoder.parameters().slots(), |row| linear.bias(row));
    Ok(encoder.encode(&values, level - 1)?)
}
