//! Workers: they claim jobs, compute, and tell that they are alive.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tapetum_ckks::wire::Bundle;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::compute::{self, ClassificationInput, Ended, Observer, TrainingInput};
use super::keys::KeyCache;
use super::queue::{self, CHECKPOINT, Lease, Made, Pulse};
use super::{ClassificationRequest, TrainingRequest};
use crate::api::objects::{self, StoredFile};
use crate::blobs::Local;
use crate::db::stored;
use crate::error::{Answer, Problem};
use crate::id::{Kind, hex, random};
use crate::metrics::JobEnd;
use crate::state::App;

/// How often an idle worker looks for jobs that other processes have queued, or whose workers are dead.
const LOOK: Duration = Duration::from_millis(500);
/// How often progress is written down.
const BEAT: Duration = Duration::from_millis(250);

/// The workers of a process.
#[derive(Debug)]
pub struct Workers {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts as many as the configuration says, and one more for classifications alone, so that these do not
    /// wait for trainings.
    ///
    /// # Errors
    /// If there is no randomness to name them by.
    pub fn start(app: &App) -> Answer<Self> {
        let work = &app.config.work;
        let (stop, stopped) = watch::channel(false);
        let keys = Arc::new(KeyCache::new(work.key_memory, work.jobs + 1));
        let quick = (work.jobs > 0).then_some(Some(Kind::Classification));
        let start = |only| {
            let holder = hex(&random::<16>()?);
            let worker = Worker {
                app: app.clone(),
                keys: keys.clone(),
                holder,
                stopped: stopped.clone(),
                only,
            };
            Ok(tokio::spawn(worker.run()))
        };
        let all = std::iter::repeat_n(None, work.jobs).chain(quick);
        let tasks = all.map(start).collect::<Answer<_>>()?;
        Ok(Self { stop, tasks })
    }

    /// Ends them: jobs that run are given back, and go on from their last checkpoints elsewhere or later.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

struct Worker {
    app: App,
    keys: Arc<KeyCache>,
    holder: String,
    stopped: watch::Receiver<bool>,
    /// The kind of job that it takes, if not all.
    only: Option<Kind>,
}

impl Worker {
    async fn run(mut self) {
        let app = self.app.clone();
        while !*self.stopped.borrow() {
            // Listened for before the look, so that nothing is missed in between.
            let wake = app.wake.notified();
            let claimed = queue::claim(&self.app, &self.holder, self.only).await;
            match claimed {
                Ok(Some(lease)) => {
                    if let Err(problem) = self.carry_out(&lease).await {
                        // The database is away, say. The lease runs out, and the job is begun anew.
                        tracing::error!(job = lease.job.id, %problem, "a job could not be finished");
                        tokio::time::sleep(LOOK).await;
                    }
                }
                Ok(None) => {
                    tokio::select! {
                        _ = timeout(LOOK, wake) => (),
                        _ = self.stopped.changed() => (),
                    }
                }
                Err(problem) => {
                    tracing::error!(%problem, "jobs cannot be claimed");
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    /// Computes, and tells meanwhile that it does.
    async fn carry_out(&mut self, lease: &Lease) -> Answer<()> {
        let id = &lease.job.id;
        tracing::info!(job = id, attempt = lease.job.attempts, "job begins");
        let gauge = Arc::new(Gauge::default());
        let computed = self.begin(lease, &gauge).await;
        let mut running = match computed {
            Ok(running) => running,
            // What it needs is not there.
            Err(problem) => return queue::fail(&self.app, lease, &problem).await,
        };
        let started = std::time::Instant::now();
        let (mut pulse, mut stopping) = (Pulse::GoOn, false);
        let longest = self.app.config.work.longest;
        let ended = loop {
            let ended = tokio::select! {
                ended = &mut running => Some(ended),
                _ = tokio::time::sleep(BEAT) => None,
                _ = self.stopped.changed(), if !stopping => { stopping = true; None }
            };
            if let Some(ended) = ended {
                break ended;
            }
            let (done, total, what) = gauge.read();
            match queue::renew(&self.app, lease, done as i64, total as i64, what).await {
                Ok(found) => pulse = found,
                Err(problem) => tracing::error!(job = id, %problem, "a lease could not be renewed"),
            }
            if pulse != Pulse::GoOn || stopping || started.elapsed() > longest {
                gauge.end.store(true, Ordering::Relaxed);
            }
        };
        let outcome =
            ended.unwrap_or_else(|_| Some(Err(Problem::internal("a job", "its thread died"))));
        let seconds = started.elapsed().as_secs_f64();
        let end = match &outcome {
            Some(Ok(_)) => JobEnd::Succeeded,
            Some(Err(_)) => JobEnd::Failed,
            None if pulse == Pulse::Cancelled => JobEnd::Cancelled,
            None => JobEnd::GivenBack,
        };
        let is_training = lease.job.kind == Kind::TrainingJob.prefix();
        self.app.metrics.job(is_training, end, seconds);
        match outcome {
            Some(Ok(made)) => {
                tracing::info!(job = id, "job succeeded");
                queue::succeed(&self.app, lease, made).await
            }
            Some(Err(problem)) => {
                tracing::info!(job = id, %problem, "job failed");
                queue::fail(&self.app, lease, &problem).await
            }
            None if started.elapsed() > longest => {
                let message = format!(
                    "it takes longer than the {} s that a job may",
                    longest.as_secs()
                );
                queue::fail(&self.app, lease, &Problem::unacceptable(message)).await
            }
            None if pulse == Pulse::Cancelled => {
                tracing::info!(job = id, "job cancelled");
                queue::fail(&self.app, lease, &Problem::cancelled()).await
            }
            None => {
                tracing::info!(job = id, "job given back");
                queue::give_back(&self.app, lease).await
            }
        }
    }

    /// Gathers what the job needs and starts a thread: nothing if it was ended from outside.
    async fn begin(
        &self,
        lease: &Lease,
        gauge: &Arc<Gauge>,
    ) -> Answer<JoinHandle<Option<Answer<Made>>>> {
        let thread = Thread {
            app: self.app.clone(),
            keys: self.keys.clone(),
            lease: lease.clone(),
            observer: Watcher {
                app: self.app.clone(),
                lease: lease.clone(),
                gauge: gauge.clone(),
                handle: Handle::current(),
            },
        };
        let app = &self.app;
        let job = &lease.job;
        let is_training = job.kind == Kind::TrainingJob.prefix();
        let work: Box<dyn FnOnce(Thread) -> Answer<Made> + Send> = if is_training {
            let request: TrainingRequest = stored(&job.request)?;
            let keys = located(app, &request.key_set, crate::api::EVALUATION_KEYS).await?;
            let mut parts = Vec::new();
            for part in &request.parts {
                parts.push(located(app, part, crate::api::PART).await?);
            }
            let checkpoint = objects::file(app, &job.id, CHECKPOINT).await?;
            Box::new(move |thread| thread.train(request, &keys, &parts, checkpoint))
        } else {
            let request: ClassificationRequest = stored(&job.request)?;
            let keys = located(app, &request.key_set, crate::api::EVALUATION_KEYS).await?;
            let model = located(app, &request.model, crate::api::MODEL).await?;
            let samples = located(app, &job.id, crate::api::SAMPLES).await?;
            Box::new(move |thread| thread.classify(request, &keys, &model, &samples))
        };
        Ok(spawn_blocking(move || {
            match catch_unwind(AssertUnwindSafe(|| work(thread))) {
                Ok(made) => Some(made),
                Err(payload) if payload.is::<Ended>() => None,
                Err(_) => Some(Err(Problem::internal("a job", "it panicked"))),
            }
        }))
    }
}

/// The id of a file, and what its row says.
type FileRow = (String, StoredFile);

async fn located(app: &App, object: &str, role: &str) -> Answer<FileRow> {
    let file = objects::file(app, object, role).await?;
    file.ok_or_else(|| Problem::conflict(format!("{object} has been deleted")))
}

/// How far a computation is, for the task that watches it.
#[derive(Debug, Default)]
struct Gauge {
    done: AtomicUsize,
    total: AtomicUsize,
    what: Mutex<&'static str>,
    /// Whether it is to end.
    end: AtomicBool,
}

impl Gauge {
    fn read(&self) -> (usize, usize, &'static str) {
        let what = *self.what.lock().unwrap_or_else(PoisonError::into_inner);
        let load = |number: &AtomicUsize| number.load(Ordering::Relaxed);
        (load(&self.done), load(&self.total), what)
    }
}

/// Hears from a computation.
struct Watcher {
    app: App,
    lease: Lease,
    gauge: Arc<Gauge>,
    handle: Handle,
}

impl Observer for Watcher {
    fn progress(&mut self, done: usize, total: usize, what: &'static str) {
        self.gauge.done.store(done, Ordering::Relaxed);
        self.gauge.total.store(total, Ordering::Relaxed);
        *self
            .gauge
            .what
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = what;
        if self.gauge.end.load(Ordering::Relaxed) {
            // Without the message that a panic prints.
            resume_unwind(Box::new(Ended));
        }
    }

    fn checkpoint(&mut self, state: &Bundle<'_>) -> Answer<()> {
        let blob = Kind::Blob.new_id()?;
        let written = write(&self.app, &blob, state)?;
        let kept = queue::keep(&self.app, &self.lease, &blob, &written);
        match self.handle.block_on(kept)? {
            Pulse::GoOn => Ok(()),
            _ => {
                let _ = self.app.blobs.remove(&blob);
                resume_unwind(Box::new(Ended))
            }
        }
    }
}

fn write(app: &App, blob: &str, bundle: &Bundle<'_>) -> Answer<crate::blobs::Written> {
    let written = app.blobs.create(blob, |file| bundle.write(file));
    written.map_err(|e| Problem::internal("writing a result", e))
}

/// What a thread works with.
struct Thread {
    app: App,
    keys: Arc<KeyCache>,
    lease: Lease,
    observer: Watcher,
}

impl Thread {
    /// A file that the job needs. Fetched here and not before, so that the lease is renewed meanwhile.
    fn fetch(&self, (id, file): &FileRow) -> Answer<Local> {
        let found = self.app.blobs.local(id, file);
        found.map_err(|e| Problem::internal("fetching a file", e))
    }

    fn train(
        mut self,
        request: TrainingRequest,
        keys: &FileRow,
        parts: &[FileRow],
        checkpoint: Option<FileRow>,
    ) -> Answer<Made> {
        let mut inputs = blake3::Hasher::new();
        inputs.update(&serde_json::to_vec(&request.recipe).unwrap_or_default());
        for (_, file) in std::iter::once(keys).chain(parts) {
            inputs.update(file.checksum.as_bytes());
        }
        let input = TrainingInput {
            parts: parts
                .iter()
                .map(|part| self.fetch(part))
                .collect::<Answer<_>>()?,
            inputs: *inputs.finalize().as_bytes(),
            checkpoint: checkpoint.map(|file| self.fetch(&file)).transpose()?,
            caps: self.app.caps(),
        };
        let engine = self.keys.engine(&request.key_set, || self.fetch(keys))?;
        let trained = compute::train(&engine, &request.recipe, &input, &mut self.observer)?;
        let blob = Kind::Blob.new_id()?;
        let file = write(&self.app, &blob, &trained.model.to_bundle()?)?;
        let details = json!(crate::api::ModelDetails {
            training_job: self.lease.job.id.clone(),
            data_set: request.data_set,
            key_set: request.key_set,
            parameter_set: request.parameter_set,
            recipe: request.recipe,
            samples: request.samples,
            labels: trained.labels.to_owned(),
            level: trained.model.level(),
        });
        let object = Some((Kind::Model.new_id()?, details));
        Ok(Made {
            blob,
            file,
            role: crate::api::MODEL,
            object,
        })
    }

    fn classify(
        mut self,
        request: ClassificationRequest,
        keys: &FileRow,
        model: &FileRow,
        samples: &FileRow,
    ) -> Answer<Made> {
        let input = ClassificationInput {
            model: self.fetch(model)?,
            samples: self.fetch(samples)?,
            verdicts: request.verdicts,
            caps: self.app.caps(),
        };
        let engine = self.keys.engine(&request.key_set, || self.fetch(keys))?;
        let blob = Kind::Blob.new_id()?;
        let app = &self.app;
        let keep = |bundle: Bundle<'_>| write(app, &blob, &bundle);
        let file = compute::classify(&engine, &input, &mut self.observer, keep)?;
        Ok(Made {
            blob,
            file,
            role: crate::api::SCORES,
            object: None,
        })
    }
}
