//! Linear regression on samples that come part by part.

use std::collections::BTreeSet;

use tapetum_ckks::wire::Bundle;

use super::LeastSquaresConfig;
use super::fit::{self, Solver, in_pairs, in_rows};
use super::gram::Sums;
use super::sums_bundle::{self, Summed};
use crate::error::{LearnError, Result, check_equal};
use crate::labels::Labels;
use crate::layout::Layout;
use crate::model::EncryptedModel;
use crate::origin::Origin;
use crate::products::Products;
use crate::progress::{Counter, Listener};
use crate::samples::{Batch, Samples};
use crate::session::{Additive, Session, SessionStart};
use crate::task::outputs;

/// A linear regression that is given its samples in parts, so that one part at a time is in memory,
/// and beside it sums whose size does not depend on the number of samples.
pub(super) struct PartialFit<'a> {
    solver: Solver<'a>,
    summed: Summed,
}

impl<'a> PartialFit<'a> {
    pub fn begin(config: LeastSquaresConfig, start: SessionStart<'a>) -> Result<Self> {
        let needs = fit::requirements(&config, &start.layout, start.task, 0);
        let solver = Solver::new(config, needs, start)?;
        let sums = Sums::new(solver.shape, Some(solver.task));
        Ok(Self {
            solver,
            summed: Summed {
                sums,
                batches: 0,
                level: None,
                seen: BTreeSet::new(),
            },
        })
    }

    /// Units of progress of a part.
    fn part_cost(&self, layout: &Layout) -> usize {
        self.summed.sums.cost(layout.grid_rows())
    }

    /// Units of progress of the solution.
    fn solution_cost(&self) -> usize {
        let outputs = outputs(self.solver.task.classes);
        self.solver.cost(self.summed.sums.count(), outputs)
    }

    /// Whether a part fits, and at which level to add it.
    fn check(&self, samples: &Samples<'_>) -> Result<usize> {
        let Solver { layout, task, .. } = &self.solver;
        let available = samples.level_of_batch(layout, *task)?;
        if samples.labels.kind() != task.labels {
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

    fn add(&mut self, (features, labels): &Batch, progress: &mut Listener<'_>) -> Result<()> {
        let level = self.check(&Samples::new(&self.solver.evaluator, features, labels))?;
        let counter = Counter::new(self.part_cost(features.layout()), progress);
        let products = Products::new(&self.solver.evaluator, features, &counter);
        self.summed.sums.add(&products, Some(labels), level)?;
        self.summed.batches += 1;
        self.summed.level = Some(level);
        if let Labels::Clear(labels) = labels {
            self.summed.seen.extend(labels.as_slice());
        }
        Ok(())
    }

    fn merge(&mut self, other: Additive) -> Result<()> {
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

    fn into_additive(self: Box<Self>) -> Result<Additive> {
        Ok(Additive::new(self.summed))
    }

    fn into_sums(self: Box<Self>, origin: &Origin) -> Result<Bundle<'static>> {
        sums_bundle::write(&self.solver, self.summed, origin)
    }

    fn add_sums(&mut self, sums: Bundle<'_>) -> Result<Origin> {
        let (summed, origin) = sums_bundle::read(&self.solver, sums)?;
        self.merge(Additive::new(summed))?;
        Ok(origin)
    }

    fn finish(self: Box<Self>, progress: &mut Listener<'_>) -> Result<EncryptedModel> {
        let seen = &self.summed.seen;
        if self.summed.level.is_none() {
            return Err(LearnError::Empty("samples"));
        }
        if let (1, Some(&class)) = (seen.len(), seen.first()) {
            return Err(LearnError::OneClass(class.into()));
        }
        let counter = Counter::new(self.solution_cost(), progress);
        let Self { solver, summed } = *self;
        let vectors = solver.vectors(&counter);
        let polynomial = solver.config.polynomial(summed.sums.samples());
        let (matrix, moments) = solver.matrix(&vectors, summed.sums)?;
        let pairs = in_pairs(&vectors, moments)?;
        let solutions = matrix.apply(&polynomial, &pairs, || {
            counter.add(solver.step_cost(), "solving");
        })?;
        let weights = in_rows(&vectors, &solutions, outputs(solver.task.classes))?;
        Ok(solver.model(weights, None)?.into())
    }
}
