//! Linear regression on samples that come part by part.

use std::collections::BTreeSet;

use super::LeastSquaresConfig;
use super::fit::{self, Solver, in_pairs, in_rows};
use super::gram::Sums;
use super::shape::Diagonals;
use crate::error::{LearnError, check_equal};
use crate::estimator::check_batch;
use crate::labels::{Labels, outputs};
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::products::Products;
use crate::progress::{Counter, Listener};
use crate::session::{Additive, Session, SessionStart};

/// A linear regression that is given its samples in parts, so that one part at a time is in memory,
/// and beside it sums whose size does not depend on the number of samples.
///
/// Parts may have any number of samples each and come in any order, from one contributor or from
/// several. The model is that of all samples together.
///
/// ```no_run
/// # use tapetum_ckks::*; use tapetum_learn::*;
/// # fn read_part(index: usize) -> (EncryptedMatrix, Labels) { unimplemented!() }
/// # fn run(regression: Ridge, evaluator: &Evaluator,
/// #     layout: Layout, task: Task) -> Result<LinearModel, LearnError> {
/// let mut training =
///     PartialFit::new(&regression, evaluator, &layout, task, None)?;
/// for part in 0..10 {
///     let (features, labels) = read_part(part);
///     training.add(&features, &labels, &mut |_| ())?;
/// }
/// training.finish(&mut |_| ())
/// # }
/// ```
pub struct PartialFit<'a> {
    solver: Solver<'a>,
    summed: Summed,
}

/// What has become of the parts.
struct Summed {
    sums: Sums,
    batches: usize,
    /// That of the first part.
    level: Option<usize>,
    /// The classes in labels that are not encrypted.
    seen: BTreeSet<u8>,
}

impl<'a> PartialFit<'a> {
    pub(super) fn begin(
        config: LeastSquaresConfig,
        start: SessionStart<'a>,
    ) -> Result<Self, LearnError> {
        let SessionStart {
            evaluator,
            layout,
            task,
            bootstrap,
        } = start;
        let shape = Diagonals::new(&layout, task.classes)?;
        Ok(Self {
            solver: Solver {
                config,
                shape,
                needs: fit::requirements(&config, &layout, task, 0),
                evaluator,
                layout,
                task,
                bootstrap,
            },
            summed: Summed {
                sums: Sums::new(shape, Some(task)),
                batches: 0,
                level: None,
                seen: BTreeSet::new(),
            },
        })
    }

    /// The number of samples so far.
    pub fn samples(&self) -> usize {
        self.summed.sums.samples()
    }

    /// Adds samples with their labels.
    ///
    /// # Errors
    /// [`LearnError`], before any work starts, if labels and features do not fit together or to
    /// the parts before, levels do not suffice, or a key is missing.
    pub fn add(
        &mut self,
        features: &EncryptedMatrix,
        labels: &Labels,
        progress: &mut Listener<'_>,
    ) -> Result<(), LearnError> {
        let level = self.check(features, labels)?;
        let counter = Counter::new(self.part_cost(features.layout()), progress);
        let solver = &self.solver;
        let products = Products::new(&solver.evaluator, features, &counter);
        self.summed.sums.add(&products, Some(labels), level)?;
        self.summed.batches += 1;
        self.summed.level = Some(level);
        if let Labels::Clear(labels) = labels {
            self.summed.seen.extend(labels.as_slice());
        }
        Ok(())
    }

    /// Solves the system that the samples make.
    ///
    /// # Errors
    /// [`LearnError`] if there are no samples, or clear labels are all the same.
    pub fn finish(self, progress: &mut Listener<'_>) -> Result<LinearModel, LearnError> {
        let seen = &self.summed.seen;
        if self.summed.level.is_none() {
            return Err(LearnError::Empty("samples"));
        }
        if let (1, Some(&class)) = (seen.len(), seen.first()) {
            return Err(LearnError::OneClass(class.into()));
        }
        let counter = Counter::new(self.solution_cost(), progress);
        let Self { solver, summed } = self;
        let vectors = solver.vectors(&counter);
        let polynomial = solver.config.polynomial(summed.sums.samples());
        let (matrix, moments) = solver.matrix(&vectors, summed.sums)?;
        let pairs = in_pairs(&vectors, moments)?;
        let solutions = matrix.apply(&polynomial, &pairs, || {
            counter.add(solver.step_cost(), "solving");
        })?;
        let weights = in_rows(&vectors, &solutions, outputs(solver.task.classes))?;
        solver.model(weights, None)
    }

    /// Units of progress of [`add`](Self::add).
    pub(super) fn part_cost(&self, layout: &Layout) -> usize {
        self.summed.sums.cost(layout.grid_rows())
    }

    /// Units of progress of [`finish`](Self::finish).
    pub(super) fn solution_cost(&self) -> usize {
        let outputs = outputs(self.solver.task.classes);
        self.solver.cost(self.summed.sums.count(), outputs)
    }

    /// Whether a part fits, and at which level to add it.
    fn check(&self, features: &EncryptedMatrix, labels: &Labels) -> Result<usize, LearnError> {
        let Solver {
            evaluator,
            layout,
            task,
            ..
        } = &self.solver;
        let available = check_batch(evaluator, layout, *task, features, labels)?;
        if labels.kind() != task.labels {
            return Err(LearnError::Malformed {
                what: "the set of labels",
                reason: "some parts have encrypted labels, and some have clear ones",
            });
        }
        match self.summed.level {
            None => self.solver.start_level(available),
            Some(level) if available < level => Err(LearnError::LevelExhausted {
                what: "adding a part",
                needed: level,
                available,
            }),
            Some(level) => Ok(level),
        }
    }
}

impl Session for PartialFit<'_> {
    fn upcoming(&self, ahead: usize, batches: usize) -> Option<usize> {
        Some(self.summed.batches + ahead).filter(|&batch| batch < batches)
    }

    fn add(
        &mut self,
        features: &EncryptedMatrix,
        labels: &Labels,
        progress: &mut Listener<'_>,
    ) -> Result<(), LearnError> {
        Self::add(self, features, labels, progress)
    }

    fn merge(&mut self, other: Additive) -> Result<(), LearnError> {
        let other: Summed = other.into_inner()?;
        let ours = &mut self.summed;
        if let (Some(level), Some(found)) = (ours.level, other.level) {
            check_equal("level of the sums", level, found)?;
        }
        ours.sums.merge(other.sums, &self.solver.evaluator)?;
        ours.level = ours.level.or(other.level);
        ours.batches += other.batches;
        ours.seen.extend(other.seen);
        Ok(())
    }

    fn into_additive(self: Box<Self>) -> Result<Additive, LearnError> {
        Ok(Additive::new(self.summed))
    }

    fn finish(self: Box<Self>, progress: &mut Listener<'_>) -> Result<LinearModel, LearnError> {
        Self::finish(*self, progress)
    }
}
