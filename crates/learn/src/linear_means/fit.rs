//! Training under encryption, in one pass.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::class_means::{ClassMeans, Prior, Weighting, negated_dot};
use crate::error::{LearnError, Result};
use crate::layout::{Layout, SlotOrder};
use crate::linear_model::LinearModel;
use crate::passes::{Form, InPasses, PassStart, Summands, Totals};
use crate::products::Products;
use crate::progress::Count;
use crate::requirements::Requirements;
use crate::samples::Samples;
use crate::session::SessionStart;
use crate::task::{Task, two_classes};
use crate::vectors::Vectors;

/// Levels of the intercept: at least a product with labels, and one of two results.
const OFFSET_LEVELS: usize = 2;

/// The sums from which class means follow.
pub(super) struct MeansSummands {
    pub evaluator: Evaluator,
    pub layout: Layout,
    pub task: Task,
}

impl MeansSummands {
    pub fn new(start: SessionStart<'_>) -> Result<Self> {
        two_classes("linear means", start.task.classes)?;
        (start.layout).check_order("an encrypted matrix", SlotOrder::Rows)?;
        Ok(Self {
            evaluator: start.evaluator,
            layout: start.layout,
            task: start.task,
        })
    }
}

impl Summands for MeansSummands {
    fn setting(&self) -> (&Evaluator, &Layout, Task) {
        (&self.evaluator, &self.layout, self.task)
    }

    fn forms(&self, start: &PassStart) -> Result<Vec<Form>> {
        Ok(ClassMeans::forms(&self.layout, start))
    }

    /// The prior hides in the plaintexts: -D . S = -(prior D) . (S / prior).
    fn sums(
        &self,
        start: &PassStart,
        samples: &Samples<'_>,
        counter: &dyn Count,
    ) -> Result<Vec<Ciphertext>> {
        let products = Products::new(&self.evaluator, samples.features, counter);
        ClassMeans::sums(&products, samples.labels, start, Weighting::Prior)
    }
}

/// The training that is going on.
pub(super) struct MeansTraining {
    summands: MeansSummands,
    level: usize,
    sums: Option<(PassStart, Vec<Ciphertext>)>,
}

impl MeansTraining {
    pub fn new(needs: &Requirements, start: SessionStart<'_>, totals: &Totals) -> Result<Self> {
        let summands = MeansSummands::new(start)?;
        totals.check_trainable()?;
        let level =
            needs.start_level("training", totals.level, totals.level, &summands.evaluator)?;
        if level < OFFSET_LEVELS {
            return Err(LearnError::LevelExhausted {
                what: "training linear means",
                needed: OFFSET_LEVELS,
                available: level,
            });
        }
        Ok(Self {
            summands,
            level,
            sums: None,
        })
    }
}

impl InPasses for MeansTraining {
    fn summands(&self) -> &dyn Summands {
        &self.summands
    }

    fn total(&self) -> usize {
        1
    }

    fn start(&mut self, pass: usize, totals: &Totals, _: &dyn Count) -> Result<PassStart> {
        totals.check_level(self.level)?;
        PassStart::of(pass, self.level, totals, Vec::new())
    }

    fn advance(&mut self, start: PassStart, sums: Vec<Ciphertext>, _: &dyn Count) -> Result<()> {
        self.sums = Some((start, sums));
        Ok(())
    }

    fn finish(self: Box<Self>, counter: &dyn Count) -> Result<LinearModel> {
        let Self { summands, sums, .. } = *self;
        let (start, sums) = sums.ok_or(LearnError::Empty("samples"))?;
        let (evaluator, layout) = (&summands.evaluator, &summands.layout);
        let vectors = Vectors {
            evaluator,
            layout,
            counter,
        };
        let (means, prior) = ClassMeans::of(&vectors, &start, &sums)?;
        let intercept = negated_dot(&vectors, &means.difference, &means.sum)?;
        let weights = match prior {
            Prior::Clear(_) => means.difference,
            Prior::Encrypted(prior) => means
                .difference
                .par_iter()
                .map(|difference| vectors.relinearized(&evaluator.mul(&prior, difference)?))
                .collect::<Result<_, _>>()?,
        };
        let (cols, width) = (layout.cols(), layout.block_cols());
        LinearModel::from_ciphertexts(cols, width, 2, weights, Some(intercept))
    }
}
