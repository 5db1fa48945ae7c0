//! Training, one batch of samples after the other: what all estimators have in common while they
//! learn.
//!
//! A [`Session`] is begun by [`Estimator::begin`](crate::Estimator::begin) or, with layout and
//! bootstrap, by [`TrainingSpec::begin`](crate::TrainingSpec::begin). [`train`] drives one over all
//! batches of a [`BatchSource`].

mod collected;
mod driver;
mod source;

use std::any::Any;
use std::sync::Arc;

use tapetum_ckks::Evaluator;
use tapetum_ckks::wire::Bundle;

use crate::bootstrap::{Bootstrap, SharedBootstrap};
use crate::error::{LearnError, Result};
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::model::EncryptedModel;
use crate::origin::Origin;
use crate::progress::{Listener, Progress};
use crate::samples::{Batch, Samples};
use crate::task::Task;

pub(crate) use self::collected::{Collected, stack};
pub use self::driver::{Observer, Phase, Trained, TrainingOptions, train};
pub use self::source::BatchSource;

/// What a session begins with.
#[derive(Clone)]
pub struct SessionStart<'a> {
    /// What it computes with; its keys are shared.
    pub evaluator: Evaluator,
    /// The blocks of batches; the number of rows does not matter.
    pub layout: Layout,
    /// What it learns.
    pub task: Task,
    /// How weights or sums get fresh levels, if they do. An estimator that has no use for it ignores it.
    pub bootstrap: Option<SharedBootstrap<'a>>,
}

impl<'a> SessionStart<'a> {
    /// A session of batches in the shape of `layout`, of which the number of rows does not matter.
    pub fn new(
        evaluator: &Evaluator,
        layout: &Layout,
        task: Task,
        bootstrap: Option<&'a dyn Bootstrap>,
    ) -> Self {
        Self {
            evaluator: evaluator.clone(),
            layout: *layout,
            task,
            bootstrap: bootstrap.map(|b| Arc::new(b) as SharedBootstrap<'a>),
        }
    }

    /// A session of these samples alone.
    pub(crate) fn of(samples: &Samples<'_>) -> Self {
        Self::new(samples.evaluator, samples.layout(), samples.task(), None)
    }
}

/// A training that is going on. Its owner gives it batches, in the order in which it wants them, and
/// decides what happens in between: keep a checkpoint, hand out a snapshot, stop.
pub trait Session: Send {
    /// Which batch, of this number, it wants after `ahead` others; none when it has what it needs.
    fn upcoming(&self, ahead: usize, batches: usize) -> Option<usize>;

    /// Which batch, of this number, it wants next; none when it has what it needs.
    fn next_batch(&self, batches: usize) -> Option<usize> {
        self.upcoming(0, batches)
    }

    /// Takes a batch.
    ///
    /// # Errors
    /// [`LearnError`], before any work starts, if the batch does not fit, levels do not suffice, or a
    /// key is missing.
    fn add(&mut self, batch: &Batch, progress: &mut Listener<'_>) -> Result<()>;

    /// Takes what a session of the same estimator has made of other batches, so that batches can be
    /// spread over several machines or threads.
    ///
    /// # Errors
    /// [`LearnError::NotAdditive`] where batches act one after the other, [`LearnError`] if the other
    /// session does not fit.
    fn merge(&mut self, other: Additive) -> Result<()> {
        drop(other);
        Err(LearnError::NotAdditive)
    }

    /// What the session has made of its batches, for [`merge`](Self::merge).
    ///
    /// # Errors
    /// [`LearnError::NotAdditive`] where batches act one after the other.
    fn into_additive(self: Box<Self>) -> Result<Additive> {
        Err(LearnError::NotAdditive)
    }

    /// The same as a bundle, for [`add_sums`](Self::add_sums) on another machine. `origin` is that of the batches.
    ///
    /// # Errors
    /// [`LearnError::NotAdditive`] where there are no sums of fixed size, [`LearnError::Empty`] without a batch.
    fn into_sums(self: Box<Self>, origin: &Origin) -> Result<Bundle<'static>> {
        let _ = origin;
        Err(LearnError::NotAdditive)
    }

    /// Takes what [`into_sums`](Self::into_sums) gave, and says whose samples they are of.
    ///
    /// # Errors
    /// [`LearnError::NotAdditive`] as above, [`LearnError`] if the bundle holds something else or does not fit.
    fn add_sums(&mut self, sums: Bundle<'_>) -> Result<Origin> {
        let _ = sums;
        Err(LearnError::NotAdditive)
    }

    /// How many iterations are done, if a batch is one.
    fn iteration(&self) -> Option<usize> {
        None
    }

    /// Everything that is needed to go on from here, if that is possible. `inputs` is a hash of
    /// what the result depends on besides: settings, keys, data.
    ///
    /// # Errors
    /// [`LearnError::Wire`] if it has more ciphertexts than a bundle may hold.
    fn checkpoint(&self, inputs: [u8; 32]) -> Result<Option<Bundle<'static>>> {
        let _ = inputs;
        Ok(None)
    }

    /// Puts a session that has not taken a batch where the checkpoint was made. After an error it is
    /// of no use.
    ///
    /// # Errors
    /// [`LearnError::OtherInputs`] if the inputs are others, [`LearnError`] if the bundle is not a
    /// checkpoint of such a session.
    fn restore(&mut self, inputs: [u8; 32], state: Bundle<'_>) -> Result<()> {
        let _ = (inputs, state);
        Err(LearnError::NotResumable)
    }

    /// The model as it is now, if there is one before the end. It is encrypted like everything else,
    /// so the owner can look at it and say whether to stop.
    ///
    /// # Errors
    /// [`LearnError`] before the first iteration, or if no level is left to scale by.
    fn model(&self) -> Result<Option<EncryptedModel>> {
        Ok(None)
    }

    /// The model of all batches that were added.
    ///
    /// # Errors
    /// [`LearnError`] if there are none, or clear labels are all the same.
    fn finish(self: Box<Self>, progress: &mut Listener<'_>) -> Result<EncryptedModel>;
}

/// What a session that adds up its batches has made of them.
pub struct Additive(Box<dyn Any + Send>);

impl Additive {
    pub(crate) fn new(content: impl Any + Send) -> Self {
        Self(Box::new(content))
    }

    /// What is in it, unless it is of another kind of session.
    pub(crate) fn into_inner<T: Any>(self) -> Result<T> {
        let content = self.0.downcast().map_err(|_| LearnError::Malformed {
            what: "a session to merge with",
            reason: "it is of another estimator",
        })?;
        Ok(*content)
    }
}

/// Trains on samples that are all there is; `total` units of progress in all.
pub(crate) fn fit_whole(
    mut session: Box<dyn Session + '_>,
    total: usize,
    samples: &Samples<'_>,
    progress: &mut Listener<'_>,
) -> Result<LinearModel> {
    let batch = (samples.features.clone(), samples.labels.clone());
    let mut of_all = |done, p| progress(Progress { done, total, ..p });
    let (mut before, mut last) = (0, 0);
    while session.next_batch(1).is_some() {
        session.add(&batch, &mut |p| {
            last = p.total;
            of_all(before + p.done, p);
        })?;
        before += std::mem::take(&mut last);
    }
    session
        .finish(&mut |p| of_all(before + p.done, p))?
        .into_linear()
}
