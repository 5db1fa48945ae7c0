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
use crate::passes::{PassWorker, Passes, Totals};
use crate::samples::Batch;
use crate::session::{Session, SessionStart, stack};
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
        let start = SessionStart {
            bootstrap: self.prepared_bootstrap(evaluator.parameters())?,
            ..self.session_start(evaluator, labels)?
        };
        self.learner.estimator()?.begin(start)
    }

    /// Begins a training [in passes](Passes) over samples, or mini-batches, with these totals; otherwise as
    /// [`begin`](Self::begin).
    ///
    /// # Errors
    /// As [`begin`](Self::begin), and [`LearnError::NotAdditive`] if the learner does not
    /// [train so](crate::EstimatorConfig::trains_in_passes).
    pub fn begin_passes(&self, evaluator: &Evaluator, totals: &Totals) -> Result<Passes<'static>> {
        let start = SessionStart {
            bootstrap: self.prepared_bootstrap(evaluator.parameters())?,
            ..self.session_start(evaluator, totals.labels())?
        };
        self.learner.estimator()?.begin_passes(start, totals)
    }

    /// What adds up shares of the samples in such a training, on any machine. A bootstrap is prepared for softmax
    /// regression only.
    ///
    /// # Errors
    /// As [`begin_passes`](Self::begin_passes).
    pub fn pass_worker(
        &self,
        evaluator: &Evaluator,
        labels: LabelKind,
    ) -> Result<PassWorker<'static>> {
        let parameters = evaluator.parameters();
        let start = SessionStart {
            bootstrap: match self.learner.needs_bootstrap() {
                true => self.prepared_bootstrap(parameters)?,
                false => None,
            },
            ..self.session_start(evaluator, labels)?
        };
        let levels = self.bootstrap_levels(parameters)?;
        self.learner.estimator()?.pass_worker(start, levels)
    }

    /// What the passes go over, one after the other and again from the first: mini-batches as they are, or all parts
    /// below each other.
    ///
    /// # Errors
    /// [`LearnError`] if parts do not fit together, and [`LearnError::NotAdditive`] as above.
    pub fn pass_batches(&self, parts: Vec<Batch>) -> Result<Vec<Batch>> {
        match self.learner.flow() {
            Flow::MiniBatches => Ok(parts),
            Flow::Whole => Ok(vec![stack(parts)?]),
            Flow::Sums => Err(LearnError::NotAdditive),
        }
    }

    /// Without a bootstrap.
    fn session_start(
        &self,
        evaluator: &Evaluator,
        labels: LabelKind,
    ) -> Result<SessionStart<'static>> {
        let classes = self.classes;
        Ok(SessionStart {
            evaluator: evaluator.clone(),
            layout: self.batch_layout(evaluator.parameters())?,
            task: Task { classes, labels },
            bootstrap: None,
        })
    }

    /// How weights are bootstrapped, if they are.
    fn prepared_bootstrap(
        &self,
        parameters: &Parameters,
    ) -> Result<Option<SharedBootstrap<'static>>> {
        let plan = self.bootstrapping(parameters)?;
        let bootstrapper = plan.as_ref().map(Bootstrapper::new).transpose();
        let bootstrapper =
            bootstrapper.map_err(|_| LearnError::Parameters("the bootstrapping of weights"))?;
        Ok(bootstrapper.map(|b| Arc::new(b) as SharedBootstrap<'static>))
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
        let method = self.learner.mini_batches()?;
        Ok(method.map(|method| method.batch_rows()))
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
        let Some(method) = self.learner.mini_batches()? else {
            let (layout, _) = self.training_shape(rows, parameters)?;
            let estimator = self.learner.estimator()?;
            return Ok(estimator.operation_counts(&layout, self.task()));
        };
        let batch = method.batch_rows().clamp(1, rows.max(1));
        let (layout, _) = self.training_shape(batch, parameters)?;
        let bootstraps = match self.bootstrap_levels(parameters)? {
            Some(levels) => method.bootstrapping_key_switches(&layout, levels, self.classes)?,
            None => 0,
        };
        Ok(OperationCounts {
            key_switches: method.key_switches(&layout, self.task()) + bootstraps,
            products: 0,
        })
    }
}
