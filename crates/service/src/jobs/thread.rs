//! The thread on which a job computes, and its progress as seen from outside.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tapetum_ckks::wire::Bundle;
use tapetum_client::{
    ClassificationRequest, ModelDetails, Origin, TrainedDetails, TrainingRequest,
};
use tapetum_learn::{Observer, Progress, Session};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::compute::{self, ClassificationInput, Ended, TrainingInput};
use super::lease::{self, Lease, LeaseStatus, Made};
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::key_cache::Engine;
use crate::state::App;
use crate::store::blobs::{Local, Written};
use crate::store::content;
use crate::store::networks;
use crate::store::rows::{FileRow, role};

/// The progress of a computation, for the task that watches it.
#[derive(Debug, Default)]
pub struct JobProgress {
    done: AtomicUsize,
    total: AtomicUsize,
    what: Mutex<&'static str>,
    /// Whether it is to end.
    end: AtomicBool,
}

impl JobProgress {
    /// Units that are done, units in all, and what is being done.
    pub fn read(&self) -> (usize, usize, &'static str) {
        let what = *self.what.lock().unwrap_or_else(PoisonError::into_inner);
        let load = |number: &AtomicUsize| number.load(Ordering::Relaxed);
        (load(&self.done), load(&self.total), what)
    }

    /// Ends the computation when it next reports progress.
    pub fn end(&self) {
        self.end.store(true, Ordering::Relaxed);
    }
}

/// Listens to a computation.
struct Watcher {
    app: App,
    lease: Lease,
    progress: Arc<JobProgress>,
    handle: Handle,
    /// A hash of everything that a training depends on.
    inputs: [u8; 32],
}

impl Observer for Watcher {
    type Error = Error;

    fn progress(&mut self, _: Progress, overall: Progress) {
        self.progress.done.store(overall.done, Ordering::Relaxed);
        self.progress.total.store(overall.total, Ordering::Relaxed);
        *self
            .progress
            .what
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = overall.what;
        if self.progress.end.load(Ordering::Relaxed) {
            // Without the message that a panic prints.
            resume_unwind(Box::new(Ended));
        }
    }

    fn after_batch(&mut self, session: &dyn Session) -> Result<ControlFlow<()>> {
        let Some(state) = session.checkpoint(self.inputs)? else {
            return Ok(ControlFlow::Continue(()));
        };
        let blob = Kind::Blob.new_id()?;
        let written = write(&self.app, &blob, &state)?;
        let kept = lease::keep(&self.app, &self.lease, &blob, &written);
        match self.handle.block_on(kept)? {
            LeaseStatus::GoOn => Ok(ControlFlow::Continue(())),
            _ => {
                let _ = self.app.blobs.remove(&blob);
                Ok(ControlFlow::Break(()))
            }
        }
    }
}

/// Writes what was computed.
type Keep<'a> = Box<dyn FnOnce(Bundle<'_>) -> Result<Written> + 'a>;

fn write(app: &App, blob: &str, bundle: &Bundle<'_>) -> Result<Written> {
    let written = app.blobs.create(blob, |file| bundle.write(file));
    written.map_err(|e| Error::internal("writing a result", e))
}

/// What a thread works with.
pub struct Thread {
    app: App,
    lease: Lease,
    observer: Watcher,
}

impl Thread {
    /// For a job, whose progress `progress` gets. To be called where the database can be reached from.
    pub fn new(app: &App, lease: &Lease, progress: &Arc<JobProgress>) -> Self {
        Self {
            app: app.clone(),
            lease: lease.clone(),
            observer: Watcher {
                app: app.clone(),
                lease: lease.clone(),
                progress: progress.clone(),
                handle: Handle::current(),
                inputs: [0; 32],
            },
        }
    }

    /// Starts it: nothing comes of it if it was ended from outside.
    pub fn start<W>(self, work: W) -> JoinHandle<Option<Result<Made>>>
    where
        W: FnOnce(Self) -> Result<Made> + Send + 'static,
    {
        let app = self.app.clone();
        app.computing.start(
            move || match catch_unwind(AssertUnwindSafe(|| work(self))) {
                Ok(made) => Some(made),
                Err(payload) if payload.is::<Ended>() => None,
                Err(_) => Some(Err(Error::internal("a job", "it panicked"))),
            },
        )
    }

    /// A file that the job needs. Fetched here and not before, so that the lease is renewed meanwhile.
    fn fetch(&self, (id, file): &FileRow) -> Result<Local> {
        let found = self.app.blobs.local(id, file);
        found.map_err(|e| Error::internal("fetching a file", e))
    }

    /// Trains, and writes the model.
    pub fn train(
        mut self,
        request: TrainingRequest,
        keys: &FileRow,
        parts: &[FileRow],
        checkpoint: Option<FileRow>,
    ) -> Result<Made> {
        let mut inputs = blake3::Hasher::new();
        inputs.update(&serde_json::to_vec(&request.recipe).unwrap_or_default());
        for (_, file) in std::iter::once(keys).chain(parts) {
            inputs.update(file.checksum.as_bytes());
        }
        // Nothing for trainings that leave nobody out, so that their checkpoints of before still serve.
        for name in &request.without {
            inputs.update(&[0]).update(name.as_bytes());
        }
        let input = TrainingInput {
            parts: parts
                .iter()
                .map(|part| self.fetch(part))
                .collect::<Result<_>>()?,
            inputs: *inputs.finalize().as_bytes(),
            checkpoint: checkpoint.map(|file| self.fetch(&file)).transpose()?,
            caps: self.app.caps(),
            without: request.without,
            until: request.until,
        };
        let engine = self
            .app
            .keys
            .engine(&request.key_set, || self.fetch(keys))?;
        self.observer.inputs = input.inputs;
        let trained = compute::train(&engine, &request.recipe, &input, &mut self.observer)?;
        let Some(trained) = trained else {
            resume_unwind(Box::new(Ended));
        };
        let blob = Kind::Blob.new_id()?;
        let file = write(&self.app, &blob, &trained.model.to_bundle()?)?;
        let origin = Origin::Trained(Box::new(TrainedDetails {
            training_job: self.lease.job.id.clone(),
            data_set: request.data_set,
            recipe: request.recipe,
            samples: trained.samples,
            labels: content::label_kind(trained.labels).to_owned(),
            level: trained.model.level(),
            ids: *trained.model.origin(),
        }));
        let details = json!(ModelDetails {
            key_set: request.key_set,
            parameter_set: request.parameter_set,
            origin,
        });
        let object = Some((Kind::Model.new_id()?, details));
        Ok(Made {
            blob,
            file,
            role: role::MODEL,
            object,
        })
    }

    /// Classifies an image by a network, and writes the scores.
    pub fn classify_by_network(
        mut self,
        request: ClassificationRequest,
        keys: &FileRow,
        [network, plan]: [&FileRow; 2],
        image: &FileRow,
    ) -> Result<Made> {
        let caps = self.app.caps();
        let ready = self.app.networks.ready(&request.model, || {
            let plan = networks::plan(&self.fetch(plan)?, caps)?;
            Ok((plan, networks::network(&self.fetch(network)?, caps)?))
        })?;
        let image = self.fetch(image)?;
        self.made(&request.key_set, keys, |engine, observer, keep| {
            compute::classify_by_network(engine, &ready, &image, observer, keep)
        })
    }

    /// Classifies, and writes the scores or verdicts.
    pub fn classify(
        mut self,
        request: ClassificationRequest,
        keys: &FileRow,
        model: &FileRow,
        samples: &FileRow,
    ) -> Result<Made> {
        let input = ClassificationInput {
            model: self.fetch(model)?,
            samples: self.fetch(samples)?,
            plain: request.plain,
            verdicts: request.verdicts,
            caps: self.app.caps(),
        };
        self.made(&request.key_set, keys, |engine, observer, keep| {
            compute::classify(engine, &input, observer, keep)
        })
    }

    /// Scores that are computed with a set of keys.
    fn made(
        &mut self,
        key_set: &str,
        keys: &FileRow,
        compute: impl FnOnce(&Engine, &mut Watcher, Keep<'_>) -> Result<Written>,
    ) -> Result<Made> {
        let engine = self.app.keys.engine(key_set, || self.fetch(keys))?;
        let blob = Kind::Blob.new_id()?;
        let app = &self.app;
        let keep = Box::new(|bundle: Bundle<'_>| write(app, &blob, &bundle));
        let file = compute(&engine, &mut self.observer, keep)?;
        Ok(Made {
            blob,
            file,
            role: role::SCORES,
            object: None,
        })
    }
}
