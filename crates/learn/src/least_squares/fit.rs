//! Training under encryption.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Encoder, Evaluator};

use super::LeastSquaresConfig;
use super::gram::statistics;
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

/// All that training takes.
pub(super) struct Job<'a> {
    pub config: &'a LeastSquaresConfig,
    pub shape: Bands,
    pub needs: Requirements,
    pub evaluator: &'a Evaluator,
    pub encoder: &'a Encoder,
    pub matrix: &'a EncryptedMatrix,
    pub labels: &'a Labels,
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
        let coefficients = self.config.polynomial();
        let solutions = moments
            .iter()
            .map(|moment| {
                matrix.apply(&coefficients, moment, || {
                    counter.add(self.step_cost(), "solving");
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let weights = self.in_rows(&solutions)?;
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
        let solution = matrix.apply(&coefficients, &difference, || {
            counter.add(self.step_cost(), "solving");
        })?;

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

    /// The matrix of the system, and the moments of the labels, two levels below the samples.
    fn matrix(
        &self,
        products: &Products<'_>,
        labels: Option<&Labels>,
        level: usize,
    ) -> Result<(Matrix<'_>, Vec<Ciphertext>), LearnError> {
        let factor = 4.0 / self.config.largest_eigenvalue;
        let (bands, moments) = statistics(products, &self.shape, labels, level, factor)?;
        Ok((Matrix::new(self.evaluator, self.shape, bands)?, moments))
    }

    /// Weight vectors, one an output and times their factor, in the rows that a model has for them:
    /// one level lower.
    fn in_rows(&self, solutions: &[Scaled]) -> Result<Ciphertext, LearnError> {
        if let [Scaled { vector, factor }] = solutions {
            return Ok(self
                .evaluator
                .lower_scaled(vector, vector.level() - 1, *factor)?);
        }
        let layout = self.matrix.layout();
        let masks = solutions
            .par_iter()
            .enumerate()
            .map(|(class, Scaled { vector, factor })| {
                let mask = packing::class_mask(layout, solutions.len(), class, *factor);
                Ok(self.encoder.encode(&mask, vector.level())?)
            })
            .collect::<Result<Vec<_>, LearnError>>()?;
        let pairs: Vec<_> = solutions.iter().map(|s| &s.vector).zip(&masks).collect();
        let sum = self.evaluator.mul_plain_sum(&pairs)?;
        Ok(self.evaluator.rescale(&sum)?)
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
        let steps = outputs * (self.config.steps - 1);
        layout.grid_rows() * (babies.len() + giants.len())
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
