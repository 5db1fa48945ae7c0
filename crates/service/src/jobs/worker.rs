//! Workers: they take jobs, compute and renew their leases.

use std::sync::Arc;
use std::time::Duration;

use tapetum_ckks::trim_idle_buffers;
use tapetum_client::{ClassificationRequest, TrainingRequest};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::lease::{self, Claim, Lease, LeaseStatus, Made};
use super::next_in_turn;
use super::thread::{JobProgress, Thread};
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::job::Job;
use crate::metrics::JobEnd;
use crate::state::App;
use crate::store::db::stored;
use crate::store::queue::Unfinished;
use crate::store::rows::{self, FileRow, role};

/// How often a job of another worker is looked at, and the pause after a failure.
const LOOK: Duration = Duration::from_millis(500);
/// How often buffers are given back that were idle all the time.
const TRIM: Duration = Duration::from_secs(10);
/// How often progress is recorded.
const BEAT: Duration = Duration::from_millis(250);

/// The workers of a process.
#[derive(Debug)]
pub struct Workers {
    stop: watch::Sender<bool>,
    queues: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts as many as the configuration says, and one more for classifications alone, so that these do not
    /// wait for trainings.
    pub fn start(app: &App) -> Self {
        let work = &app.config.work;
        let (stop, stopped) = watch::channel(false);
        let worker = Worker {
            app: app.clone(),
            slots: Arc::new(Semaphore::new(work.jobs + 1)),
            stopped,
        };
        let kinds = [
            (Kind::TrainingJob, work.jobs),
            (Kind::Classification, work.jobs + 1),
        ];
        let kinds = kinds.into_iter().filter(|_| work.jobs > 0);
        let queues = kinds.map(|kind| tokio::spawn(worker.clone().serve(kind)));
        // Checks of uploads leave buffers, too, where no job runs.
        let trimming = tokio::spawn(trim(stop.subscribe()));
        Self {
            queues: queues.chain([trimming]).collect(),
            stop,
        }
    }

    /// Stops them. Running jobs are given back, and resume from their last checkpoints elsewhere or later.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for queue in self.queues {
            let _ = queue.await;
        }
    }
}

/// Gives memory back that was not needed for a while.
async fn trim(mut stopped: watch::Receiver<bool>) {
    while timeout(TRIM, stopped.wait_for(|stopped| *stopped))
        .await
        .is_err()
    {
        trim_idle_buffers();
    }
}

#[derive(Clone)]
struct Worker {
    app: App,
    /// For the jobs that run at a time.
    slots: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl Worker {
    /// Takes jobs of a kind, up to `at_once` at a time, until it is stopped.
    async fn serve(self, (kind, at_once): (Kind, usize)) {
        while !self.is_stopped() {
            let mut stopped = self.stopped.clone();
            let stop = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
            let worker = self.clone();
            let handle = move |id: String| {
                let worker = worker.clone();
                // In a task of its own, so that it continues if the queue cannot be reached for a while.
                let ran = tokio::spawn(async move { worker.run(&id).await });
                async move { ran.await.map_err(|_| Unfinished)? }
            };
            let tasks = &self.app.tasks;
            let lease = self.app.config.work.lease;
            let handed = tasks.hand_over((kind, at_once), lease, handle, stop).await;
            if let Err(error) = handed {
                tracing::error!(error = &*error, "the queue of jobs cannot be reached");
                self.pause().await;
            }
        }
        // Those that ran on.
        let slots = u32::try_from(at_once).unwrap_or(u32::MAX);
        let _ = self.slots.acquire_many(slots).await;
    }

    /// Runs a job until it is finished, or waits until another worker has finished it or is dead.
    async fn run(&self, id: &str) -> Result<(), Unfinished> {
        while !self.is_stopped() {
            match self.try_to_finish(id).await {
                Ok(Outcome::Finished) => return Ok(()),
                Ok(Outcome::OtherFinished) => continue,
                Ok(Outcome::Unfinished) => (),
                // The database is away, say. The lease runs out, and the job is started again.
                Err(problem) => tracing::error!(job = id, %problem, "a job could not be finished"),
            }
            self.pause().await;
        }
        Err(Unfinished)
    }

    /// Also if the sender is gone.
    fn is_stopped(&self) -> bool {
        *self.stopped.borrow() || self.stopped.has_changed().is_err()
    }

    async fn pause(&self) {
        let mut stopped = self.stopped.clone();
        let _ = timeout(LOOK, stopped.wait_for(|stopped| *stopped)).await;
    }

    /// Works on a job if nobody else does, or on one that has its turn before it. It begins when the memory that was
    /// planned for it is there.
    async fn try_to_finish(&self, id: &str) -> Result<Outcome> {
        let slot = self.slots.acquire().await;
        let _slot = slot.map_err(|e| Error::internal("a slot for a job", e))?;
        let turn = next_in_turn(&self.app, id).await?;
        let next = turn.as_ref().map_or(id, |job| &job.id);
        let _memory = match &turn {
            Some(job) => Some(self.set_aside(job).await?),
            None => None,
        };
        if self.is_stopped() {
            return Ok(Outcome::Unfinished);
        }
        let is_finished = match lease::claim(&self.app, next).await? {
            Claim::Granted(lease) => self.compute(&lease).await?,
            Claim::Held => false,
            Claim::Finished => true,
        };
        Ok(match (is_finished, next == id) {
            (true, true) => Outcome::Finished,
            (true, false) => Outcome::OtherFinished,
            (false, _) => Outcome::Unfinished,
        })
    }

    /// The memory that was planned for a job.
    async fn set_aside(&self, job: &Job) -> Result<SemaphorePermit<'_>> {
        let memory = &self.app.memory;
        let (share, planned) = if job.kind == Kind::TrainingJob.prefix() {
            let request: TrainingRequest = stored(&job.request)?;
            (&memory.trainings, request.memory)
        } else {
            let request: ClassificationRequest = stored(&job.request)?;
            (&memory.classifications, request.memory)
        };
        // What was made before memory was planned may take all there is.
        share
            .set_aside(if planned == 0 { share.bytes() } else { planned })
            .await
    }

    /// Computes, and renews the lease meanwhile. Returns whether the job is finished.
    async fn compute(&self, lease: &Lease) -> Result<bool> {
        let id = &lease.job.id;
        tracing::info!(job = id, attempt = lease.job.attempts, "job begins");
        let progress = Arc::new(JobProgress::default());
        let computed = self.begin(lease, &progress).await;
        let mut running = match computed {
            Ok(running) => running,
            // What it needs is not there.
            Err(problem) => return lease::fail(&self.app, lease, &problem).await,
        };
        let mut stopped = self.stopped.clone();
        let started = std::time::Instant::now();
        let (mut status, mut stopping) = (LeaseStatus::GoOn, false);
        let longest = self.app.config.work.longest;
        let ended = loop {
            let ended = tokio::select! {
                ended = &mut running => Some(ended),
                _ = tokio::time::sleep(BEAT) => None,
                _ = stopped.wait_for(|stopped| *stopped), if !stopping => { stopping = true; None }
            };
            if let Some(ended) = ended {
                break ended;
            }
            let (done, total, what) = progress.read();
            match lease::renew(&self.app, lease, done as i64, total as i64, what).await {
                Ok(found) => status = found,
                Err(problem) => tracing::error!(job = id, %problem, "a lease could not be renewed"),
            }
            if status != LeaseStatus::GoOn || stopping || started.elapsed() > longest {
                progress.end();
            }
        };
        let outcome =
            ended.unwrap_or_else(|_| Some(Err(Error::internal("a job", "its thread died"))));
        let seconds = started.elapsed().as_secs_f64();
        let end = match &outcome {
            Some(Ok(_)) => JobEnd::Succeeded,
            Some(Err(_)) => JobEnd::Failed,
            None if status == LeaseStatus::Cancelled => JobEnd::Cancelled,
            None => JobEnd::GivenBack,
        };
        let is_training = lease.job.kind == Kind::TrainingJob.prefix();
        self.app.metrics.job(is_training, end, seconds);
        match outcome {
            Some(Ok(made)) => {
                tracing::info!(job = id, "job succeeded");
                lease::succeed(&self.app, lease, made).await
            }
            Some(Err(problem)) => {
                tracing::info!(job = id, %problem, "job failed");
                lease::fail(&self.app, lease, &problem).await
            }
            None if started.elapsed() > longest => {
                let message = format!("the job exceeded the time limit of {} s", longest.as_secs());
                lease::fail(&self.app, lease, &Error::unacceptable(message)).await
            }
            None if status == LeaseStatus::Cancelled => {
                tracing::info!(job = id, "job cancelled");
                lease::fail(&self.app, lease, &Error::cancelled()).await
            }
            None => {
                tracing::info!(job = id, "job given back");
                lease::give_back(&self.app, lease).await?;
                Ok(false)
            }
        }
    }

    /// Gathers the inputs of the job and starts a thread, which returns nothing if it was ended from outside.
    async fn begin(
        &self,
        lease: &Lease,
        progress: &Arc<JobProgress>,
    ) -> Result<JoinHandle<Option<Result<Made>>>> {
        let thread = Thread::new(&self.app, lease, progress);
        let app = &self.app;
        let job = &lease.job;
        Ok(if job.kind == Kind::TrainingJob.prefix() {
            let request: TrainingRequest = stored(&job.request)?;
            let keys = located(app, &request.key_set, role::EVALUATION_KEYS).await?;
            let mut parts = Vec::new();
            for part in &request.parts {
                parts.push(located(app, part, role::SAMPLES).await?);
            }
            let checkpoint = rows::file(app.database.pool(), &job.id, role::CHECKPOINT).await?;
            thread.start(move |thread| thread.train(request, &keys, &parts, checkpoint))
        } else {
            let request: ClassificationRequest = stored(&job.request)?;
            let keys = located(app, &request.key_set, role::EVALUATION_KEYS).await?;
            let samples = located(app, &job.id, role::SAMPLES).await?;
            if Kind::Network.begins(&request.model) {
                let network = located(app, &request.model, role::NETWORK).await?;
                let plan = located(app, &request.model, role::PLAN).await?;
                return Ok(thread.start(move |thread| {
                    thread.classify_by_network(request, &keys, [&network, &plan], &samples)
                }));
            }
            let model = located(app, &request.model, role::MODEL).await?;
            thread.start(move |thread| thread.classify(request, &keys, &model, &samples))
        })
    }
}

/// What came of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It is finished.
    Finished,
    /// Another one is, which had its turn before it.
    OtherFinished,
    /// It is not.
    Unfinished,
}

async fn located(app: &App, object: &str, role: &str) -> Result<FileRow> {
    let file = rows::file(app.database.pool(), object, role).await?;
    file.ok_or_else(|| Error::conflict(format!("{object} has been deleted")))
}
