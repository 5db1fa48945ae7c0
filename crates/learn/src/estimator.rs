//! What all estimators have in common.

use crate::bootstrap::BootstrapLevels;
use crate::error::{LearnError, Result};
use crate::features::Features;
use crate::labels::ClassLabels;
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::operation_counts::OperationCounts;
use crate::passes::{PassWorker, Passes, Totals};
use crate::progress::Listener;
use crate::requirements::Requirements;
use crate::samples::Samples;
use crate::session::{Session, SessionStart, fit_whole};
use crate::simulation::Simulation;
use crate::task::Task;

/// A training algorithm that runs on encrypted samples.
pub trait Estimator {
    /// Levels and keys that [`fit`](Self::fit) needs.
    fn requirements(&self, layout: &Layout, task: Task) -> Requirements;

    /// What [`fit`](Self::fit) will have to do; nothing where it would refuse.
    fn operation_counts(&self, layout: &Layout, task: Task) -> OperationCounts;

    /// The plaintext reference of [`fit`](Self::fit): the same steps with the same polynomials and
    /// constants, in `f64`.
    ///
    /// # Errors
    /// [`LearnError`](crate::LearnError) unless there is a label for each sample, and classes that differ. A range that is left is not
    /// an error here; ask [`RangeReport::check`](crate::RangeReport::check).
    fn simulate(&self, features: &Features<'_>, labels: &ClassLabels) -> Result<Simulation>;

    /// Begins to train under encryption.
    ///
    /// # Errors
    /// [`LearnError`](crate::LearnError) if the estimator does not know such a task or layout, levels do not suffice, or
    /// a key is missing.
    fn begin<'a>(&self, start: SessionStart<'a>) -> Result<Box<dyn Session + 'a>>;

    /// Begins to train [in passes](Passes) over samples, or mini-batches, with these totals, so that several machines
    /// can share the work.
    ///
    /// # Errors
    /// As [`begin`](Self::begin), and [`LearnError::NotAdditive`] if the estimator does not train so.
    fn begin_passes<'a>(&self, start: SessionStart<'a>, totals: &Totals) -> Result<Passes<'a>> {
        let _ = (start, totals);
        Err(LearnError::NotAdditive)
    }

    /// What adds up shares of the samples in such a training, where `bootstrap` tells the levels of its bootstraps.
    /// Only [`SoftmaxRegression`](crate::SoftmaxRegression) needs the bootstrap itself for that.
    ///
    /// # Errors
    /// As [`begin_passes`](Self::begin_passes).
    fn pass_worker<'a>(
        &self,
        start: SessionStart<'a>,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<PassWorker<'a>> {
        let _ = (start, bootstrap);
        Err(LearnError::NotAdditive)
    }

    /// Trains under encryption, on all samples at once.
    ///
    /// The model comes out as many levels below the features (or encrypted labels, or keys, if those
    /// serve lower levels only) as [`requirements`](Self::requirements) says: encrypt no higher than
    /// what is to be done with the model needs. Scores take [`LinearModel::LEVEL`].
    ///
    /// # Errors
    /// [`LearnError::NotLinear`](crate::LearnError::NotLinear) for a network, [`LearnError`](crate::LearnError) if there must be
    /// bootstraps, for which there is [`begin`](Self::begin).
    /// [`LearnError`](crate::LearnError), before any work starts, if labels and features do not fit
    /// together, levels do not suffice, or a key is missing.
    fn fit(&self, samples: &Samples<'_>, progress: &mut Listener<'_>) -> Result<LinearModel> {
        let session = self.begin(SessionStart::of(samples))?;
        let total = self.operation_counts(samples.layout(), samples.task());
        fit_whole(session, total.key_switches, samples, progress)
    }
}

/// [`Estimator::fit`] of an estimator that trains in passes.
pub(crate) fn fit_in_passes(
    estimator: &dyn Estimator,
    samples: &Samples<'_>,
    progress: &mut Listener<'_>,
) -> Result<LinearModel> {
    let totals = Totals::of_samples(samples)?;
    let passes = estimator.begin_passes(SessionStart::of(samples), &totals)?;
    let work = estimator.operation_counts(samples.layout(), samples.task());
    passes.run(work.key_switches, samples, progress)
}
