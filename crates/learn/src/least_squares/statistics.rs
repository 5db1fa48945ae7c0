//! Sufficient statistics: what a contributor can send in place of its samples.

use tapetum_ckks::{Encryptor, Evaluator};

use super::bootstrapped::unpacked;
use super::fit::{in_pairs, in_rows};
use super::shape::Diagonals;
use super::simulate::gram;
use super::solve::Matrix;
use super::{LeastSquaresConfig, Ridge};
use crate::error::{LearnError, Result, check_equal};
use crate::features::Features;
use crate::labels::ClassLabels;
use crate::layout::{Layout, paired_key_switches};
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::progress::{Counter, Listener, Progress};
use crate::requirements::Requirements;
use crate::task::{Task, outputs};
use crate::vectors::Vectors;

/// The Gram matrix and the moments of the labels of one contributor's samples, summed in the clear
/// and encrypted: a few ciphertexts, whatever the number of samples.
///
/// Those of several contributors add up to those of all samples. To take one out again, train on
/// the others. The server learns how many samples a contributor has, and nothing of them; the
/// contributor has to be trusted to have summed up rightly, as it has to be with its samples.
///
/// The diagonals of the Gram matrix and the moments are the rows of an encrypted matrix, divided by the
/// number of samples that all contributors together are expected to have.
#[derive(Clone, Debug, PartialEq)]
pub struct SufficientStatistics {
    features: usize,
    classes: usize,
    samples: usize,
    expected_samples: usize,
    sums: EncryptedMatrix,
}

impl SufficientStatistics {
    /// Sums up samples and labels, and encrypts the sums.
    ///
    /// # Errors
    /// [`LearnError`] if there is not a label for each sample, the sums are too large for
    /// `expected_samples`, there is no such level, or encryption fails.
    pub fn encrypt(
        features: &Features<'_>,
        labels: &ClassLabels,
        expected_samples: usize,
        level: usize,
        encryptor: &Encryptor,
    ) -> Result<Self> {
        check_equal("labels", features.rows(), labels.len())?;
        let samples = features.rows();
        let layout = layout(
            features.cols(),
            labels.classes(),
            encryptor.parameters().slots(),
        )?;
        let shape = shape(features.cols(), labels.classes(), &layout)?;
        let share = samples as f64 / expected_samples.max(1) as f64;
        let mut rows = vec![0.0; layout.rows() * shape.width];
        let (gram, mut lines) = (gram(features), rows.chunks_exact_mut(shape.width));
        for (k, line) in lines.by_ref().take(shape.count()).enumerate() {
            let first = shape.steps(k).1 * shape.babies;
            for i in 0..shape.features - k {
                line[first + i] = share * gram[i][i + k];
            }
        }
        for (line, column) in lines.zip(labels.targets()) {
            for (slot, sum) in line.iter_mut().zip(features.mean(&column)) {
                *slot = share * sum;
            }
        }
        let rows = Features::new(&rows, shape.width)?;
        let sums = EncryptedMatrix::encrypt(&rows, layout, level, encryptor, &mut |_| ())?;
        Ok(Self {
            features: features.cols(),
            classes: labels.classes(),
            samples,
            expected_samples,
            sums,
        })
    }

    /// The number of samples behind them.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The encrypted sums.
    pub fn sums(&self) -> &EncryptedMatrix {
        &self.sums
    }

    /// Those of all samples of these contributors.
    ///
    /// # Errors
    /// [`LearnError`] if there are none, or they are of other shapes, levels or parameters.
    pub fn total(parts: &[&Self], evaluator: &Evaluator) -> Result<Self> {
        let (&first, others) = parts
            .split_first()
            .ok_or(LearnError::Empty("contributions"))?;
        let mut total = first.clone();
        let mut blocks = first.sums.blocks().to_vec();
        for part in others {
            let same = |what, ours, theirs| check_equal(what, ours, theirs);
            same("features of a contribution", first.features, part.features)?;
            same("classes of a contribution", first.classes, part.classes)?;
            same(
                "expected samples of a contribution",
                first.expected_samples,
                part.expected_samples,
            )?;
            for (sum, block) in blocks.iter_mut().zip(part.sums.blocks()) {
                evaluator.add_assign(sum, block)?;
            }
            total.samples += part.samples;
        }
        total.sums = EncryptedMatrix::from_blocks(*first.sums.layout(), blocks)?;
        Ok(total)
    }
}

/// A row for each band and each output.
fn layout(features: usize, classes: usize, slots: usize) -> Result<Layout> {
    let width = Layout::for_least_squares(1, features, classes, slots)?.block_cols();
    Layout::new(features + outputs(classes), width, slots / width, width)
}

fn shape(features: usize, classes: usize, layout: &Layout) -> Result<Diagonals> {
    let samples = Layout::new(1, features, layout.block_rows(), layout.block_cols())?;
    Diagonals::new(&samples, classes)
}

impl Ridge {
    /// Levels and keys of [`fit_statistics`](Self::fit_statistics): K + 1 levels for K steps.
    ///
    /// # Errors
    /// [`LearnError::Layout`] if a sample has more features than there are slots.
    pub fn statistics_requirements(
        &self,
        features: usize,
        task: Task,
        slots: usize,
    ) -> Result<Requirements> {
        let rows = layout(features, task.classes, slots)?;
        let rotations = shape(features, task.classes, &rows)?.rotations();
        Ok(Requirements {
            levels: self.config().iterations + 1,
            rotations: rotations
                .into_iter()
                .chain(rows.sample_rotations())
                .collect(),
            relinearization: true,
            conjugation: true,
        })
    }

    /// Trains on sufficient statistics, which are at the level that is needed or above.
    ///
    /// # Errors
    /// [`LearnError`], before any work starts, if levels do not suffice or a key is missing.
    pub fn fit_statistics(
        &self,
        evaluator: &Evaluator,
        statistics: &SufficientStatistics,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<LinearModel> {
        solve(self.config(), self, evaluator, statistics, progress)
    }
}

fn solve(
    config: &LeastSquaresConfig,
    regression: &Ridge,
    evaluator: &Evaluator,
    statistics: &SufficientStatistics,
    progress: &mut Listener<'_>,
) -> Result<LinearModel> {
    let SufficientStatistics {
        features,
        classes,
        samples,
        expected_samples,
        sums,
    } = statistics;
    let task = Task {
        classes: *classes,
        labels: crate::task::LabelKind::Encrypted,
    };
    if sums.parameters() != evaluator.parameters() {
        return Err(LearnError::Parameters("the set of sufficient statistics"));
    }
    let needs = regression.statistics_requirements(*features, task, sums.layout().slots())?;
    let level = needs.start_level("training", sums.level(), LinearModel::LEVEL, evaluator)?;

    let layout = sums.layout();
    let shape = shape(*features, *classes, layout)?;
    let outputs = outputs(*classes);
    let step_cost = 3 * (shape.babies + shape.giants);
    let rows = layout.rows();
    let unpacking = rows + paired_key_switches(rows, layout.column_rotations());
    let steps = outputs.div_ceil(2) * (config.iterations - 1);
    let counter = Counter::new(unpacking + steps * step_cost, progress);
    let vectors = Vectors {
        evaluator,
        layout,
        counter: &counter,
    };

    let share = *expected_samples as f64 / *samples as f64;
    let bound = config.spectrum(*samples);
    let packed = sums
        .blocks()
        .iter()
        .map(|block| evaluator.lower_to(block, level))
        .collect::<Result<Vec<_>, _>>()?;
    let mut diagonals = unpacked(&vectors, &packed, rows, |i| match i < shape.count() {
        true => share * 4.0 / bound,
        false => share,
    })?;
    let moments = diagonals.split_off(shape.count());
    let penalty = 4.0 / bound * config.penalty(*samples);
    let matrix = Matrix::new(evaluator, shape, diagonals, penalty)?;
    let pairs = in_pairs(&vectors, moments)?;
    let solutions = matrix.apply(&config.polynomial(*samples), &pairs, || {
        counter.add(step_cost, "solving");
    })?;
    let weights = in_rows(&vectors, &solutions, outputs)?;
    let width = layout.block_cols();
    LinearModel::from_ciphertexts(*features, width, *classes, vec![weights], None)
}
