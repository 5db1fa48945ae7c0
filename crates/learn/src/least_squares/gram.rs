//! The one pass over the samples: the Gram matrix and the moment of the labels.
//!
//! A block of samples is rotated by baby steps to the left and by giant steps to the right, and
//! each pair of rotated blocks multiplied. Added up over the blocks, that is one band of the Gram
//! matrix for each pair, at two square roots of d rotations a block; relinearisations and sums over
//! the rows of a block come once a band, whatever the number of blocks (HETAL's DiagATB, Lee et al.,
//! 2023, has a rotation for each band).
//!
//! Rotations by less than a row bring columns of the next row to the end of each row. Diagonals are
//! masked anyway when they are scaled.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::shape::Diagonals;
use crate::error::{LearnError, Result, check_equal};
use crate::labels::Labels;
use crate::packing;
use crate::products::Products;
use crate::task::{LabelKind, Task, outputs};
use crate::vectors::Vectors;

/// Rows of blocks that are multiplied at a time: their rotated copies are in memory together.
const GRID_ROWS_AT_ONCE: usize = 4;

/// Sums of products over all blocks so far, not yet summed over the rows of a block. Their number
/// does not depend on that of the samples, which can come part by part.
pub(super) struct Sums {
    shape: Diagonals,
    /// What there is to learn from labels, if they take part.
    task: Option<Task>,
    /// Of degree 2, one for each band.
    gram: Vec<Option<Ciphertext>>,
    /// With encrypted labels of degree 2, of the samples rotated by b with the labels and, if there
    /// are several outputs, with those of the next row, for each b. With clear ones of degree 1,
    /// for each output, not rescaled.
    labels: Vec<Option<Ciphertext>>,
    samples: usize,
}

/// The diagonals of `factor` G / m and, if labels take part, X^T y / m for each output. All rows are
/// equal.
pub(super) struct Statistics {
    pub diagonals: Vec<Ciphertext>,
    pub moments: Vec<Ciphertext>,
}

impl Sums {
    /// Of no samples.
    pub fn new(shape: Diagonals, task: Option<Task>) -> Self {
        let labels = match task {
            None => 0,
            Some(task) => match (task.labels, outputs(task.classes)) {
                (LabelKind::Encrypted, 2..) => 2 * period(task.classes),
                (_, outputs) => outputs,
            },
        };
        Self {
            shape,
            task,
            gram: vec![None; shape.count()],
            labels: vec![None; labels],
            samples: 0,
        }
    }

    /// The number of samples so far.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The number of vectors that are to be relinearised and summed over samples.
    pub fn count(&self) -> usize {
        self.gram.len() + self.labels.len()
    }

    /// Units of progress of adding samples in this number of rows of blocks.
    pub fn cost(&self, grid_rows: usize) -> usize {
        grid_rows * (self.shape.babies + self.shape.giants)
    }

    /// Adds samples, brought down to `level`.
    pub fn add(
        &mut self,
        products: &Products<'_>,
        labels: Option<&Labels>,
        level: usize,
    ) -> Result<()> {
        let evaluator = products.evaluator;
        let encrypted = match labels {
            Some(Labels::Encrypted(labels)) => Some(labels.vectors_at(evaluator, level)?),
            _ => None,
        };
        let (babies, giants) = self.shape.sample_steps();
        let (row, several) = (self.shape.width as i64, self.labels.len() > 1);
        // A product is (which of the left, which of the right): babies times giants, then labels.
        let mut pairs: Vec<_> = (0..self.shape.count())
            .map(|k| self.shape.steps(k))
            .collect();
        if encrypted.is_some() {
            let beyond = giants.len();
            match several {
                false => pairs.push((0, beyond)),
                true => pairs.extend((0..self.labels.len()).map(|i| (i / 2, beyond + i % 2))),
            }
        }
        let grid_rows = products.layout.grid_rows();
        let blocks = (products.matrix).blocks_at(evaluator, level, products.layout.column(0))?;
        for first in (0..grid_rows).step_by(GRID_ROWS_AT_ONCE) {
            let rotated = (first..grid_rows.min(first + GRID_ROWS_AT_ONCE))
                .into_par_iter()
                .map(|i| {
                    let left = rotations(evaluator, &blocks[i], &babies)?;
                    let mut right = rotations(evaluator, &blocks[i], &giants)?;
                    if let Some(labels) = &encrypted {
                        right.push(labels[i].clone());
                        if several {
                            right.push(evaluator.rotate(&labels[i], row)?);
                        }
                    }
                    Ok((left, right))
                })
                .collect::<Result<Vec<_>>>()?;
            let sums = self.gram.iter_mut().chain(&mut self.labels);
            let sums: Vec<_> = sums.zip(&pairs).collect();
            sums.into_par_iter().try_for_each(|(sum, &(left, right))| {
                let terms: Vec<_> = rotated.iter().map(|r| (&r.0[left], &r.1[right])).collect();
                add_to(evaluator, sum, evaluator.inner_product(&terms)?)
            })?;
            products
                .counter
                .add(self.cost(rotated.len()), "multiplying samples");
        }
        if let Some(Labels::Clear(labels)) = labels {
            for (sum, column) in self.labels.iter_mut().zip(labels.targets()) {
                let column = (0..grid_rows)
                    .into_par_iter()
                    .map(|i| {
                        let slots = packing::replicated_column(&column, products.layout, i);
                        Ok(products.evaluator.encoder().encode(&slots, level)?)
                    })
                    .collect::<Result<Vec<_>>>()?;
                let pairs: Vec<_> = blocks.iter().map(AsRef::as_ref).zip(&column).collect();
                add_to(evaluator, sum, evaluator.mul_plain_sum(&pairs)?)?;
            }
        }
        self.samples += products.matrix.samples();
        Ok(())
    }

    /// Adds the sums of other samples.
    pub fn merge(&mut self, other: Self, evaluator: &Evaluator) -> Result<()> {
        if (other.shape, other.task) != (self.shape, self.task) {
            return Err(LearnError::Malformed {
                what: "a set of sums",
                reason: "it is of samples of another shape, or of labels of another kind",
            });
        }
        let ours = self.gram.iter_mut().chain(&mut self.labels);
        for (sum, term) in ours.zip(other.gram.into_iter().chain(other.labels)) {
            if let Some(term) = term {
                add_to(evaluator, sum, term)?;
            }
        }
        self.samples += other.samples;
        Ok(())
    }

    /// All sums, those of the Gram matrix first.
    pub fn into_ciphertexts(self) -> Result<Vec<Ciphertext>> {
        let all: Option<Vec<_>> = self.gram.into_iter().chain(self.labels).collect();
        all.ok_or(LearnError::Empty("samples"))
    }

    /// Puts such sums of some samples where there are none.
    pub fn restore(&mut self, ciphertexts: Vec<Ciphertext>, samples: usize) -> Result<()> {
        check_equal("ciphertexts of the sums", self.count(), ciphertexts.len())?;
        let ours = self.gram.iter_mut().chain(&mut self.labels);
        for (sum, ciphertext) in ours.zip(ciphertexts) {
            *sum = Some(ciphertext);
        }
        self.samples = samples;
        Ok(())
    }

    /// What the sums say of all samples, two levels below them.
    pub fn statistics(self, vectors: &Vectors<'_>, factor: f64) -> Result<Statistics> {
        let Self { shape, task, .. } = self;
        let half = 0.5 / self.samples as f64;
        let both: Vec<_> = self.gram.into_iter().chain(self.labels).collect();
        let mut twice = vectors.twice_in_pairs(
            both.len(),
            vectors.layout.column_rotations(),
            |i| {
                let sum = both[i].as_ref().ok_or(LearnError::Empty("samples"))?;
                match sum.degree() {
                    1 => Ok(vectors.evaluator.rescale(sum)?),
                    _ => vectors.relinearized(sum),
                }
            },
            |sum| vectors.sum_over_samples(sum),
            "summing over samples",
        )?;
        // They are larger than what comes next.
        drop(both);
        let of_labels = twice.split_off(shape.count());
        let diagonals = twice
            .par_iter()
            .enumerate()
            .map(|(k, band)| {
                let mask = shape.mask(k, factor * half, vectors.layout.slots());
                masked(vectors, &[(band, mask)])
            })
            .collect::<Result<_, _>>()?;
        let moments = match task {
            Some(Task {
                classes,
                labels: LabelKind::Encrypted,
            }) if outputs(classes) > 1 => of_classes(vectors, &shape, classes, &of_labels, half)?,
            _ => of_labels
                .iter()
                .map(|twice| {
                    let below = twice.level() - 1;
                    Ok(vectors.evaluator.lower_scaled(twice, below, half)?)
                })
                .collect::<Result<_>>()?,
        };
        Ok(Statistics { diagonals, moments })
    }
}

fn add_to(evaluator: &Evaluator, sum: &mut Option<Ciphertext>, term: Ciphertext) -> Result<()> {
    match sum {
        None => *sum = Some(term),
        Some(sum) => evaluator.add_assign(sum, &term)?,
    }
    Ok(())
}

/// Columns after which the labels of this number of classes repeat.
fn period(classes: usize) -> usize {
    outputs(classes).next_power_of_two()
}

/// The moments of one-hot labels from the sums over samples T_b and T'_b (with the labels of the
/// next row), in rotation. Column j of T_b has feature j + b and class j mod P; where j + b is beyond the
/// row, it is a feature of the next row, and column j of T'_b the one to take.
fn of_classes(
    vectors: &Vectors<'_>,
    shape: &Diagonals,
    classes: usize,
    turned: &[Ciphertext],
    factor: f64,
) -> Result<Vec<Ciphertext>> {
    let period = period(classes);
    let slots = vectors.layout.slots();
    let mask = |class: usize, columns: std::ops::Range<usize>| -> Vec<f64> {
        (0..slots)
            .map(|slot| slot % shape.width)
            .map(|j| match columns.contains(&j) && j % period == class {
                true => factor,
                false => 0.0,
            })
            .collect()
    };
    (0..outputs(classes))
        .into_par_iter()
        .map(|class| {
            // Horner's rule for the rotations back by b.
            let mut moment: Option<Ciphertext> = None;
            for b in (0..period).rev() {
                let inside = mask(class, 0..shape.features.saturating_sub(b));
                let beyond = mask(class, shape.width - b..shape.width);
                let terms = [(&turned[2 * b], inside), (&turned[2 * b + 1], beyond)];
                let term = masked(vectors, &terms)?;
                moment = Some(match moment {
                    None => term,
                    Some(moment) => {
                        let back = vectors.evaluator.rotate(&moment, -1)?;
                        vectors.evaluator.add(&back, &term)?
                    }
                });
            }
            moment.ok_or(LearnError::Empty("classes"))
        })
        .collect()
}

/// The sum of masked vectors, one level lower.
pub(super) fn masked(
    vectors: &Vectors<'_>,
    terms: &[(&Ciphertext, Vec<f64>)],
) -> Result<Ciphertext> {
    let masks = terms
        .iter()
        .map(|(vector, mask)| vectors.evaluator.encoder().encode(mask, vector.level()))
        .collect::<Result<Vec<_>, _>>()?;
    let pairs: Vec<_> = terms
        .iter()
        .map(|(vector, _)| *vector)
        .zip(&masks)
        .collect();
    let sum = vectors.evaluator.mul_plain_sum(&pairs)?;
    Ok(vectors.evaluator.rescale(&sum)?)
}

/// A vector rotated by each of these multiples of one step, the first of which is zero: all at
/// once if there are keys for them, otherwise one after the other.
pub(super) fn rotations(
    evaluator: &Evaluator,
    vector: &Ciphertext,
    steps: &[i64],
) -> Result<Vec<Ciphertext>> {
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
