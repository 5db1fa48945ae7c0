//! A network whose weights are encoded for encrypted images.

use std::collections::BTreeMap;

use tapetum_ckks::{
    Argmax, Bootstrapper, Ciphertext, Encoder, Evaluator, Parameters, Plaintext, Precision,
};

use super::matrix::{Diagonals, Matrix};
use super::range::RangeFlag;
use crate::encrypted::{EncryptedImage, EncryptedScores};
use crate::error::{NetworkError, Result};
use crate::labels;
use crate::layers::{Linear, Packing, Term};
use crate::plan::{InputPacking, LayerPlan, NetworkPlan, Parts, Prepared, Step, WeightForm};
use crate::stages::{LayerKind, Sum};

/// A network ready to be evaluated on encrypted images of its plan.
pub struct EncodedNetwork {
    plan: [u8; 32],
    parameters: Parameters,
    steps: Vec<Encoded>,
    bootstrapper: Option<Bootstrapper>,
    /// If there is a range flag, its weight.
    range_weight: Option<f64>,
}

/// A layer ready to be evaluated.
struct Encoded {
    /// The level of the ciphertexts that it takes.
    level: usize,
    operation: Operation,
    /// Whether its output is bootstrapped.
    bootstrapped: bool,
    /// Vectors that no later layer reads.
    finished: Vec<usize>,
}

enum Operation {
    Windows {
        weights: Vec<Plaintext>,
        bias: Plaintext,
    },
    Linear {
        /// Vectors, and which of their ciphertexts.
        sources: Vec<(usize, usize)>,
        matrix: Box<Matrix>,
        parts: Parts,
        /// How many slots further the imaginary parts belong, if there are any.
        half: Option<i64>,
        bias: Plaintext,
    },
    Square {
        source: usize,
        multiples: Option<Plaintext>,
    },
    Relu {
        source: usize,
        precision: Precision,
    },
    Largest {
        source: usize,
        precision: Precision,
        /// Of more than two values.
        argmax: Option<Box<Argmax>>,
    },
    Clean {
        source: usize,
        /// Of the noise that is added then.
        deviation: f64,
    },
}

impl EncodedNetwork {
    pub(crate) fn new(prepared: Prepared) -> Result<Self> {
        let Prepared { plan, layers } = prepared;
        let parameters = plan.parameters()?;
        let encoder = Encoder::new(&parameters);
        let form = plan.weight_form()?;
        let packings = plan.packings();
        let mut steps = Vec::new();
        for (layer, planned) in layers.into_iter().zip(plan.layers()) {
            let operation = operation(&plan, planned, layer.kind, &packings, &encoder, form)?;
            steps.push(Encoded {
                level: planned.level,
                operation,
                bootstrapped: planned.is_bootstrapped(),
                finished: Vec::new(),
            });
        }
        let mut last_reader = BTreeMap::new();
        for (index, planned) in plan.layers().iter().enumerate() {
            last_reader.extend(planned.step.sources().into_iter().map(|s| (s, index)));
        }
        for (source, index) in last_reader {
            steps[index].finished.push(source);
        }
        Ok(Self {
            plan: plan.digest(),
            steps,
            bootstrapper: match plan.bootstrapping(&parameters)? {
                Some(plan) => Some(Bootstrapper::new(&plan)?),
                None => None,
            },
            range_weight: plan
                .has_range_flag()
                .then(|| plan.range_weight(parameters.slots())),
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
        let parts = vec![1; 1 + self.steps.len()];
        let (mut scores, flag) = self.evaluate(evaluator, &[inputs], &parts, progress)?;
        let scores = scores.pop().ok_or_else(|| missing(self.steps.len()))?;
        Ok(EncryptedScores::new(self.plan, scores, flag))
    }

    /// What the last layer gives, and the range flag if the plan has one. `inputs` are the ciphertexts of one image, or of several that lie together, and of more
    /// of them; each vector takes as many ciphertexts as `parts` says.
    pub(crate) fn evaluate(
        &self,
        evaluator: &Evaluator,
        inputs: &[&[Ciphertext]],
        parts: &[usize],
        progress: &mut dyn FnMut(usize),
    ) -> Result<(Vec<Ciphertext>, Option<Ciphertext>)> {
        if *evaluator.parameters() != self.parameters {
            return Err(NetworkError::Mismatch {
                what: "the evaluator",
                found: "other parameters".to_owned(),
                expected: "those of the plan".to_owned(),
            });
        }
        let firsts = inputs.iter().map(|input| input.first().cloned());
        let mut vectors: Vec<Option<Vec<Ciphertext>>> = vec![firsts.collect()];
        let mut flag = RangeFlag::default();
        for (index, step) in self.steps.iter().enumerate() {
            let outputs = parts[index + 1];
            let read = |source: usize, part: usize| {
                let vector = vectors.get(source).and_then(Option::as_ref);
                let vector = vector.and_then(|parts| parts.get(part));
                let vector = vector.ok_or_else(|| missing(index))?;
                Ok::<_, NetworkError>(evaluator.lower_to(vector, step.level)?)
            };
            let of_all = |one: &dyn Fn(usize) -> Result<Ciphertext>| -> Result<Vec<_>> {
                (0..outputs).map(one).collect()
            };
            let mut results = match &step.operation {
                Operation::Windows { weights, bias } => of_all(&|part| {
                    let pairs: Vec<_> = inputs[part].iter().zip(weights).collect();
                    let sum = evaluator.rescale(&evaluator.mul_plain_sum(&pairs)?)?;
                    Ok(evaluator.add_plain(&sum, bias)?)
                })?,
                Operation::Linear {
                    sources,
                    matrix,
                    parts: slots,
                    half,
                    bias,
                } => {
                    let list = |part: usize| {
                        let sources = sources.iter().map(|&(source, which)| {
                            let each = parts[source] / outputs;
                            read(source, part * each + which)
                        });
                        sources.collect::<Result<Vec<_>>>()
                    };
                    let lists = (0..outputs).map(list).collect::<Result<Vec<_>>>()?;
                    let images = matrix.apply(evaluator, &lists)?;
                    drop(lists);
                    let finished = |image: Ciphertext| -> Result<_> {
                        let mut sum =
                            evaluator.sum_slots(&image, slots.count, slots.apart as i64)?;
                        if let Some(half) = half {
                            let others = evaluator.rotate(&evaluator.mul_by_i(&sum)?, *half)?;
                            sum = evaluator.sub(&sum, &others)?;
                            sum = evaluator.add(&sum, &evaluator.conjugate(&sum)?)?;
                        }
                        Ok(evaluator.add_plain(&sum, bias)?)
                    };
                    images.into_iter().map(finished).collect::<Result<_>>()?
                }
                Operation::Square { source, multiples } => of_all(&|part| {
                    let x = read(*source, part)?;
                    let mut square = evaluator.mul(&x, &x)?;
                    if let Some(multiples) = multiples {
                        evaluator.add_assign(&mut square, &evaluator.mul_plain(&x, multiples)?)?;
                    }
                    Ok(evaluator.relinearize_rescale(&square)?)
                })?,
                Operation::Largest {
                    source,
                    precision,
                    argmax,
                } => of_all(&|part| {
                    let scores = read(*source, part)?;
                    match argmax {
                        Some(argmax) => Ok(evaluator.argmax(&scores, argmax)?),
                        None => labels::larger_of_two(evaluator, &scores, *precision),
                    }
                })?,
                Operation::Clean { source, deviation } => of_all(&|part| {
                    let clean = evaluator.clean(&read(*source, part)?)?;
                    Ok(evaluator.add_noise(&clean, *deviation)?)
                })?,
                Operation::Relu { source, precision } => {
                    let mut images = Vec::with_capacity(outputs);
                    for part in 0..outputs {
                        let x = read(*source, part)?;
                        let (relu, step) = evaluator.relu_with_step(&x, *precision)?;
                        if self.range_weight.is_some() {
                            flag.add(evaluator, &step)?;
                        }
                        images.push(relu);
                    }
                    images
                }
            };
            if step.bootstrapped {
                let bootstrapper = self.bootstrapper.as_ref().ok_or_else(|| missing(index))?;
                for result in &mut results {
                    *result = evaluator.bootstrap(result, bootstrapper)?;
                }
            }
            for &source in &step.finished {
                vectors[source] = None;
            }
            vectors.push(Some(results));
            progress(index + 1);
        }
        let scores = vectors.pop().flatten();
        let scores = scores.ok_or_else(|| missing(self.steps.len()))?;
        let flag = flag.finish(evaluator, self.range_weight.unwrap_or(1.0))?;
        Ok((scores, flag))
    }
}

fn missing(layer: usize) -> NetworkError {
    NetworkError::Plan(format!("layer {layer} reads what is not there"))
}

fn operation(
    plan: &NetworkPlan,
    planned: &LayerPlan,
    layer: LayerKind,
    packings: &[Packing],
    encoder: &Encoder,
    form: WeightForm,
) -> Result<Operation> {
    let (level, output) = (planned.level, planned.output);
    Ok(match (layer, &planned.step) {
        (LayerKind::Square(square), _) => {
            let multiples = square.multiples.map(|multiples| {
                let slots = encoder.parameters().slots();
                encoder.encode(&output.spread(slots, |i| multiples[i]), level)
            });
            Operation::Square {
                source: square.source,
                multiples: multiples.transpose()?,
            }
        }
        (LayerKind::Relu(relu), _) => Operation::Relu {
            source: relu.source,
            precision: relu.precision,
        },
        (LayerKind::Largest(largest), _) => Operation::Largest {
            source: largest.source,
            precision: largest.precision,
            argmax: match labels::argmax(largest.count, largest.precision) {
                Some(argmax) => Some(Box::new(argmax.encode(encoder, level)?)),
                None => None,
            },
        },
        (LayerKind::Clean(clean), _) => Operation::Clean {
            source: clean.source,
            deviation: match plan.labels() {
                Some(precision) => labels::deviation(plan.scores(), precision),
                None => return Err(missing(packings.len())),
            },
        },
        (LayerKind::Linear(sum), Step::Windows) => Operation::Windows {
            weights: window_weights(plan, &sum, encoder, level)?,
            bias: bias(&sum, output, encoder, level)?,
        },
        (
            LayerKind::Linear(sum),
            Step::Linear {
                blocks,
                parts,
                paired,
            },
        ) => {
            let bias = bias(&sum, output, encoder, level)?;
            let transform = planned.step.transform(encoder.parameters(), level)?;
            let transform = transform
                .ok_or_else(|| NetworkError::Plan("a linear layer has no diagonals".to_owned()))?;
            let diagonals = Diagonals::new(sum, packings, output, *paired, encoder);
            Operation::Linear {
                sources: blocks.iter().map(|b| (b.source, b.part)).collect(),
                matrix: Box::new(Matrix::new(diagonals, transform, encoder, form)?),
                parts: *parts,
                half: paired.then_some((output.period / 2) as i64),
                bias,
            }
        }
        (LayerKind::Linear(_), _) => {
            return Err(NetworkError::Plan("a linear layer is none".to_owned()));
        }
    })
}

/// For each pixel of the window, the weight that each output value gives it.
fn window_weights(
    plan: &NetworkPlan,
    sum: &Sum,
    encoder: &Encoder,
    level: usize,
) -> Result<Vec<Plaintext>> {
    let (
        [
            Term {
                linear:
                    Linear::Convolution {
                        layer,
                        input,
                        output,
                    },
                rows,
                columns,
                ..
            },
        ],
        InputPacking::Windows {
            output: packing, ..
        },
    ) = (&sum.terms[..], &plan.input().packing)
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
                        let weight =
                            layer.weights.values()[(output * group_inputs + within) * taps + tap];
                        // The same factor all over a channel of the image.
                        weight * rows[value] * columns[channel * input[1] * input[2]]
                    }
                    _ => 0.0,
                }
            };
            Ok(encoder.encode(&packing.spread(slots, weight), level)?)
        })
        .collect()
}

/// The bias of a layer that takes ciphertexts of this level.
fn bias(sum: &Sum, output: Packing, encoder: &Encoder, level: usize) -> Result<Plaintext> {
    let values = output.spread(encoder.parameters().slots(), |row| sum.bias[row]);
    Ok(encoder.encode(&values, level - 1)?)
}
