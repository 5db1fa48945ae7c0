//! Training under encryption: what the estimators have in common.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::LeastSquaresConfig;
use super::bootstrapped::{BOOTSTRAP_COST, Row, bootstrapped};
use super::gram::{Statistics, Sums, masked};
use super::shape::Diagonals;
use super::solve::{Matrix, Scaled};
use crate::bootstrap::{BootstrapLevels, SharedBootstrap};
use crate::error::Result;
use crate::layout::{Layout, paired_key_switches};
use crate::linear_model::LinearModel;
use crate::packing;
use crate::progress::Count;
use crate::requirements::Requirements;
use crate::session::SessionStart;
use crate::task::Task;
use crate::vectors::Vectors;

/// For `more` levels than the solution takes.
pub(super) fn requirements(
    config: &LeastSquaresConfig,
    layout: &Layout,
    task: Task,
    more: usize,
) -> Requirements {
    let mut rotations: std::collections::BTreeSet<_> = layout.sample_rotations().collect();
    // A layout that does not do is refused when it is used.
    if let Ok(shape) = Diagonals::new(layout, task.classes) {
        rotations.extend(shape.rotations());
    }
    Requirements {
        levels: config.levels() + more,
        rotations,
        relinearization: true,
        conjugation: true,
    }
}

/// Levels below the samples at which their statistics are packed and bootstrapped: the products, their
/// scaling, and the masks of packing.
const STATISTICS_LEVELS: usize = 3;

/// The level to encrypt samples at that are bootstrapped.
pub(super) fn sample_level(levels: BootstrapLevels) -> usize {
    levels.input + STATISTICS_LEVELS
}

/// What samples need that are bootstrapped: all rotations of a block at once.
pub(super) fn sample_requirements(
    layout: &Layout,
    task: Task,
    levels: BootstrapLevels,
) -> Result<Requirements> {
    let shape = Diagonals::new(layout, task.classes)?;
    let (babies, giants) = shape.sample_steps();
    let steps = babies.into_iter().chain(giants).filter(|&step| step != 0);
    Ok(Requirements {
        levels: sample_level(levels),
        rotations: steps.chain(layout.sample_rotations()).collect(),
        relinearization: true,
        conjugation: true,
    })
}

/// All that training takes but the samples.
pub(super) struct Solver<'a> {
    pub config: LeastSquaresConfig,
    pub shape: Diagonals,
    pub needs: Requirements,
    pub evaluator: Evaluator,
    /// Of all samples or some of them: the number of rows does not matter.
    pub layout: Layout,
    pub task: Task,
    pub bootstrap: Option<SharedBootstrap<'a>>,
}

impl<'a> Solver<'a> {
    pub fn new(
        config: LeastSquaresConfig,
        needs: Requirements,
        start: SessionStart<'a>,
    ) -> Result<Self> {
        Ok(Self {
            config,
            shape: Diagonals::new(&start.layout, start.task.classes)?,
            needs,
            evaluator: start.evaluator,
            layout: start.layout,
            task: start.task,
            bootstrap: start.bootstrap,
        })
    }

    /// The level to start at with samples and labels at level `available`.
    pub fn start_level(&self, available: usize) -> Result<usize> {
        let Some(bootstrap) = &self.bootstrap else {
            return self
                .needs
                .start_level("training", available, available, &self.evaluator);
        };
        let levels = bootstrap.levels();
        // What is bootstrapped, and what the steps take of it.
        let solution = Requirements {
            levels: self.config.iterations + 1 + LinearModel::LEVEL,
            ..self.needs.clone()
        };
        solution.start_level(
            "the steps of the solution",
            levels.output,
            0,
            &self.evaluator,
        )?;
        let needs = sample_requirements(&self.layout, self.task, levels)?;
        needs.start_level("training", available, available, &self.evaluator)?;
        Ok(needs.levels)
    }

    pub fn vectors<'b>(&'b self, counter: &'b dyn Count) -> Vectors<'b> {
        Vectors {
            evaluator: &self.evaluator,
            layout: &self.layout,
            counter,
        }
    }

    /// The matrix of the system, and the moments of the labels: two levels below the samples, or
    /// bootstrapped, at the level that the rest takes.
    pub fn matrix(
        &self,
        vectors: &Vectors<'_>,
        sums: Sums,
    ) -> Result<(Matrix<'_>, Vec<Ciphertext>)> {
        let samples = sums.samples();
        let bound = self.config.spectrum(samples);
        let penalty = 4.0 / bound * self.config.penalty(samples);
        let Some(bootstrap) = &self.bootstrap else {
            let Statistics { diagonals, moments } = sums.statistics(vectors, 4.0 / bound)?;
            return Ok((
                Matrix::new(&self.evaluator, self.shape, diagonals, penalty)?,
                moments,
            ));
        };
        // Entries of the matrix are at most its largest eigenvalue, moments its root, as labels
        // are at most 1.
        let Statistics { diagonals, moments } = sums.statistics(vectors, 1.0 / bound)?;
        let diagonals = diagonals.into_iter().map(|vector| Row {
            vector,
            magnitude: 1.0,
            factor: 4.0,
        });
        let moments = moments.into_iter().map(|vector| Row {
            vector,
            magnitude: bound.sqrt(),
            factor: 1.0,
        });
        let rows: Vec<_> = diagonals.chain(moments).collect();
        let target = self.config.iterations + LinearModel::LEVEL;
        let mut diagonals = bootstrapped(vectors, &rows, &**bootstrap, target)?;
        let moments = diagonals.split_off(self.shape.count());
        Ok((
            Matrix::new(&self.evaluator, self.shape, diagonals, penalty)?,
            moments,
        ))
    }

    pub fn model(&self, weights: Ciphertext, intercept: Option<Ciphertext>) -> Result<LinearModel> {
        let (features, width) = (self.layout.cols(), self.layout.block_cols());
        LinearModel::from_ciphertexts(features, width, self.task.classes, vec![weights], intercept)
    }
}

/// Units of progress are key switches.
impl Solver<'_> {
    pub fn step_cost(&self) -> usize {
        3 * (self.shape.babies + self.shape.giants)
    }

    /// What comes after the products of samples, of which `summed` vectors are summed.
    pub fn cost(&self, summed: usize, outputs: usize) -> usize {
        let layout = &self.layout;
        let steps = outputs.div_ceil(2) * (self.config.iterations - 1);
        let bootstraps = match &self.bootstrap {
            None => 0,
            Some(_) => {
                let rows = self.shape.count() + outputs;
                let unpacking = paired_key_switches(rows, layout.column_rotations());
                rows.div_ceil(layout.block_rows()) * BOOTSTRAP_COST + rows + unpacking
            }
        };
        let summing = summed + paired_key_switches(summed, layout.column_rotations());
        summing + bootstraps + steps * self.step_cost()
    }
}

/// Two real vectors as one complex one, since the matrix is real: half the work.
pub(super) fn in_pairs(with: &Vectors<'_>, vectors: Vec<Ciphertext>) -> Result<Vec<Ciphertext>> {
    vectors
        .chunks(2)
        .map(|pair| match pair {
            [real, imaginary] => Ok(with.evaluator.add(real, &with.times_i(imaginary)?)?),
            _ => Ok(pair[0].clone()),
        })
        .collect()
}

/// Weight vectors, two an output and times their factor, in the rows that a model has for them:
/// one level lower.
pub(super) fn in_rows(
    with: &Vectors<'_>,
    solutions: &[Scaled],
    outputs: usize,
) -> Result<Ciphertext> {
    let evaluator = with.evaluator;
    let factor = solutions.first().map_or(1.0, |solution| solution.factor);
    if outputs == 1 {
        let vector = &solutions[0].vector;
        return Ok(evaluator.lower_scaled(vector, vector.level() - 1, factor)?);
    }
    let parts = solutions
        .par_iter()
        .map(|Scaled { vector, .. }| {
            let conjugate = evaluator.conjugate(vector)?;
            let imaginary = with.times_i(&evaluator.sub(&conjugate, vector)?)?;
            Ok([evaluator.add(vector, &conjugate)?, imaginary])
        })
        .collect::<Result<Vec<_>>>()?;
    let layout = with.layout;
    let twice: Vec<_> = parts
        .iter()
        .flatten()
        .take(outputs)
        .enumerate()
        .map(|(class, vector)| {
            let mask = packing::class_mask(layout, outputs, class, factor / 2.0);
            (vector, mask)
        })
        .collect();
    masked(with, &twice)
}
