//! Jobs: rows of the database, and tasks in a queue that hand them to workers.
//!
//! A job, the files that it needs and makes, the tenant's quota and the audit log change together in one
//! transaction, so all that is true of a job is in its row. Which worker looks after it, and when, is the business of
//! a job-queue library ([`Tasks`]), whose tables are not part of that transaction: the task is made after the job
//! ([`deliver`]), and made up for if the server dies in between ([`redeliver`]); a task is done only when the row says
//! that the job is. A task may be handed over twice, therefore: a worker begins only if it gets the lease of the job,
//! which it renews while it works, and only the holder of the lease can write a result.
//!
//! If a worker dies, its lease runs out and its tasks are handed to another, which begins anew, from the last
//! checkpoint if the training keeps any.

mod compute;
mod keys;
mod lease;
mod tasks;
mod thread;
mod worker;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;
use tapetum_learn::{ScoreThreshold, TrainingSpec};

use crate::db::{now, stored};
use crate::error::{Answer, Problem};
use crate::state::App;

pub use tasks::Tasks;
pub use worker::Workers;

/// Hands a new job to the workers.
pub async fn deliver(app: &App, job: &Job) {
    // If this fails, the log says so, and the job is among those that are delivered later.
    let _ = app.tasks.push(&job.kind, &job.id, job.created_at).await;
}

/// Hands jobs to the workers that are this old and have no task: the server died before it made one, or the queue is
/// new or not the one that it was.
pub async fn redeliver(app: &App, age: Duration) -> Answer<()> {
    let jobs: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT id, kind, created_at FROM jobs WHERE state IN ('queued', 'running') \
         AND created_at <= $1 ORDER BY created_at, id",
    )
    .bind(now() - age.as_millis() as i64)
    .fetch_all(app.database.pool())
    .await?;
    if jobs.is_empty() {
        return Ok(());
    }
    let known = app.tasks.known().await?;
    for (id, kind, created_at) in jobs.iter().filter(|(id, ..)| !known.contains(id)) {
        app.tasks.push(kind, id, *created_at).await?;
    }
    Ok(())
}

/// What a training works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrainingRequest {
    /// The id of the data set.
    pub data_set: String,
    /// The id of the key set.
    pub key_set: String,
    /// The id of the parameter set.
    pub parameter_set: String,
    /// How to train.
    pub recipe: TrainingSpec,
    /// The ids of the parts, in order.
    pub parts: Vec<String>,
    /// The number of samples in them.
    pub samples: usize,
}

/// What a classification works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClassificationRequest {
    /// The id of the model.
    pub model: String,
    /// The id of the key set.
    pub key_set: String,
    /// The id of the parameter set.
    pub parameter_set: String,
    /// How scores become verdicts, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<ScoreThreshold>,
    /// The number of samples.
    pub samples: usize,
}

/// How a job is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It waits for a worker.
    Queued,
    /// A worker is at it.
    Running,
    /// Its result is there.
    Succeeded,
    /// It cannot be done.
    Failed,
    /// It is not wanted any longer.
    Cancelled,
}

impl State {
    const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it stays as it is.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A job as the database has it.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// The id of its tenant.
    pub tenant: String,
    /// The prefix of its kind.
    pub kind: String,
    /// The id of the token that made it.
    pub token: String,
    /// How it is doing.
    pub state: State,
    /// How often it was begun.
    pub attempts: i64,
    /// What it works on, as JSON.
    pub request: String,
    name: String,
    result: String,
    problem: String,
    progress: ProgressView,
    created_at: i64,
    started_at: i64,
    finished_at: i64,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressView {
    /// Units that are done.
    pub done: i64,
    /// Units in all; 0 as long as that is not known.
    pub total: i64,
    /// What has just been done.
    pub what: String,
}

/// A job as it is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// Its name, in words of whoever made it.
    pub name: String,
    /// The id of the token that made it.
    pub token: String,
    /// How it is doing.
    pub state: State,
    /// How far it is.
    pub progress: ProgressView,
    /// How often it was begun: more than once if workers died.
    pub attempts: i64,
    /// What it works on.
    pub request: Value,
    /// The id of the model, of a training that has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Why it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was begun last; 0 before that.
    pub started_at: i64,
    /// When it was finished; 0 before that.
    pub finished_at: i64,
}

impl Job {
    /// The job of this id, whosever it is.
    pub async fn find<'e>(
        executor: impl sqlx::Executor<'e, Database = sqlx::Any>,
        id: &str,
    ) -> Answer<Option<Self>> {
        let row = sqlx::query("SELECT * FROM jobs WHERE id = $1")
            .bind(id)
            .fetch_optional(executor)
            .await?;
        row.as_ref().map(Self::of).transpose()
    }

    /// From a row with all columns.
    pub fn of(row: &AnyRow) -> Answer<Self> {
        let state: String = row.try_get("state")?;
        let state = State::ALL.into_iter().find(|s| s.name() == state);
        Ok(Self {
            id: row.try_get("id")?,
            tenant: row.try_get("tenant")?,
            kind: row.try_get("kind")?,
            token: row.try_get("token")?,
            state: state.ok_or_else(|| Problem::internal("a job", "it has no such state"))?,
            attempts: row.try_get("attempts")?,
            request: row.try_get("request")?,
            name: row.try_get("name")?,
            result: row.try_get("result")?,
            problem: row.try_get("problem")?,
            progress: ProgressView {
                done: row.try_get("done")?,
                total: row.try_get("total")?,
                what: row.try_get("what")?,
            },
            created_at: row.try_get("created_at")?,
            started_at: row.try_get("started_at")?,
            finished_at: row.try_get("finished_at")?,
        })
    }

    /// As it is told.
    pub fn view(&self) -> Answer<JobView> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(JobView {
            id: self.id.clone(),
            name: self.name.clone(),
            token: self.token.clone(),
            state: self.state,
            progress: self.progress.clone(),
            attempts: self.attempts,
            request: stored(&self.request)?,
            result: some(&self.result),
            problem: some(&self.problem).as_deref().map(stored).transpose()?,
            created_at: self.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
        })
    }
}
