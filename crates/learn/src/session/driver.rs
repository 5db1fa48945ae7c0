//! A whole training, from the first batch to the model.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use tapetum_ckks::Evaluator;
use tapetum_ckks::wire::Bundle;

use super::{BatchSource, Session};
use crate::error::{LearnError, Result};
use crate::estimator_config::Flow;
use crate::model::EncryptedModel;
use crate::origin::Origin;
use crate::progress::Progress;
use crate::samples::Batch;
use crate::task::LabelKind;
use crate::training_spec::TrainingSpec;

/// Units of progress of a batch.
const UNITS: usize = 1000;

/// Hears how far a training is, and decides after each batch whether it goes on.
pub trait Observer: Send {
    /// How it fails.
    type Error: From<LearnError>;

    /// A part of the training begins.
    fn phase(&mut self, phase: Phase) {
        let _ = phase;
    }

    /// How far this phase is, and the training as a whole. It is called from several threads, one at a
    /// time.
    fn progress(&mut self, of_phase: Progress, overall: Progress) {
        let _ = (of_phase, overall);
    }

    /// The session has taken a batch. This is the moment to keep a [checkpoint](Session::checkpoint)
    /// or a [snapshot](Session::model), and to stop the training.
    ///
    /// # Errors
    /// If something cannot be kept, which ends the training.
    fn after_batch(&mut self, session: &dyn Session) -> Result<ControlFlow<()>, Self::Error> {
        let _ = session;
        Ok(ControlFlow::Continue(()))
    }
}

/// Listens to nothing.
impl Observer for () {
    type Error = LearnError;
}

/// What a training is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Encoding the matrices of the bootstrap.
    PreparingBootstrap,
    /// Going back to where a checkpoint was made.
    Resuming,
    /// Reading all batches.
    Reading,
    /// Adding up batches.
    AddingUp {
        /// How many.
        batches: usize,
    },
    /// Iterating over mini-batches.
    Iterating {
        /// After how many iterations it ends.
        iterations: usize,
        /// How many mini-batches there are.
        batches: usize,
    },
    /// Fitting to all samples.
    Fitting {
        /// How many.
        samples: usize,
    },
    /// Solving the system that sums of samples make.
    Solving {
        /// How many samples.
        samples: usize,
    },
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PreparingBootstrap => write!(f, "preparing to bootstrap"),
            Self::Resuming => write!(f, "resuming"),
            Self::Reading => write!(f, "reading encrypted samples"),
            Self::AddingUp { batches } => write!(f, "adding up {batches} parts of samples"),
            Self::Iterating {
                iterations,
                batches,
            } => write!(
                f,
                "training, {iterations} iterations on {batches} mini-batches"
            ),
            Self::Fitting { samples } => write!(f, "training on {samples} encrypted samples"),
            Self::Solving { samples } => write!(f, "training on the sums of {samples} samples"),
        }
    }
}

/// How a training deviates from all iterations from zero.
#[derive(Default)]
pub struct TrainingOptions<'a> {
    /// End after this many iterations, counted from zero.
    pub until: Option<usize>,
    /// Go on from this checkpoint of a training with the same inputs.
    pub resume: Option<([u8; 32], Bundle<'a>)>,
}

/// What was trained.
#[derive(Debug)]
pub struct Trained {
    /// The model.
    pub model: EncryptedModel,
    /// How many samples it has seen.
    pub samples: usize,
    /// Whether labels were encrypted.
    pub labels: LabelKind,
    /// Iterations that were done in all, if a batch is one.
    pub iterations: Option<usize>,
    /// The iteration that it went on from, if it did.
    pub resumed_from: Option<usize>,
}

/// Trains on all batches of a source, one of which is read ahead: no more than two are in memory
/// unless the estimator needs all at once. Returns nothing if the observer stopped it.
///
/// # Errors
/// Those of the observer, and [`LearnError`] if a batch does not fit, levels do not suffice, or a key
/// is missing.
pub fn train<O: Observer>(
    spec: &TrainingSpec,
    evaluator: &Evaluator,
    source: &dyn BatchSource,
    options: TrainingOptions<'_>,
    observer: &mut O,
) -> Result<Option<Trained>, O::Error> {
    let batches = source.batches();
    if batches == 0 {
        return Err(LearnError::Empty("batches").into());
    }
    let labels = source.label_kind()?;
    if spec.bootstrapping(evaluator.parameters())?.is_some() {
        observer.phase(Phase::PreparingBootstrap);
    }
    let mut session: Box<dyn Session> = spec.begin(evaluator, labels)?;
    let mut order: Vec<_> = (0..)
        .map_while(|ahead| session.upcoming(ahead, batches))
        .collect();
    let resumed = options.resume.is_some();
    if let Some((inputs, state)) = options.resume {
        observer.phase(Phase::Resuming);
        session.restore(inputs, state)?;
    }
    let begin = session.iteration().unwrap_or(0);
    if let (Some(until), Some(_)) = (options.until, session.iteration()) {
        order.truncate(until);
    }
    let (before, order) = order.split_at(begin.min(order.len()));

    let flow = spec.learner.flow();
    observer.phase(match flow {
        Flow::Whole => Phase::Reading,
        Flow::Sums => Phase::AddingUp { batches },
        Flow::MiniBatches => Phase::Iterating {
            iterations: before.len() + order.len(),
            batches,
        },
    });
    let steps = Steps {
        flow,
        before: before.len(),
        batches: order.len(),
    };
    let mut rows = BTreeMap::new();
    let mut origin = Origin::default();
    let end = read_ahead(source, order, |k, batch| {
        origin = origin.join(batch.0.origin(), "the samples before")?;
        rows.insert(order[k], batch.0.layout().rows());
        if let Flow::Whole = flow {
            let (of_phase, overall) = steps.read(k);
            observer.progress(of_phase, overall);
        }
        session.add(batch, &mut |p| {
            let (of_phase, overall) = steps.add(k, p);
            observer.progress(of_phase, overall);
        })?;
        observer.after_batch(&*session)
    })?;
    if end.is_break() {
        return Ok(None);
    }
    // Those that were read before the training was resumed.
    for &batch in before {
        if let std::collections::btree_map::Entry::Vacant(entry) = rows.entry(batch) {
            let (features, _) = source.read(batch)?;
            origin = origin.join(features.origin(), "the other samples")?;
            entry.insert(features.layout().rows());
        }
    }
    let samples = rows.values().sum();
    match flow {
        Flow::Whole => observer.phase(Phase::Fitting { samples }),
        Flow::Sums => observer.phase(Phase::Solving { samples }),
        Flow::MiniBatches => (),
    }
    let iterations = session.iteration();
    let model = session.finish(&mut |p| observer.progress(p, steps.finish(p)))?;
    Ok(Some(Trained {
        model: model.with_origin(origin),
        samples,
        labels,
        iterations,
        resumed_from: iterations.filter(|_| resumed).map(|_| begin),
    }))
}

/// Calls `each` with batches in this order, while the next one is being read.
fn read_ahead<E: From<LearnError>>(
    source: &dyn BatchSource,
    order: &[usize],
    mut each: impl FnMut(usize, &Batch) -> Result<ControlFlow<()>, E>,
) -> Result<ControlFlow<()>, E> {
    thread::scope(|scope| {
        // Without room in between, the reader waits with the batch that it has.
        let (send, receive) = sync_channel(0);
        scope.spawn(move || {
            for &batch in order {
                // Nobody waits any longer.
                if send.send(source.read(batch)).is_err() {
                    return;
                }
            }
        });
        let receive: Receiver<Result<_>> = receive;
        for (k, batch) in receive.iter().enumerate() {
            if each(k, &batch?)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Where a training is, from where each part of it is. Solving a system takes about as long as a batch.
struct Steps {
    flow: Flow,
    /// Batches of the training that this one goes on from.
    before: usize,
    batches: usize,
}

impl Steps {
    fn read(&self, k: usize) -> (Progress, Progress) {
        let what = "reading";
        let of_phase = Progress {
            done: k,
            total: self.batches,
            what,
        };
        (of_phase, self.overall(0, what))
    }

    fn add(&self, k: usize, p: Progress) -> (Progress, Progress) {
        let done = k * UNITS + part(p);
        let of_phase = Progress {
            done,
            total: self.batches * UNITS,
            ..p
        };
        (of_phase, self.overall(self.before * UNITS + done, p.what))
    }

    fn finish(&self, p: Progress) -> Progress {
        let before = match self.flow {
            Flow::Whole => 0,
            _ => self.before + self.batches,
        };
        self.overall(before * UNITS + part(p), p.what)
    }

    fn overall(&self, done: usize, what: &'static str) -> Progress {
        let batches = match self.flow {
            Flow::Whole => 1,
            Flow::Sums => self.batches + 1,
            Flow::MiniBatches => self.before + self.batches,
        };
        Progress {
            done,
            total: batches * UNITS,
            what,
        }
    }
}

fn part(p: Progress) -> usize {
    p.done * UNITS / p.total.max(1)
}
