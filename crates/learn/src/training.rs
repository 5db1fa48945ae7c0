//! What a specification says of a training: how it begins, in which parts it reads its samples, and
//! what it will do.

use std::sync::Arc;

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Bootstrapper, Evaluator, Parameters};

use crate::bootstrap::SharedBootstrap;
use crate::error::{LearnError, Result};
use crate::estimator_config::Flow;
use crate::layout::Layout;
use crate::operation_counts::OperationCounts;
use crate::session::{Session, SessionStart};
use crate::task::{LabelKind, Task};
use crate::training_spec::TrainingSpec;

/// Rows of blocks that training by sums reads at a time.
const BLOCKS_OF_A_PART: usize = 16;

impl TrainingSpec {
    /// Begins a training, with a bootstrap if it has one, which takes time and memory to prepare.
    ///
    /// # Errors
    /// [`LearnError`] if levels do not suffice, or a key is missing.
    pub fn begin(&self, evaluator: &Evaluator, labels: LabelKind) -> Result<Box<dyn Session>> {
        let parameters = evaluator.parameters();
        let plan = self.bootstrapping(parameters)?;
        let bootstrapper = plan.as_ref().map(Bootstrapper::new).transpose();
        let bootstrapper =
            bootstrapper.map_err(|_| LearnError::Parameters("the bootstrapping of weights"))?;
        let bootstrap = bootstrapper.map(|b| Arc::new(b) as SharedBootstrap<'static>);
        let layout = self.batch_layout(parameters)?;
        let classes = self.classes;
        self.learner.estimator()?.begin(SessionStart {
            evaluator: evaluator.clone(),
            layout,
            task: Task { classes, labels },
            bootstrap,
        })
    }

    /// Begins where a checkpoint of a training with the same `inputs` was made.
    ///
    /// # Errors
    /// As [`begin`](Self::begin) and [`Session::restore`].
    pub fn resume(
        &self,
        evaluator: &Evaluator,
        labels: LabelKind,
        inputs: [u8; 32],
        state: Bundle<'_>,
    ) -> Result<Box<dyn Session>> {
        let mut session = self.begin(evaluator, labels)?;
        session.restore(inputs, state)?;
        Ok(session)
    }

    /// Samples of a mini-batch, if training is in mini-batches.
    ///
    /// # Errors
    /// [`LearnError::Config`] if a setting is out of range.
    pub fn batch_rows(&self) -> Result<Option<usize>> {
        let descent = self.learner.gradient_descent()?;
        Ok(descent.map(|descent| descent.batch_rows()))
    }

    /// Samples of a part of a training file, if training reads it part by part, so that no more than
    /// two are in memory: a mini-batch, or some blocks that are added to sums.
    ///
    /// # Errors
    /// As [`batch_rows`](Self::batch_rows).
    pub fn part_rows(&self, parameters: &Parameters) -> Result<Option<usize>> {
        Ok(match self.learner.flow() {
            Flow::Sums => Some(BLOCKS_OF_A_PART * parameters.slots() / self.block_cols.max(1)),
            _ => self.batch_rows()?,
        })
    }

    /// Whether training reads its samples part by part, and needs no memory for all of them.
    pub fn streams(&self) -> bool {
        self.learner.flow() != Flow::Whole
    }

    /// The parts in which samples are encrypted and read: how many of each layout there are, the
    /// largest first. And the level of all.
    ///
    /// # Errors
    /// As [`training_shape`](Self::training_shape).
    pub fn training_parts(
        &self,
        rows: usize,
        parameters: &Parameters,
    ) -> Result<(Vec<(usize, Layout)>, usize)> {
        let of_part = self.part_rows(parameters)?.unwrap_or(rows);
        let of_part = of_part.clamp(1, rows.max(1));
        let (layout, level) = self.training_shape(of_part, parameters)?;
        let mut parts = vec![(rows / of_part, layout)];
        if !rows.is_multiple_of(of_part) {
            parts.push((1, self.training_shape(rows % of_part, parameters)?.0));
        }
        Ok((parts, level))
    }

    /// What training on this many samples with encrypted labels does.
    ///
    /// # Errors
    /// As [`training_shape`](Self::training_shape).
    pub fn operation_counts(
        &self,
        rows: usize,
        parameters: &Parameters,
    ) -> Result<OperationCounts> {
        let Some(descent) = self.learner.gradient_descent()? else {
            let (layout, _) = self.training_shape(rows, parameters)?;
            let estimator = self.learner.estimator()?;
            return Ok(estimator.operation_counts(&layout, self.task()));
        };
        let batch = descent.batch_rows().clamp(1, rows.max(1));
        let (layout, _) = self.training_shape(batch, parameters)?;
        let bootstraps = match self.bootstrap_levels(parameters)? {
            Some(levels) => descent.bootstrapping_key_switches(&layout, levels, self.classes)?,
            None => 0,
        };
        Ok(OperationCounts {
            key_switches: descent.key_switches(&layout, self.task()) + bootstraps,
            products: 0,
        })
    }
}
