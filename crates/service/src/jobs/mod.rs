//! Jobs: rows of the database, and tasks in a queue that hand them to workers.
//!
//! A job, the files that it needs and makes, the tenant's quota and the audit log change together in one
//! transaction, so all that is true of a job is in its row. Which worker looks after it, and when, is the business of
//! a job-queue library ([`Tasks`](crate::store::queue::Tasks)), whose tables are not part of that transaction: the task is made after the job
//! ([`deliver`]), and made up for if the server dies in between ([`redeliver`]); a task is done only when the row says
//! that the job is. A task may be handed over twice, therefore: a worker begins only if it gets the lease of the job,
//! which it renews while it works, and only the holder of the lease can write a result.
//!
//! If a worker dies, its lease runs out and its tasks are handed to another, which starts again from the last
//! checkpoint if the training keeps any.

mod compute;
mod keys;
mod lease;
mod sweep;
mod thread;
mod worker;

use std::time::Duration;

use sqlx::Row;
use sqlx::any::AnyRow;
use tapetum_client::{JobView, ProgressView, State};

use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;
use crate::store::db::{Tx, now, stored};
use crate::store::rows::{FileRow, remove_files};

pub use keys::KeyCache;
pub use sweep::sweep;
pub use worker::Workers;

/// Hands a new job to the workers.
pub async fn deliver(app: &App, job: &Job) {
    // If this fails, the log says so, and the job is among those that are delivered later.
    let _ = app.tasks.push(&job.kind, &job.id, job.created_at).await;
}

/// Hands jobs to the workers that are this old and have no task: the server died before it made one, or the queue is
/// new or not the one that it was.
pub async fn redeliver(app: &App, age: Duration) -> Result<()> {
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

/// The job that is to be worked on for this one, unless it no longer waits. Of trainings that is one of the tenant
/// whose last training began longest ago: who has many of them goes in turn with those who have one. Classifications are
/// short, and go in the order in which they came.
async fn next_in_turn(app: &App, id: &str) -> Result<Option<Job>> {
    let pool = app.database.pool();
    let job = Job::find(pool, id).await?;
    let Some(job) = job.filter(|job| job.state == State::Queued) else {
        return Ok(None);
    };
    if job.kind != Kind::TrainingJob.prefix() {
        return Ok(Some(job));
    }
    let first = sqlx::query(
        "SELECT * FROM jobs j WHERE kind = $1 AND state = 'queued' ORDER BY \
         (SELECT MAX(o.started_at) FROM jobs o WHERE o.tenant = j.tenant AND o.kind = j.kind), \
         created_at, id LIMIT 1",
    )
    .bind(&job.kind)
    .fetch_optional(pool)
    .await?;
    first.as_ref().map(Job::of).transpose()
}

/// Removes a job that is finished, with all that is kept of it. Nothing if there is none.
pub async fn remove(tx: &mut Tx, id: &str) -> Result<Option<Vec<FileRow>>> {
    let finished = "DELETE FROM jobs WHERE id = $1 AND state NOT IN ('queued', 'running')";
    let removed = sqlx::query(finished).bind(id).execute(&mut **tx).await?;
    if removed.rows_affected() == 0 {
        return Ok(None);
    }
    sqlx::query("DELETE FROM job_inputs WHERE job = $1")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    remove_files(tx, id, None).await.map(Some)
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

impl Job {
    /// The job of this id, whosever it is.
    pub async fn find<'e>(
        executor: impl sqlx::Executor<'e, Database = sqlx::Any>,
        id: &str,
    ) -> Result<Option<Self>> {
        let row = sqlx::query("SELECT * FROM jobs WHERE id = $1")
            .bind(id)
            .fetch_optional(executor)
            .await?;
        row.as_ref().map(Self::of).transpose()
    }

    /// From a row with all columns.
    pub fn of(row: &AnyRow) -> Result<Self> {
        let state: String = row.try_get("state")?;
        let state = State::ALL.into_iter().find(|s| s.name() == state);
        Ok(Self {
            id: row.try_get("id")?,
            tenant: row.try_get("tenant")?,
            kind: row.try_get("kind")?,
            token: row.try_get("token")?,
            state: state.ok_or_else(|| Error::internal("a job", "it has no such state"))?,
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

    /// Its document.
    pub fn view(&self) -> Result<JobView> {
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
