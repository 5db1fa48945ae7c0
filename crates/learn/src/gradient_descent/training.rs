//! Training under encryption, one iteration at a time.

use rayon::prelude::*;
use tapetum_ckks::Ciphertext;
use tapetum_ckks::wire::Bundle;

use super::packed::Chunks;
use super::row_gradient::RowGradient;
use super::terms::Iterates;
use super::{BOOTSTRAP_COST, GradientDescent};
use crate::bootstrap::SharedBootstrap;
use crate::error::{LearnError, Result};
use crate::linear_model::LinearModel;
use crate::model::EncryptedModel;
use crate::packing;
use crate::passes::{InPasses, PassStart, Summands, Totals};
use crate::progress::{Count, Counter, Listener};
use crate::samples::{Batch, Samples};
use crate::session::{Session, SessionStart};
use crate::task::outputs;
use crate::vectors::Vectors;

/// A training that is going on. Its owner gives it the mini-batches, one for each
/// iteration, and decides what to do in between: write a checkpoint, hand the owner a snapshot, or
/// stop.
///
/// ```no_run
/// # use tapetum_ckks::*; use tapetum_learn::*;
/// # fn read_batch(index: usize) -> Batch { unimplemented!() }
/// # fn run(descent: GradientDescent, evaluator: &Evaluator, layout: Layout,
/// #     bootstrap: &dyn Bootstrap) -> Result<LinearModel> {
/// let task = Task::two_classes(LabelKind::Clear);
/// let batches = 12;
/// let start = SessionStart::new(evaluator, &layout, task, Some(bootstrap));
/// let mut training = Training::begin(descent, start)?;
/// while let Some(batch) = training.next_batch(batches) {
///     training.add(&read_batch(batch), &mut |_| ())?;
/// }
/// training.model()
/// # }
/// ```
pub struct Training<'a> {
    /// What is computed with samples.
    pub(super) gradient: RowGradient,
    pub(super) bootstrap: Option<SharedBootstrap<'a>>,
    /// The level of batches.
    pub(super) top: usize,
    pub(super) chunks: Option<Chunks>,
    pub(super) iteration: usize,
    /// The last bootstrapped weights, from which the first terms of the iterates were unpacked.
    pub(super) packed: Option<Ciphertext>,
    pub(super) iterates: Iterates,
}

impl<'a> Training<'a> {
    /// A training from zero for batches in the shape of the layout, of which the number of rows does
    /// not matter.
    ///
    /// # Errors
    /// [`LearnError`] if keys are missing, or levels do not suffice.
    pub fn begin(descent: GradientDescent, start: SessionStart<'a>) -> Result<Self> {
        let levels = start.bootstrap.as_ref().map(|b| b.levels());
        let (evaluator, layout) = (&start.evaluator, &start.layout);
        let needs = descent.requirements(layout, start.task, levels)?;
        let available = evaluator.parameters().max_level();
        needs.start_level("training", available, 0, evaluator)?;
        let top = descent.batch_level(layout, start.task, levels)?;
        Self::at_level(descent, start, top)
    }

    /// A training that begins at this level.
    pub(crate) fn at_level(
        descent: GradientDescent,
        start: SessionStart<'a>,
        top: usize,
    ) -> Result<Self> {
        let bootstrap = start.bootstrap.clone();
        let gradient = RowGradient::new(descent, start)?;
        let chunks = match &bootstrap {
            Some(_) => {
                let (layout, classes) = (&gradient.layout, gradient.task.classes);
                Some(gradient.descent.chunks(layout, classes)?)
            }
            None => None,
        };
        Ok(Self {
            gradient,
            bootstrap,
            top,
            chunks,
            iteration: 0,
            packed: None,
            iterates: Iterates::zero(),
        })
    }

    /// The method.
    pub fn gradient_descent(&self) -> &GradientDescent {
        &self.gradient.descent
    }

    /// How many iterations are done.
    pub fn iteration(&self) -> usize {
        self.iteration
    }

    /// The weights as they are now, as a model: a snapshot, or the result. It is encrypted like
    /// all else, so the owner can look at it and say whether to stop.
    ///
    /// # Errors
    /// [`LearnError`] before the first iteration, or if there is no level left to scale by.
    pub fn model(&self) -> Result<LinearModel> {
        let (evaluator, classes) = (&self.gradient.evaluator, self.gradient.task.classes);
        let level = self
            .iterates
            .level()
            .ok_or(LearnError::Empty("iterations that are done"))?;
        let spend = |spent: usize| {
            level.checked_sub(spent).ok_or(LearnError::LevelExhausted {
                what: "a snapshot",
                needed: spent,
                available: level,
            })
        };
        let weights = if outputs(classes) == 1 {
            let spent = usize::from(!self.iterates.w_is_v());
            let target = spend(spent)?.min(LinearModel::LEVEL);
            self.iterates.w(evaluator, target)?
        } else {
            self.in_rows(spend(1)?.min(LinearModel::LEVEL))?
        };
        let (features, width) = (
            self.gradient.layout.cols(),
            self.gradient.layout.block_cols(),
        );
        LinearModel::from_ciphertexts(features, width, classes, weights, None)
    }

    /// The weights of all classes, row by row as a model has them: one sum of products with masks
    /// for each column of blocks, which hold the coefficients too.
    fn in_rows(&self, level: usize) -> Result<Vec<Ciphertext>> {
        let evaluator = &self.gradient.evaluator;
        let outputs = outputs(self.gradient.task.classes);
        (0..self.gradient.layout.grid_cols())
            .into_par_iter()
            .map(|j| {
                let mut parts = Vec::new();
                for (term, _, w) in self.iterates.terms().filter(|&(_, _, w)| w != 0.0) {
                    for head in 0..outputs {
                        let mask = packing::class_mask(&self.gradient.layout, outputs, head, w);
                        let index = head * self.gradient.layout.grid_cols() + j;
                        parts.push((
                            evaluator.lower_to(&term[index], level + 1)?,
                            evaluator.encoder().encode(&mask, level + 1)?,
                        ));
                    }
                }
                let pairs: Vec<_> = parts.iter().map(|(term, mask)| (term, mask)).collect();
                Ok(evaluator.rescale(&evaluator.mul_plain_sum(&pairs)?)?)
            })
            .collect()
    }

    /// Whether the levels do not suffice for the next iteration and what comes after it.
    fn needs_bootstrap(&self) -> bool {
        let (Some(bootstrap), Some(level)) = (&self.bootstrap, self.iterates.level()) else {
            return false;
        };
        let floor = self
            .gradient
            .descent
            .floor(bootstrap.levels(), self.gradient.task.classes);
        level < floor + self.gradient.descent.iteration_levels()
    }

    /// Units of progress of the bootstrap that the next iteration begins with, if it does.
    fn bootstrap_cost(&self) -> usize {
        match self.chunks {
            Some(chunks) if self.needs_bootstrap() => BOOTSTRAP_COST + chunks.unpack_key_switches(),
            _ => 0,
        }
    }

    fn bootstrap(&mut self) -> Result<()> {
        let (Some(bootstrap), Some(chunks)) = (&self.bootstrap, self.chunks) else {
            return Ok(());
        };
        let bound = self.gradient.descent.batches.weight_bound;
        let packed = chunks.pack(&self.gradient.evaluator, &self.iterates, 1.0 / bound)?;
        // Their memory is better used.
        self.iterates = Iterates::zero();
        let packed = bootstrap.bootstrap(&self.gradient.evaluator, &packed)?;
        self.iterates = chunks.unpack(&self.gradient.evaluator, &packed, bound)?;
        self.packed = Some(packed);
        Ok(())
    }
}

impl Session for Training<'_> {
    fn upcoming(&self, ahead: usize, batches: usize) -> Option<usize> {
        self.gradient
            .descent
            .upcoming(self.iteration + ahead, batches)
    }

    /// Does one iteration, after a bootstrap if it needs one.
    fn add(&mut self, (features, labels): &Batch, progress: &mut Listener<'_>) -> Result<()> {
        let RowGradient {
            descent,
            evaluator,
            layout,
            task,
        } = &self.gradient;
        if self.iteration == descent.iterations() {
            return Err(LearnError::Empty("iterations left"));
        }
        let evaluator = evaluator.clone();
        let samples = Samples::new(&evaluator, features, labels);
        samples.check_batch(layout, *task, self.top)?;
        let totals = Totals::of_samples(&samples)?;
        let is_first = self.iterates.is_zero();
        let cost = descent.iteration_key_switches(features.layout(), *task, is_first);
        let counter = Counter::new(self.bootstrap_cost() + cost, progress);
        self.go_over(self.iteration, (&samples, &totals), &counter)
    }

    fn iteration(&self) -> Option<usize> {
        Some(self.iteration)
    }

    fn checkpoint(&self, inputs: [u8; 32]) -> Result<Option<Bundle<'static>>> {
        Self::checkpoint(self, inputs).map(Some)
    }

    fn restore(&mut self, inputs: [u8; 32], state: Bundle<'_>) -> Result<()> {
        Self::restore(self, inputs, state)
    }

    fn model(&self) -> Result<Option<EncryptedModel>> {
        Ok(Some(Self::model(self)?.into()))
    }

    fn finish(self: Box<Self>, _: &mut Listener<'_>) -> Result<EncryptedModel> {
        Ok(Self::model(&self)?.into())
    }
}

/// A pass is an iteration.
impl InPasses for Training<'_> {
    fn summands(&self) -> &dyn Summands {
        &self.gradient
    }

    fn total(&self) -> usize {
        self.gradient.descent.iterations()
    }

    fn start(&mut self, pass: usize, totals: &Totals, counter: &dyn Count) -> Result<PassStart> {
        totals.check_level(self.top)?;
        if self.needs_bootstrap() {
            let cost = self.bootstrap_cost();
            self.bootstrap()?;
            counter.add(cost, "bootstrapping weights");
        }
        if self.iterates.is_zero() {
            let level = match totals.label_level {
                None => self.top,
                Some(level) => self.top.min(level.saturating_sub(1)),
            };
            return PassStart::of(pass, level, totals, Vec::new());
        }
        let v = self.iterates.v(&self.gradient.evaluator)?;
        PassStart::of(pass, v[0].level(), totals, v)
    }

    fn advance(
        &mut self,
        start: PassStart,
        sums: Vec<Ciphertext>,
        counter: &dyn Count,
    ) -> Result<()> {
        let RowGradient {
            descent,
            evaluator,
            layout,
            ..
        } = &self.gradient;
        let vectors = Vectors {
            evaluator,
            layout,
            counter,
        };
        let of_outputs = sums
            .chunks(layout.grid_cols())
            .map(|sums| vectors.twice_over_samples(sums));
        let gradient = of_outputs.collect::<Result<Vec<_>>>()?.concat();
        self.iterates.advance(descent.step(start.pass())?, gradient);
        self.iteration += 1;
        Ok(())
    }

    fn finish(self: Box<Self>, _: &dyn Count) -> Result<LinearModel> {
        Self::model(&self)
    }
}
