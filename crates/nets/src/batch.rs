//! Many images at once, one in each slot (CryptoNets: Gilad-Bachrach and others, 2016).
//!
//! There is a ciphertext for each value of a layer. Weights are then numbers and no vectors: no rotation, no Galois key,
//! nothing to encode. A square stays at degree 2 and at its scale until the sums of the next layer have been taken, so that
//! these alone are relinearised and rescaled.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapetum_ckks::{
    Ciphertext, Decryptor, Encryptor, Evaluator, KeyPlan, Parameters, ParametersLiteral, Rounding,
};

use crate::client::{Scores, check_range, check_values};
use crate::error::{NetworkError, Result};
use crate::graph::Graph;
use crate::passes::simplified;
use crate::plan::{SIZES, digest, literal};
use crate::stages::{Largest, Layer, LayerKind, Sum, layer_factors, scaled, stages};

/// Ciphertexts of an image, and of a layer.
const MAX_VALUES: usize = 1 << 13;
/// Scores of an image.
const MAX_SCORES: usize = 1 << 12;

/// What all agree on who classify batches: a [`NetworkPlan`](crate::NetworkPlan) for many images at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchPlan {
    parameters: ParametersLiteral,
    /// BLAKE3 of the layers that are evaluated, weights included.
    weights: [u8; 32],
    /// Of an image.
    values: usize,
    range: [f64; 2],
    scores: usize,
    /// What scores are multiplied by while they are encrypted.
    factor: f64,
}

/// A network ready to be evaluated on batches of its plan.
pub struct BatchNetwork {
    digest: [u8; 32],
    parameters: Parameters,
    layers: Vec<Layer>,
}

/// Encrypted images, one in each slot: a ciphertext for each value.
#[derive(Clone)]
pub struct EncryptedBatch {
    plan: [u8; 32],
    images: usize,
    ciphertexts: Vec<Ciphertext>,
}

/// Encrypted scores, one image in each slot: a ciphertext for each class.
#[derive(Clone)]
pub struct EncryptedBatchScores(EncryptedBatch);

pub(crate) fn prepare(
    graph: &Graph,
    range: [f64; 2],
    calibration: &[Vec<f64>],
) -> Result<(BatchPlan, BatchNetwork)> {
    let simple = simplified(graph)?;
    let stages = stages(&simple)?;
    let largest = Largest::of(&simple, &stages, calibration)?;
    let factors = layer_factors(&stages, &largest, SIZES);
    let values = graph.input_shape().values();
    let layers = scaled(stages, values, &factors)?;
    let mut before = values;
    for (index, layer) in layers.iter().enumerate() {
        check(layer, index, before)?;
        before = layer.shape.values();
    }
    let levels = layers.len();
    let literal = literal(levels).ok_or(NetworkError::Levels { levels })?;
    let plan = BatchPlan {
        weights: digest(&layers),
        values,
        range,
        scores: before,
        factor: factors
            .last()
            .and_then(|f| f.first())
            .copied()
            .unwrap_or(1.0),
        parameters: literal,
    };
    plan.check()?;
    let network = BatchNetwork {
        digest: plan.digest(),
        parameters: plan.parameters()?,
        layers,
    };
    Ok((plan, network))
}

/// Layers that read the one before, and squares without a multiple.
fn check(layer: &Layer, index: usize, values: usize) -> Result<()> {
    let follows = layer.sources() == [index];
    let refuse = |reason: &str| {
        Err(NetworkError::Encrypted {
            node: layer.name.clone(),
            reason: format!("{reason}: classify images one by one"),
        })
    };
    match &layer.kind {
        _ if !follows => refuse("branches are not supported in batches"),
        LayerKind::Relu(_) => refuse("ReLU is not supported in batches"),
        LayerKind::Largest(_) | LayerKind::Clean(_) => {
            refuse("labels alone are not supported in batches")
        }
        LayerKind::Square(square) if square.multiples.is_some() => {
            refuse("polynomials with a linear part are not supported in batches")
        }
        _ if values.max(layer.shape.values()) > MAX_VALUES => {
            refuse("a layer has too many values for a batch, which has a ciphertext for each")
        }
        _ => Ok(()),
    }
}

impl BatchPlan {
    /// The parameters of keys and ciphertexts.
    ///
    /// # Errors
    /// If the plan states parameters that cannot be.
    pub fn parameters(&self) -> Result<Parameters> {
        Ok(Parameters::new(self.parameters.clone())?)
    }

    /// A hash of the whole plan. Encrypted batches carry it.
    pub fn digest(&self) -> [u8; 32] {
        let bytes = postcard::to_allocvec(self).expect("a plan can be written to memory");
        *blake3::hash(&bytes).as_bytes()
    }

    /// The evaluation keys that the server needs: one.
    pub fn key_plan(&self, parameters: &Parameters) -> KeyPlan {
        KeyPlan::new(parameters).relinearization()
    }

    /// The number of ciphertexts of a batch: one for each value of an image.
    pub fn input_ciphertexts(&self) -> usize {
        self.values
    }

    /// Refuses a plan that no network has: plans come from others.
    fn check(&self) -> Result<()> {
        let [low, high] = self.range;
        let range = low.is_finite() && high.is_finite() && low < high;
        let factor = self.factor.is_finite() && self.factor > 0.0;
        let sizes =
            (1..=MAX_VALUES).contains(&self.values) && (1..=MAX_SCORES).contains(&self.scores);
        if range && factor && sizes {
            Ok(())
        } else {
            Err(NetworkError::Plan(
                "its numbers are not those of a network".to_owned(),
            ))
        }
    }
}

impl BatchNetwork {
    /// The encrypted scores of a batch. `progress` hears the number of finished layers after each.
    ///
    /// # Errors
    /// If the batch is for another plan, or the evaluator has other parameters or no relinearisation key.
    pub fn classify(
        &self,
        evaluator: &Evaluator,
        batch: &EncryptedBatch,
        progress: &mut dyn FnMut(usize),
    ) -> Result<EncryptedBatchScores> {
        batch.check(&self.digest)?;
        if *evaluator.parameters() != self.parameters {
            return Err(NetworkError::Mismatch {
                what: "the evaluator",
                found: "other parameters".to_owned(),
                expected: "those of the plan".to_owned(),
            });
        }
        let mut values: Option<Vec<Ciphertext>> = None;
        let mut index = 0;
        while let Some(layer) = self.layers.get(index) {
            let read = values.as_deref().unwrap_or(&batch.ciphertexts);
            let next = match &self.layers[index..] {
                [
                    Layer {
                        kind: LayerKind::Linear(first),
                        ..
                    },
                    Layer {
                        kind: LayerKind::Square(_),
                        ..
                    },
                    Layer {
                        kind: LayerKind::Linear(second),
                        ..
                    },
                    ..,
                ] if let [dense] = &groups(second)[..] => {
                    index += 3;
                    squared_and_summed(evaluator, first, read, second, dense)?
                }
                _ => {
                    index += 1;
                    match &layer.kind {
                        LayerKind::Linear(sum) => linear(evaluator, sum, read)?,
                        // `check` has refused all else.
                        _ => {
                            let squares = read.iter().map(|x| evaluator.mul(x, x));
                            squares.collect::<Result<_, _>>()?
                        }
                    }
                }
            };
            values = Some(next);
            progress(index);
        }
        Ok(EncryptedBatchScores(EncryptedBatch {
            ciphertexts: values.unwrap_or_default(),
            ..*batch
        }))
    }
}

/// Rows of a matrix that read the same values: they are computed together.
struct Group {
    /// Which values.
    columns: Vec<usize>,
    /// Which rows.
    rows: Vec<usize>,
    /// Of each row.
    weights: Vec<Vec<f64>>,
}

/// All rows, in the order of the values that they read: neighbours share some.
fn groups(sum: &Sum) -> Vec<Group> {
    let mut rows: Vec<Vec<(usize, f64)>> = vec![Vec::new(); sum.bias.len()];
    for term in &sum.terms {
        term.for_each(|row, column, weight| rows[row].push((column, weight)));
    }
    let mut groups: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for (index, row) in rows.iter_mut().enumerate() {
        row.sort_by_key(|&(column, _)| column);
        let columns = row.iter().map(|&(column, _)| column).collect();
        groups.entry(columns).or_default().push(index);
    }
    let group = |(columns, members): (Vec<usize>, Vec<usize>)| Group {
        columns,
        weights: members
            .iter()
            .map(|&row| rows[row].iter().map(|&(_, w)| w).collect())
            .collect(),
        rows: members,
    };
    groups.into_iter().map(group).collect()
}

/// The outputs of some rows, each with its row.
fn outputs(
    evaluator: &Evaluator,
    sum: &Sum,
    group: &Group,
    values: &[Ciphertext],
) -> Result<Vec<(usize, Ciphertext)>> {
    let inputs: Vec<_> = group
        .columns
        .iter()
        .map(|&column| &values[column])
        .collect();
    let sums = evaluator.linear_combinations(&inputs, &group.weights)?;
    let rows = group.rows.iter().zip(sums);
    rows.map(|(&row, result)| Ok((row, finished(evaluator, sum, row, result)?)))
        .collect()
}

/// Of a row, given the sum of its products.
fn finished(
    evaluator: &Evaluator,
    sum: &Sum,
    row: usize,
    result: Ciphertext,
) -> Result<Ciphertext> {
    // A square has kept its scale: it is rescaled with the weights.
    let result = match result.degree() {
        1 => evaluator.rescale(&result)?,
        _ => evaluator.rescale(&evaluator.relinearize_rescale(&result)?)?,
    };
    Ok(evaluator.add_scalar(&result, sum.bias[row])?)
}

/// A linear layer.
fn linear(evaluator: &Evaluator, sum: &Sum, values: &[Ciphertext]) -> Result<Vec<Ciphertext>> {
    let mut found = BTreeMap::new();
    for group in groups(sum) {
        found.extend(outputs(evaluator, sum, &group, values)?);
    }
    all(found, sum.bias.len())
}

/// Squares that are summed up together. They and the sums are held, and no more.
const SQUARES: usize = 128;

/// A linear layer, squares, and a dense layer, some values after the others: all squares at once would take a gigabyte of
/// new pages, which cost as much as the arithmetic.
fn squared_and_summed(
    evaluator: &Evaluator,
    first: &Sum,
    values: &[Ciphertext],
    second: &Sum,
    dense: &Group,
) -> Result<Vec<Ciphertext>> {
    let mut sums: Option<Vec<Ciphertext>> = None;
    let mut squares = Vec::new();
    let mut groups = groups(first).into_iter().peekable();
    while let Some(group) = groups.next() {
        for (row, value) in outputs(evaluator, first, &group, values)? {
            squares.push((row, evaluator.mul(&value, &value)?));
        }
        if squares.len() < SQUARES && groups.peek().is_some() {
            continue;
        }
        // Rows without weights are no columns of the dense layer.
        let read = squares.iter().filter_map(|(row, square)| {
            let place = dense.columns.binary_search(row).ok()?;
            Some((place, square))
        });
        let (places, inputs): (Vec<usize>, Vec<_>) = read.unzip();
        if !inputs.is_empty() {
            let part = |weights: &Vec<f64>| places.iter().map(|&place| weights[place]).collect();
            let weights: Vec<Vec<f64>> = dense.weights.iter().map(part).collect();
            match &mut sums {
                None => sums = Some(evaluator.linear_combinations(&inputs, &weights)?),
                Some(sums) => evaluator.add_linear_combinations(sums, &inputs, &weights)?,
            }
        }
        squares.clear();
    }
    let sums = dense.rows.iter().zip(sums.unwrap_or_default());
    let outputs = sums.map(|(&row, sum)| Ok((row, finished(evaluator, second, row, sum)?)));
    all(outputs.collect::<Result<_>>()?, second.bias.len())
}

/// The outputs of all rows, in their order.
fn all(found: BTreeMap<usize, Ciphertext>, rows: usize) -> Result<Vec<Ciphertext>> {
    if found.len() == rows {
        Ok(found.into_values().collect())
    } else {
        let reason = "a layer leaves values out".to_owned();
        Err(NetworkError::Plan(reason))
    }
}

impl EncryptedBatch {
    fn check(&self, plan: &[u8; 32]) -> Result<()> {
        if self.plan == *plan {
            return Ok(());
        }
        Err(NetworkError::Mismatch {
            what: "the encrypted batch",
            found: "another plan".to_owned(),
            expected: "this plan".to_owned(),
        })
    }
}

/// Encrypts images, the values of each channel by channel and row by row, one image in each slot.
///
/// # Errors
/// If there are more images than slots, one does not fit the plan, or the encryptor has other parameters.
pub fn encrypt_batch(
    plan: &BatchPlan,
    images: &[Vec<f64>],
    encryptor: &Encryptor,
) -> Result<EncryptedBatch> {
    plan.check()?;
    let parameters = plan.parameters()?;
    NetworkError::check_limit("images in a batch", images.len(), parameters.slots())?;
    for image in images {
        check_values(image, plan.values, plan.range)?;
    }
    let ciphertexts = (0..plan.values).map(|value| {
        let slots: Vec<f64> = images.iter().map(|image| image[value]).collect();
        let plaintext = encryptor.encoder().encode(&slots, parameters.max_level())?;
        Ok(encryptor.encrypt(&plaintext)?)
    });
    Ok(EncryptedBatch {
        plan: plan.digest(),
        images: images.len(),
        ciphertexts: ciphertexts.collect::<Result<_>>()?,
    })
}

/// Decrypts the scores of a batch, in the order of its images.
///
/// # Errors
/// If the scores are not of this plan, the decryptor has other parameters or another key, or a value of the network has
/// overflowed.
pub fn decrypt_batch(
    plan: &BatchPlan,
    scores: &EncryptedBatchScores,
    decryptor: &Decryptor,
) -> Result<Vec<Scores>> {
    plan.check()?;
    let EncryptedBatchScores(batch) = scores;
    batch.check(&plan.digest())?;
    let parameters = plan.parameters()?;
    let mut exact = vec![Vec::new(); batch.images.min(parameters.slots())];
    let mut rounding = Rounding::above(0.0);
    for ciphertext in &batch.ciphertexts {
        let slots = decryptor
            .encoder()
            .decode_complex(&decryptor.decrypt(ciphertext)?);
        check_range(&slots)?;
        rounding = rounding.or_coarser(Rounding::of(&parameters, ciphertext.scale(), &slots));
        exact
            .iter_mut()
            .zip(slots)
            .for_each(|(scores, slot)| scores.push(slot.re));
    }
    let scores = exact
        .into_iter()
        .map(|scores| Scores::new(scores, rounding, plan.factor));
    Ok(scores.collect())
}
