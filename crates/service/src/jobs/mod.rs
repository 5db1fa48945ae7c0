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
mod lease;
mod sweep;
mod thread;
mod worker;

use std::time::Duration;

use tapetum_client::State;

use crate::error::Result;
use crate::id::Kind;
use crate::job::Job;
use crate::state::App;
use crate::store::db::{Tx, now};
use crate::store::rows::{FileRow, remove_files};

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
