//! The one pass over the samples: the Gram matrix and the moment of the labels.
//!
//! A block of samples is rotated by baby steps to the left and by giant steps to the right, and
//! each pair of rotated blocks multiplied. Added up over the blocks, that is one band of the Gram
//! matrix for each pair, at two square roots of d rotations a block; relinearisations and sums over
//! the rows of a block come once a band, whatever the number of blocks (HETAL's DiagATB, Lee et al.,
//! 2023, has a rotation for each band).
//!
//! Rotations by less than a row bring columns of the next row to the end of each row. Bands are
//! masked anyway when they are scaled.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::shape::Bands;
use crate::error::LearnError;
use crate::labels::{EncryptedLabels, Labels, outputs};
use crate::products::Products;

/// Rows of blocks that are multiplied at a time: their rotated copies are in memory together.
const GRID_ROWS_AT_ONCE: usize = 4;

/// The bands of `factor` G / m and, if asked for, X^T y / m for each output, from samples at
/// `level`: two levels below. All rows are equal.
pub(super) fn statistics(
    products: &Products<'_>,
    shape: &Bands,
    labels: Option<&Labels>,
    level: usize,
    factor: f64,
) -> Result<(Vec<Ciphertext>, Vec<Ciphertext>), LearnError> {
    let encrypted = match labels {
        Some(Labels::Encrypted(labels)) if outputs(labels.classes()) > 1 => Some(labels),
        _ => None,
    };
    let sums = Sums::over(products, shape, encrypted, level)?;
    let both: Vec<_> = sums.gram.iter().chain(&sums.labels).collect();
    let mut twice = products.twice_in_pairs(
        both.len(),
        products.layout().column_rotations(),
        |i| products.relinearized(both[i]),
        |sum| products.sum_over_samples(sum),
        "summing over samples",
    )?;
    let of_labels = twice.split_off(shape.count());

    let half = 0.5 / products.layout().rows() as f64;
    let bands = twice
        .par_iter()
        .enumerate()
        .map(|(k, band)| {
            let mask = shape.mask(k, factor * half, products.layout().slots());
            masked(products, &[(band, mask)])
        })
        .collect::<Result<_, _>>()?;
    let moments = match (labels, encrypted) {
        (None, _) => Vec::new(),
        (_, Some(labels)) => of_classes(products, shape, labels, &of_labels, half)?,
        (Some(Labels::Clear(labels)), _) => labels
            .targets()
            .iter()
            .map(|column| {
                let twice = products.twice_transposed_times_plain(column, level)?;
                scaled(products.evaluator, &twice[0], half)
            })
            .collect::<Result<_, _>>()?,
        (Some(Labels::Encrypted(labels)), None) => {
            let column = labels.column_at(products.evaluator, level)?;
            let twice = products.twice_transposed_times(&column)?;
            vec![scaled(products.evaluator, &twice[0], half)?]
        }
    };
    Ok((bands, moments))
}

/// Sums of products over all blocks, of degree 2, not yet summed over the rows of a block.
struct Sums {
    /// One for each band.
    gram: Vec<Ciphertext>,
    /// Of the samples rotated by b with the labels, and with those of the next row, for each b.
    labels: Vec<Ciphertext>,
}

impl Sums {
    fn over(
        products: &Products<'_>,
        shape: &Bands,
        labels: Option<&EncryptedLabels>,
        level: usize,
    ) -> Result<Self, LearnError> {
        let evaluator = products.evaluator;
        let classes = labels.map_or(0, |labels| outputs(labels.classes()).next_power_of_two());
        let labels = labels
            .map(|labels| labels.vectors_at(evaluator, level))
            .transpose()?;
        let (babies, giants) = shape.sample_steps();
        let row = shape.width as i64;
        // A product is (which of the left, which of the right): babies times giants, then labels.
        let mut pairs: Vec<_> = (0..shape.count()).map(|k| shape.steps(k)).collect();
        if labels.is_some() {
            let beyond = giants.len();
            let turns = 0..classes;
            pairs.extend(turns.flat_map(|b| [(b, beyond), (b, beyond + 1)]));
        }
        let mut sums: Vec<Option<Ciphertext>> = vec![None; pairs.len()];
        let grid_rows = products.layout().grid_rows();
        let blocks = products.matrix.column_at(evaluator, 0, level)?;
        for first in (0..grid_rows).step_by(GRID_ROWS_AT_ONCE) {
            let rotated = (first..grid_rows.min(first + GRID_ROWS_AT_ONCE))
                .into_par_iter()
                .map(|i| {
                    let left = rotations(evaluator, &blocks[i], &babies)?;
                    let mut right = rotations(evaluator, &blocks[i], &giants)?;
                    if let Some(labels) = &labels {
                        right.push(labels[i].clone());
                        right.push(evaluator.rotate(&labels[i], row)?);
                    }
                    Ok((left, right))
                })
                .collect::<Result<Vec<_>, LearnError>>()?;
            sums.par_iter_mut()
                .zip(&pairs)
                .try_for_each(|(sum, &(left, right))| {
                    let terms: Vec<_> = rotated.iter().map(|r| (&r.0[left], &r.1[right])).collect();
                    let product = evaluator.inner_product(&terms)?;
                    match sum {
                        None => *sum = Some(product),
                        Some(sum) => evaluator.add_assign(sum, &product)?,
                    }
                    Ok::<_, LearnError>(())
                })?;
            let passed = rotated.len() * (babies.len() + giants.len());
            products.counter.add(passed, "multiplying samples");
        }
        let mut gram: Vec<_> = sums.into_iter().flatten().collect();
        let labels = gram.split_off(shape.count());
        Ok(Self { gram, labels })
    }
}

/// The moments of one-hot labels from the sums over samples T_b and T'_b (with the labels of the
/// next row), in turn. Column j of T_b has feature j + b and class j mod P; where j + b is beyond the
/// row, it is a feature of the next row, and column j of T'_b the one to take.
fn of_classes(
    products: &Products<'_>,
    shape: &Bands,
    labels: &EncryptedLabels,
    turned: &[Ciphertext],
    factor: f64,
) -> Result<Vec<Ciphertext>, LearnError> {
    let period = outputs(labels.classes()).next_power_of_two();
    let slots = products.layout().slots();
    let mask = |class: usize, columns: std::ops::Range<usize>| -> Vec<f64> {
        (0..slots)
            .map(|slot| slot % shape.width)
            .map(|j| match columns.contains(&j) && j % period == class {
                true => factor,
                false => 0.0,
            })
            .collect()
    };
    (0..outputs(labels.classes()))
        .into_par_iter()
        .map(|class| {
            // Horner's rule for the rotations back by b.
            let mut moment: Option<Ciphertext> = None;
            for b in (0..period).rev() {
                let inside = mask(class, 0..shape.features.saturating_sub(b));
                let beyond = mask(class, shape.width - b..shape.width);
                let terms = [(&turned[2 * b], inside), (&turned[2 * b + 1], beyond)];
                let term = masked(products, &terms)?;
                moment = Some(match moment {
                    None => term,
                    Some(moment) => {
                        let back = products.evaluator.rotate(&moment, -1)?;
                        products.evaluator.add(&back, &term)?
                    }
                });
            }
            moment.ok_or(LearnError::Empty("classes"))
        })
        .collect()
}

/// The sum of masked vectors, one level lower.
pub(super) fn masked(
    products: &Products<'_>,
    terms: &[(&Ciphertext, Vec<f64>)],
) -> Result<Ciphertext, LearnError> {
    let masks = terms
        .iter()
        .map(|(vector, mask)| products.encoder.encode(mask, vector.level()))
        .collect::<Result<Vec<_>, _>>()?;
    let pairs: Vec<_> = terms
        .iter()
        .map(|(vector, _)| *vector)
        .zip(&masks)
        .collect();
    let sum = products.evaluator.mul_plain_sum(&pairs)?;
    Ok(products.evaluator.rescale(&sum)?)
}

fn scaled(evaluator: &Evaluator, vector: &Ciphertext, by: f64) -> Result<Ciphertext, LearnError> {
    Ok(evaluator.lower_scaled(vector, vector.level() - 1, by)?)
}

/// A vector rotated by each of these multiples of one step, the first of which is zero: all at
/// once if there are keys for them, otherwise one after the other.
pub(super) fn rotations(
    evaluator: &Evaluator,
    vector: &Ciphertext,
    steps: &[i64],
) -> Result<Vec<Ciphertext>, LearnError> {
    let log_n = evaluator.parameters().log_n();
    let at_once = steps.iter().filter(|&&step| step != 0).all(|&step| {
        let element = tapetum_ckks::GaloisElement::rotation(step, log_n);
        let key = evaluator.keys().galois(element);
        key.is_some_and(|key| key.level() >= vector.level())
    });
    if at_once {
        return Ok(evaluator.rotate_hoisted(vector, steps)?);
    }
    let mut rotated = vec![vector.clone()];
    for pair in steps.windows(2) {
        let last = &rotated[rotated.len() - 1];
        rotated.push(evaluator.rotate(last, pair[1] - pair[0])?);
    }
    Ok(rotated)
}
