//! Training under encryption.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Encoder, Evaluator};

use super::LeastSquaresConfig;
use super::gram::{masked, statistics};
use super::refreshed::{REFRESH_COST, Row, refreshed};
use super::shape::Bands;
use super::solve::{Matrix, Scaled};
use crate::error::LearnError;
use crate::estimator::check_fit;
use crate::labels::{Labels, Task, outputs};
use crate::layout::{Layout, paired_key_switches};
use crate::linear_means::{ClassMeans, negated_dot, prior};
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::packing;
use crate::products::Products;
use crate::progress::{Counter, Listener};
use crate::refresh::{Refresh, RefreshLevels};
use crate::requirements::Requirements;

/// What a score of Fisher's discriminant is multiplied by.
enum Prior {
    Clear(f64),
    Encrypted(Ciphertext),
}

/// For `more` levels than the solution takes.
pub(super) fn requirements(
    config: &LeastSquaresConfig,
    layout: &Layout,
    task: Task,
    more: usize,
) -> Requirements {
    let mut rotations: std::collections::BTreeSet<_> = layout.sample_rotations().collect();
    // A layout that does not do is refused when it is used.
    if let Ok(shape) = Bands::new(layout, task.classes) {
        rotations.extend(shape.rotations());
    }
    Requirements {
        levels: config.levels() + more,
        rotations,
        relinearization: true,
        conjugation: true,
    }
}

/// Levels below the samples at which their statistics are packed and refreshed: the products, their
/// scaling, and the masks of packing.
const STATISTICS_LEVELS: usize = 3;

/// The level to encrypt samples at that are refreshed.
pub(super) fn sample_level(levels: RefreshLevels) -> usize {
    levels.input + STATISTICS_LEVELS
}

/// What samples need that are refreshed: all rotations of a block at once.
pub(super) fn sample_requirements(
    layout: &Layout,
    task: Task,
    levels: RefreshLevels,
) -> Result<Requirements, LearnError> {
    let shape = Bands::new(layout, task.classes)?;
    let (babies, giants) = shape.sample_steps();
    let steps = babies.into_iter().chain(giants).filter(|&step| step != 0);
    Ok(Requirements {
        levels: sample_level(levels),
        rotations: steps.chain(layout.sample_rotations()).collect(),
        relinearization: true,
        conjugation: true,
    })
}

/// All that training takes.
pub(super) struct Job<'a> {
    pub config: &'a LeastSquaresConfig,
    pub shape: Bands,
    pub needs: Requirements,
    pub evaluator: &'a Evaluator,
    pub encoder: &'a Encoder,
    pub matrix: &'a EncryptedMatrix,
    pub labels: &'a Labels,
    pub refresh: Option<&'a dyn Refresh>,
}

impl Job<'_> {
    pub fn regression(&self, progress: &mut Listener<'_>) -> Result<LinearModel, LearnError> {
        let level = self.start()?;
        let outputs = outputs(self.labels.classes());
        let layout = self.matrix.layout();
        let labels = match (self.labels, outputs) {
            (Labels::Encrypted(_), 2..) => summing(layout, 2 * outputs.next_power_of_two()),
            _ => outputs * layout.transposed_times_key_switches(),
        };
        let counter = Counter::new(self.cost(outputs, labels), progress);
        let products = self.products(&counter);
        let (matrix, moments) = self.matrix(&products, Some(self.labels), level)?;
        let vectors = in_pairs(&products, moments)?;
        let coefficients = self.config.polynomial();
        let solutions = matrix.apply(&coefficients, &vectors, || {
            counter.add(self.step_cost(), "solving");
        })?;
        let weights = in_rows(&products, &solutions, outputs)?;
        self.model(weights, None)
    }

    pub fn fisher(&self, progress: &mut Listener<'_>) -> Result<LinearModel, LearnError> {
        let level = self.start()?;
        let labels = 2 * self.matrix.layout().transposed_times_key_switches();
        let counter = Counter::new(self.cost(1, labels), progress);
        let products = self.products(&counter);
        let (matrix, _) = self.matrix(&products, None, level)?;
        let evaluator = self.evaluator;
        let (means, prior) = match self.labels {
            Labels::Clear(labels) => {
                let means = ClassMeans::in_clear(&products, labels, level, 1.0)?;
                (means, Prior::Clear(prior(labels)))
            }
            Labels::Encrypted(labels) => {
                let (means, prior) = ClassMeans::encrypted(&products, labels, level)?;
                (means, Prior::Encrypted(prior))
            }
        };
        let difference = evaluator.lower_to(&means.difference[0], level - 2)?;
        let coefficients = self.config.polynomial();
        let solutions = matrix.apply(&coefficients, &[difference], || {
            counter.add(self.step_cost(), "solving");
        })?;
        let solution = solutions.first().ok_or(LearnError::Empty("solutions"))?;

        let below = solution.vector.level() - 1;
        let times = |x: f64| evaluator.lower_scaled(&solution.vector, below, solution.factor * x);
        let direction = times(1.0)?;
        let weights = match prior {
            Prior::Clear(prior) => times(prior)?,
            Prior::Encrypted(prior) => {
                let prior = evaluator.lower_to(&prior, below)?;
                products.relinearized(&evaluator.mul(&prior, &direction)?)?
            }
        };
        let sum = evaluator.lower_to(&means.sum[0], below)?;
        let offset = negated_dot(&products, &[direction], &[sum])?;
        self.model(weights, Some(offset))
    }

    fn start(&self) -> Result<usize, LearnError> {
        if let Some(refresh) = self.refresh {
            let levels = refresh.levels();
            // What is refreshed, and what the steps take of it.
            let after = self.config.steps + 1 + LinearModel::LEVEL;
            let needs = Requirements {
                levels: after,
                ..self.needs.clone()
            };
            needs.start_level(
                "the steps of the solution",
                levels.output,
                0,
                self.evaluator,
            )?;
            let needs = sample_requirements(self.matrix.layout(), self.labels.task(), levels)?;
            let level = needs.levels;
            check_fit(
                &needs,
                self.evaluator,
                self.encoder,
                self.matrix,
                self.labels,
            )?;
            return Ok(level);
        }
        check_fit(
            &self.needs,
            self.evaluator,
            self.encoder,
            self.matrix,
            self.labels,
        )
    }

    fn products<'b>(&'b self, counter: &'b Counter<'b>) -> Products<'b> {
        Products {
            evaluator: self.evaluator,
            encoder: self.encoder,
            matrix: self.matrix,
            counter,
        }
    }

    /// The matrix of the system, and the moments of the labels: two levels below the samples, or
    /// refreshed, at the level that the rest takes.
    fn matrix(
        &self,
        products: &Products<'_>,
        labels: Option<&Labels>,
        level: usize,
    ) -> Result<(Matrix<'_>, Vec<Ciphertext>), LearnError> {
        let bound = self.config.largest_eigenvalue;
        let Some(refresh) = self.refresh else {
            let factor = 4.0 / bound;
            let (bands, moments) = statistics(products, &self.shape, labels, level, factor)?;
            return Ok((Matrix::new(self.evaluator, self.shape, bands)?, moments));
        };
        // Entries of the matrix are at most its largest eigenvalue, moments its root, as labels
        // are at most 1.
        let (bands, moments) = statistics(products, &self.shape, labels, level, 1.0 / bound)?;
        let bands = bands.into_iter().map(|vector| Row {
            vector,
            magnitude: 1.0,
            factor: 4.0,
        });
        let moments = moments.into_iter().map(|vector| Row {
            vector,
            magnitude: bound.sqrt(),
            factor: 1.0,
        });
        let rows: Vec<_> = bands.chain(moments).collect();
        let target = self.config.steps + LinearModel::LEVEL;
        let mut bands = refreshed(products, &rows, refresh, target)?;
        let moments = bands.split_off(self.shape.count());
        Ok((Matrix::new(self.evaluator, self.shape, bands)?, moments))
    }

    fn model(
        &self,
        weights: Ciphertext,
        offset: Option<Ciphertext>,
    ) -> Result<LinearModel, LearnError> {
        let layout = self.matrix.layout();
        LinearModel::from_ciphertexts(
            layout.cols(),
            layout.block_cols(),
            self.labels.classes(),
            vec![weights],
            offset,
        )
    }
}

/// Units of progress are key switches.
impl Job<'_> {
    fn step_cost(&self) -> usize {
        3 * (self.shape.babies + self.shape.giants)
    }

    /// `labels` is what their moments take.
    fn cost(&self, outputs: usize, labels: usize) -> usize {
        let layout = self.matrix.layout();
        let (babies, giants) = self.shape.sample_steps();
        let steps = outputs.div_ceil(2) * (self.config.steps - 1);
        let refreshes = match self.refresh {
            None => 0,
            Some(_) => {
                let rows = self.shape.count() + outputs;
                let unpacking = paired_key_switches(rows, layout.column_rotations());
                rows.div_ceil(layout.block_rows()) * REFRESH_COST + rows + unpacking
            }
        };
        refreshes
            + layout.grid_rows() * (babies.len() + giants.len())
            + summing(layout, self.shape.count())
            + labels
            + steps * self.step_cost()
    }
}

/// Key switches that relinearise so many sums and sum them over the rows of a block.
///
/// The bands come before the labels, so the last band may be paired with the first of them.
fn summing(layout: &Layout, vectors: usize) -> usize {
    vectors + paired_key_switches(vectors, layout.column_rotations())
}

/// Two real vectors as one complex one, since the matrix is real: half the work.
pub(super) fn in_pairs(
    products: &Products<'_>,
    vectors: Vec<Ciphertext>,
) -> Result<Vec<Ciphertext>, LearnError> {
    vectors
        .chunks(2)
        .map(|pair| match pair {
            [real, imaginary] => Ok(products
                .evaluator
                .add(real, &products.times_i(imaginary)?)?),
            _ => Ok(pair[0].clone()),
        })
        .collect()
}

/// Weight vectors, two an output and times their factor, in the rows that a model has for them:
/// one level lower.
pub(super) fn in_rows(
    products: &Products<'_>,
    solutions: &[Scaled],
    outputs: usize,
) -> Result<Ciphertext, LearnError> {
    let evaluator = products.evaluator;
    let factor = solutions.first().map_or(1.0, |solution| solution.factor);
    if outputs == 1 {
        let vector = &solutions[0].vector;
        return Ok(evaluator.lower_scaled(vector, vector.level() - 1, factor)?);
    }
    let parts = solutions
        .par_iter()
        .map(|Scaled { vector, .. }| {
            let conjugate = evaluator.conjugate(vector)?;
            let imaginary = products.times_i(&evaluator.sub(&conjugate, vector)?)?;
            Ok([evaluator.add(vector, &conjugate)?, imaginary])
        })
        .collect::<Result<Vec<_>, LearnError>>()?;
    let layout = products.layout();
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
    masked(products, &twice)
}
