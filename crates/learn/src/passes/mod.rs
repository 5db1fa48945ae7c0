//! Training in passes over the samples, which several machines can share.
//!
//! All that a training does with samples is to add up products of their blocks: with labels, with each other, or with
//! the residuals at some weights. In a *pass* every row of blocks adds its products to the same few ciphertexts. They are added up
//! before anything is rounded, neither relinearised nor rescaled, and such sums are exact modulo the primes of the
//! parameters. So the model is the same bit for bit, however the samples are shared out.
//!
//! * [`Passes`] leads the training: it says what a pass begins with, takes the sums, and gives the model.
//! * [`PassStart`]: what a pass begins with, public numbers and, for gradients, encrypted weights.
//! * [`PassWorker`] makes the [`PartialSums`] of a share of the samples, with no other state.
//! * [`shares`] cuts samples into shares. Two rows of blocks share their rotations, so they stay together.
//!
//! On one machine [`Estimator::fit`](crate::Estimator::fit) and [`Session::add`](crate::Session::add) do the same with a
//! single share.

mod shares;
mod start;
mod sums;

use tapetum_ckks::{Ciphertext, Evaluator};

use crate::error::{LearnError, Result, check_equal};
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::progress::{Count, Counter, Listener, Progress};
use crate::samples::{Batch, Samples};
use crate::task::{LabelKind, Task};

pub use self::shares::shares;
pub use self::start::{PassStart, Totals};
pub use self::sums::PartialSums;
pub(crate) use self::sums::{Form, check_forms};

/// What is added up in a pass, for each row of blocks by itself.
pub(crate) trait Summands: Send + Sync {
    /// What computes, the layout of the samples, whatever their number, and what is learned.
    fn setting(&self) -> (&Evaluator, &Layout, Task);

    /// Rows of blocks that are computed together.
    fn unit(&self) -> usize {
        1
    }

    /// How many encrypted weights a pass begins with.
    fn weights(&self, pass: usize) -> usize {
        let _ = pass;
        0
    }

    /// What the sums look like.
    ///
    /// # Errors
    /// [`LearnError::LevelExhausted`] if the weights have too few levels.
    fn forms(&self, start: &PassStart) -> Result<Vec<Form>>;

    /// The sums over these samples.
    fn sums(
        &self,
        start: &PassStart,
        samples: &Samples<'_>,
        counter: &dyn Count,
    ) -> Result<Vec<Ciphertext>>;
}

/// A training that goes over its samples in passes.
pub(crate) trait InPasses: Send {
    fn summands(&self) -> &dyn Summands;

    /// The number of passes.
    fn total(&self) -> usize;

    /// What this pass, counted from 0, begins with.
    fn start(&mut self, pass: usize, totals: &Totals, counter: &dyn Count) -> Result<PassStart>;

    /// Takes the sums over all samples of a pass.
    fn advance(
        &mut self,
        start: PassStart,
        sums: Vec<Ciphertext>,
        counter: &dyn Count,
    ) -> Result<()>;

    /// A whole pass on this machine, over samples of which these are the totals.
    fn go_over(
        &mut self,
        pass: usize,
        (samples, totals): (&Samples<'_>, &Totals),
        counter: &dyn Count,
    ) -> Result<()> {
        let start = self.start(pass, totals, counter)?;
        let sums = self.summands().sums(&start, samples, counter)?;
        self.advance(start, sums, counter)
    }

    /// The model after the last pass.
    fn finish(self: Box<Self>, counter: &dyn Count) -> Result<LinearModel>;
}

/// Leads a training in passes. [`Estimator::begin_passes`](crate::Estimator::begin_passes) and
/// [`TrainingSpec::begin_passes`](crate::TrainingSpec::begin_passes) begin one.
///
/// ```no_run
/// # use tapetum_ckks::*; use tapetum_learn::*;
/// # fn run(spec: TrainingSpec, evaluator: &Evaluator, parts: Vec<Batch>) -> Result<LinearModel> {
/// let kind = parts[0].1.kind();
/// let batches = spec.pass_batches(parts)?;
/// let totals = batches.iter().map(Totals::of).collect::<Result<Vec<_>>>()?;
/// let mut passes = spec.begin_passes(evaluator, &totals[0])?;
/// // On any machine.
/// let worker = spec.pass_worker(evaluator, kind)?;
/// while let Some(batch) = passes.upcoming(batches.len()) {
///     let start = passes.start(&totals[batch])?.clone();
///     let mut sums: Option<PartialSums> = None;
///     for share in shares(&batches[batch], passes.unit(), 4)? {
///         let of_share = worker.add_up(&start, &share)?;
///         match &mut sums {
///             Some(sums) => sums.add(&of_share, evaluator)?,
///             None => sums = Some(of_share),
///         }
///     }
///     passes.advance(sums.expect("a batch has samples"))?;
/// }
/// passes.finish()
/// # }
/// ```
pub struct Passes<'a> {
    training: Box<dyn InPasses + 'a>,
    done: usize,
    /// The pass that has begun.
    current: Option<PassStart>,
}

impl<'a> Passes<'a> {
    pub(crate) fn new(training: impl InPasses + 'a) -> Self {
        Self {
            training: Box::new(training),
            done: 0,
            current: None,
        }
    }

    /// The number of passes in all.
    pub fn total(&self) -> usize {
        self.training.total()
    }

    /// How many are done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Rows of blocks that must stay together in [`shares`].
    pub fn unit(&self) -> usize {
        self.training.summands().unit()
    }

    /// The batch, of this number, that the next pass goes over; none after the last pass.
    pub fn upcoming(&self, batches: usize) -> Option<usize> {
        (self.done < self.total()).then(|| self.done % batches.max(1))
    }

    /// Begins the next pass, over samples of which these are the totals, after a bootstrap if it needs one.
    ///
    /// # Errors
    /// [`LearnError`] if all passes are done, one has begun already, or the samples have too few levels.
    pub fn start(&mut self, totals: &Totals) -> Result<&PassStart> {
        if self.done == self.total() {
            return Err(LearnError::Empty("passes left"));
        }
        if self.current.is_some() {
            return Err(malformed("a pass that is not at its end begins again"));
        }
        let start = unheard(|counter| self.training.start(self.done, totals, counter))?;
        Ok(self.current.insert(start))
    }

    /// Takes the sums over all samples of the pass that has begun.
    ///
    /// # Errors
    /// [`LearnError`] if they are of another pass, of more or fewer samples, or of another shape.
    pub fn advance(&mut self, sums: PartialSums) -> Result<()> {
        let start = (self.current.as_ref()).ok_or(LearnError::Empty("passes that have begun"))?;
        check_equal("the pass of the sums", start.pass(), sums.pass())?;
        check_equal("rows of the samples", start.rows(), sums.rows())?;
        let summands = self.training.summands();
        let sums = sums.into_ciphertexts();
        check_forms(
            summands.setting().0.parameters(),
            &sums,
            &summands.forms(start)?,
        )?;
        let Some(start) = self.current.take() else {
            return Err(LearnError::Empty("passes that have begun"));
        };
        unheard(|counter| self.training.advance(start, sums, counter))?;
        self.done += 1;
        Ok(())
    }

    /// The model.
    ///
    /// # Errors
    /// [`LearnError::Empty`] before the last pass is done.
    pub fn finish(self) -> Result<LinearModel> {
        if self.done < self.total() {
            return Err(LearnError::Empty("sums of the last pass"));
        }
        unheard(|counter| self.training.finish(counter))
    }

    /// All passes over the same samples, on this machine; `total` units of progress.
    pub(crate) fn run(
        self,
        total: usize,
        samples: &Samples<'_>,
        progress: &mut Listener<'_>,
    ) -> Result<LinearModel> {
        let (mut training, counter) = (self.training, Counter::new(total, progress));
        let totals = Totals::of_samples(samples)?;
        for pass in 0..training.total() {
            training.go_over(pass, (samples, &totals), &counter)?;
        }
        training.finish(&counter)
    }
}

/// Makes the sums of a share of the samples. It has no state, so that any machine can make any of them, and again.
pub struct PassWorker<'a>(Box<dyn Summands + 'a>);

impl<'a> PassWorker<'a> {
    pub(crate) fn new(summands: impl Summands + 'a) -> Self {
        Self(Box::new(summands))
    }

    /// The sums of this share of the samples in the pass that begins so.
    ///
    /// # Errors
    /// [`LearnError`] if the share or the start do not fit, levels do not suffice, or a key is missing.
    pub fn add_up(&self, start: &PassStart, (features, labels): &Batch) -> Result<PartialSums> {
        let summands = &*self.0;
        let (evaluator, layout, task) = summands.setting();
        let samples = Samples::new(evaluator, features, labels);
        samples.check_batch(layout, task, start.level())?;
        if labels.kind() != start.labels() {
            return Err(malformed(
                "labels are encrypted in some samples and in the clear in others",
            ));
        }
        if start.labels() == LabelKind::Clear {
            check_equal("classes of a pass", task.classes, start.counts().len())?;
        }
        let rows = features.layout().rows();
        if rows > start.rows() {
            return Err(malformed("a share has more samples than the whole"));
        }
        let weights = summands.weights(start.pass());
        check_equal("weights of a pass", weights, start.weights().len())?;
        if let Some(weights) = start.weights().first()
            && weights.parameters() != evaluator.parameters()
        {
            return Err(LearnError::Parameters("the start of a pass"));
        }
        // Whether there are the levels for it.
        summands.forms(start)?;
        let sums = unheard(|counter| summands.sums(start, &samples, counter))?;
        PartialSums::new(start.pass(), rows, sums)
    }
}

/// What takes a counter, where nobody listens.
fn unheard<T>(work: impl FnOnce(&dyn Count) -> T) -> T {
    let mut deaf = |_: Progress| ();
    work(&Counter::new(0, &mut deaf))
}

fn malformed(reason: &'static str) -> LearnError {
    LearnError::Malformed {
        what: "a training in passes",
        reason,
    }
}
