//! Gradient descent in mini-batches, with any number of iterations.
//!
//! An iteration reads one mini-batch, in the order of the batches and from the first again after
//! the last. When the levels of the weights are used up they are bootstrapped, all together in one
//! ciphertext; the data never are. So data need only the levels between two bootstraps.

mod checkpoint;
mod diagonal_gradient;
mod diagonal_levels;
mod in_passes;
mod method;
mod on_diagonals;
mod packed;
pub(crate) mod row_gradient;
pub(crate) mod sigmoid;
mod simulate;
mod softmax;
pub(crate) mod steps;
mod terms;
mod training;

use std::collections::BTreeSet;

use crate::error::{LearnError, Result, Setting};
use crate::layout::{Layout, SlotOrder};
use crate::linear_model::LinearModel;
use crate::requirements::Requirements;
use crate::slot_diagonals::SlotDiagonals;
use crate::task::{LabelKind, Task, outputs};

use crate::bootstrap::BootstrapLevels;
pub(crate) use on_diagonals::DiagonalTraining;
use packed::Chunks;
use sigmoid::Sigmoid;
pub(crate) use simulate::simulate;
use softmax::Softmax;
use steps::{LearningRate, Step, steps};
pub use training::Training;

/// A bootstrap takes about as long as this number of key switches of an iteration.
pub(crate) const BOOTSTRAP_COST: usize = 100;

/// Mini-batches of a training.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MiniBatches {
    /// Samples of a mini-batch; the last one may have fewer.
    pub rows: usize,
    /// No weight becomes larger than this in magnitude: 2^-10 to 2^10. Weights are bootstrapped as
    /// multiples of it. [`RangeReport`](crate::RangeReport) tells the largest.
    pub weight_bound: f64,
}

impl Default for MiniBatches {
    /// 1024 samples, weights up to 4.
    fn default() -> Self {
        Self {
            rows: 1024,
            weight_bound: 4.0,
        }
    }
}

impl MiniBatches {
    pub(crate) fn check(&self) -> Result<()> {
        let (rows, bound) = (self.rows as f64, self.weight_bound);
        Setting::BatchRows.check(rows > 0.0, rows, "at least 1")?;
        let within = (2f64.powi(-10)..=2f64.powi(10)).contains(&bound);
        Setting::WeightBound.check(within, bound, "2^-10 to 2^10")
    }
}

/// What makes probabilities of scores.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Link {
    /// Of each score by itself.
    Sigmoid(Sigmoid),
    /// Of all scores of a sample, within this interval around zero.
    Softmax(f64),
}

impl Link {
    pub fn sigmoid(&self) -> Option<&Sigmoid> {
        match self {
            Self::Sigmoid(sigmoid) => Some(sigmoid),
            Self::Softmax(_) => None,
        }
    }

    /// Refuses an interval for which there is no softmax.
    pub fn check_softmax(interval: f64) -> Result<()> {
        Softmax::check(interval)
    }

    /// Half the length of the interval for which it is made.
    pub fn interval(&self) -> f64 {
        match self {
            Self::Sigmoid(sigmoid) => sigmoid.interval(),
            &Self::Softmax(interval) => interval,
        }
    }
}

/// A gradient method, checked and ready to be run by [`Training`] or in the clear.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientDescent {
    /// For messages.
    pub(crate) what: &'static str,
    pub(crate) link: Link,
    pub(crate) steps: Vec<Step>,
    pub(crate) batches: MiniBatches,
    /// Whether there may be more than two classes.
    pub(crate) many_classes: bool,
}

impl GradientDescent {
    pub(crate) fn new(
        what: &'static str,
        link: Link,
        (schedule, iterations): (&LearningRate, usize),
        batches: MiniBatches,
        many_classes: bool,
    ) -> Self {
        Self {
            what,
            link,
            steps: steps(schedule, iterations),
            batches,
            many_classes,
        }
    }

    /// The number of iterations.
    pub fn iterations(&self) -> usize {
        self.steps.len()
    }

    /// The step of an iteration, counted from 0.
    pub(crate) fn step(&self, iteration: usize) -> Result<Step> {
        let step = self.steps.get(iteration).copied();
        step.ok_or(LearnError::Empty("iterations left"))
    }

    /// The mini-batch that an iteration reads, counted from 0 like the iterations, if there are so
    /// many.
    pub fn batch_of(&self, iteration: usize, batches: usize) -> usize {
        iteration % batches.max(1)
    }

    /// The batch that this iteration reads; none after the last.
    fn upcoming(&self, iteration: usize, batches: usize) -> Option<usize> {
        (iteration < self.iterations()).then(|| self.batch_of(iteration, batches))
    }

    /// Samples of each mini-batch.
    pub fn batch_rows(&self) -> usize {
        self.batches.rows
    }

    /// Levels of an iteration after the first: X v, the mask of its first column, the polynomial,
    /// and X^T g.
    fn iteration_levels(&self) -> usize {
        3 + self.sigmoid_levels()
    }

    /// Of the sigmoid, if there is one.
    fn sigmoid_levels(&self) -> usize {
        self.link.sigmoid().map_or(0, Sigmoid::levels)
    }

    /// The sigmoid, which is all that blocks in the order of rows know.
    fn sigmoid(&self) -> Result<&Sigmoid> {
        self.link.sigmoid().ok_or(LearnError::Malformed {
            what: "a training of the softmax",
            reason: "its blocks must be in the order of columns",
        })
    }

    /// What training on batches in this layout needs, and a model that can classify: with a
    /// bootstrap the levels of its output, without one all that the iterations use up and
    /// [`LinearModel::LEVEL`]. The keys of the bootstrap itself come on top.
    ///
    /// # Errors
    /// [`LearnError::LevelExhausted`] if there are too few levels between two bootstraps for an
    /// iteration, [`LearnError::Layout`] if the weights do not fit into a ciphertext.
    pub fn requirements(
        &self,
        layout: &Layout,
        task: Task,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<Requirements> {
        if layout.order() == SlotOrder::Columns {
            return self.diagonal_requirements(layout, task, bootstrap);
        }
        self.sigmoid()?;
        let mut needs = self.levelled(layout, task);
        needs.levels += LinearModel::LEVEL;
        if let Some(levels) = bootstrap {
            let chunks = self.chunks(layout, task.classes)?;
            needs.rotations.extend(chunks.rotations());
            needs.levels = levels.output;
            let needed = 1 + self.floor(levels, task.classes) + self.iteration_levels();
            if needs.levels < needed {
                return Err(LearnError::LevelExhausted {
                    what: "an iteration between two bootstraps",
                    needed,
                    available: needs.levels,
                });
            }
        }
        Ok(needs)
    }

    /// The level at which batches and their labels are to be encrypted. With a bootstrap it is one
    /// below the output, since unpacking takes one; or, for blocks in the order of columns, what an iteration needs.
    ///
    /// # Errors
    /// As [`requirements`](Self::requirements).
    pub fn batch_level(
        &self,
        layout: &Layout,
        task: Task,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<usize> {
        let levels = self.requirements(layout, task, bootstrap)?.levels;
        match (layout.order(), bootstrap) {
            (SlotOrder::Columns, Some(bootstrap)) => {
                Ok(self.diagonal_levels(task.classes, bootstrap)?.samples)
            }
            _ => Ok(levels - usize::from(bootstrap.is_some())),
        }
    }

    /// Without bootstraps.
    pub(crate) fn levelled(&self, layout: &Layout, task: Task) -> Requirements {
        let mut rotations: BTreeSet<_> = layout
            .sample_rotations()
            .chain(layout.replication_rotations())
            .collect();
        let encrypted = usize::from(task.labels == LabelKind::Encrypted);
        let scaling = usize::from(outputs(task.classes) > 1);
        if encrypted + scaling == 2 {
            rotations.insert(1);
        }
        Requirements {
            levels: 1 + encrypted + self.iteration_levels() * (self.iterations() - 1) + scaling,
            rotations,
            relinearization: true,
            conjugation: true,
        }
    }

    /// Slots after which the bootstrapped vector repeats: a power of two, at least 64 as the
    /// transforms of a bootstrapping want it, up to the number of slots.
    ///
    /// # Errors
    /// [`LearnError::Layout`] if the weights do not fit into a ciphertext.
    pub fn packed_slots(&self, layout: &Layout, classes: usize) -> Result<usize> {
        if layout.order() == SlotOrder::Columns {
            return SlotDiagonals::new(layout, classes).map(|shape| shape.slots());
        }
        Ok(self.chunks(layout, classes)?.period().max(64))
    }

    /// Iterations from one bootstrap to the next.
    pub fn iterations_between(&self, levels: BootstrapLevels, classes: usize) -> usize {
        let usable = (levels.output.saturating_sub(1)).saturating_sub(self.floor(levels, classes));
        usable / self.iteration_levels()
    }

    /// How often weights are bootstrapped.
    pub fn bootstraps(&self, levels: BootstrapLevels, classes: usize) -> usize {
        // The first iteration takes one level only.
        let usable = (levels.output.saturating_sub(2)).saturating_sub(self.floor(levels, classes));
        let first = 1 + usable / self.iteration_levels();
        let rest = self.iterations().saturating_sub(first);
        rest.div_ceil(self.iterations_between(levels, classes).max(1))
    }

    /// Key switches that take as long as all bootstraps, with the unpacking of weights where that is not part of an iteration.
    pub(crate) fn bootstrapping_key_switches(
        &self,
        layout: &Layout,
        levels: BootstrapLevels,
        classes: usize,
    ) -> Result<usize> {
        Ok(match layout.order() {
            SlotOrder::Rows => {
                let unpacking = self.chunks(layout, classes)?.unpack_key_switches();
                self.bootstraps(levels, classes) * (BOOTSTRAP_COST + unpacking)
            }
            // All iterations but the first begin with one, and so does the model.
            SlotOrder::Columns => {
                let softmax = (self.iterations() - 1) * self.softmax_bootstraps(layout, classes)?;
                (self.iterations() + softmax) * BOOTSTRAP_COST
            }
        })
    }

    /// Key switches of all iterations on batches in this layout, without bootstraps. A bootstrap takes
    /// about as long as 100.
    pub fn key_switches(&self, layout: &Layout, task: Task) -> usize {
        (0..self.iterations())
            .map(|iteration| self.iteration_key_switches(layout, task, iteration == 0))
            .sum()
    }

    pub(crate) fn iteration_key_switches(&self, layout: &Layout, task: Task, first: bool) -> usize {
        if layout.order() == SlotOrder::Columns {
            return self.diagonal_key_switches(layout, task, first);
        }
        let transposed = layout.transposed_times_key_switches();
        let head = match first {
            true => transposed,
            false => {
                let sigmoid = layout.grid_rows() * self.sigmoid_levels();
                transposed + sigmoid + layout.times_key_switches()
            }
        };
        let outputs = outputs(task.classes);
        let labels = match task.labels {
            LabelKind::Encrypted if outputs > 1 => layout.label_key_switches(outputs),
            _ => 0,
        };
        outputs * head + labels
    }

    /// The level that an iteration must leave: enough to bootstrap, or to be a model.
    fn floor(&self, levels: BootstrapLevels, classes: usize) -> usize {
        let scaling = usize::from(outputs(classes) > 1);
        (levels.input + 1).max(LinearModel::LEVEL + scaling)
    }

    fn chunks(&self, layout: &Layout, classes: usize) -> Result<Chunks> {
        let count = outputs(classes) * layout.grid_cols();
        Chunks::new(count, layout.block_cols(), layout.slots())
    }

    pub(crate) fn check_classes(&self, classes: usize) -> Result<()> {
        match (self.many_classes, &self.link) {
            (_, Link::Softmax(_)) => crate::task::at_least_three(self.what, classes),
            (true, _) => crate::task::check_classes(classes),
            (false, _) => crate::task::two_classes(self.what, classes),
        }
    }
}
