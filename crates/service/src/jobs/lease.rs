//! Claiming, keeping and finishing jobs. Only the holder of a job's lease writes for it.

use serde_json::json;
use sqlx::Row;
use tapetum_client::{Problem, State};

use crate::error::{Error, Result};
use crate::id::{Kind, hex, random};
use crate::job::Job;
use crate::state::App;
use crate::store::audit::{self, Actor};
use crate::store::blobs::Written;
use crate::store::blocking::run_blocking;
use crate::store::db::{Tx, now, to_store};
use crate::store::rows::{FileRow, insert_file, insert_object, remove_files, role, unlink};

/// Who works on a job without a token.
const WORKER: &str = "worker";

/// A job that this worker holds.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The job.
    pub job: Job,
    /// Names the holder, so that nobody else can write for it.
    pub holder: String,
}

/// The outcome of a claim.
#[derive(Debug)]
pub enum Claim {
    /// The job is this worker's.
    Granted(Box<Lease>),
    /// Another worker holds it and renews the lease.
    Held,
    /// There is nothing left to do.
    Finished,
}

/// Takes a job that is queued, or whose worker is dead.
pub async fn claim(app: &App, id: &str) -> Result<Claim> {
    let work = &app.config.work;
    // Names this attempt: an earlier one of the same worker has no more right to the job than another's.
    let holder = hex(&random::<16>()?);
    let row = sqlx::query(
        "UPDATE jobs SET state = 'running', lease = $1, lease_until = $2, started_at = $3, \
         attempts = attempts + 1 WHERE id = $4 AND (state = 'queued' OR \
         (state = 'running' AND lease_until < $3)) RETURNING *",
    )
    .bind(&holder)
    .bind(now() + work.lease.as_millis() as i64)
    .bind(now())
    .bind(id)
    .fetch_optional(app.database.pool())
    .await?;
    let Some(row) = row else {
        let job = Job::find(app.database.pool(), id).await?;
        return Ok(match job {
            Some(job) if !job.state.is_final() => Claim::Held,
            _ => Claim::Finished,
        });
    };
    let job = Job::of(&row)?;
    let cancelled = row.try_get::<i64, _>("cancel")? != 0;
    let lease = Lease { job, holder };
    // Its worker died before it could say so, or died too often.
    let problem = match cancelled {
        true => Error::cancelled(),
        false if lease.job.attempts > work.attempts => Error::abandoned(work.attempts),
        false => return Ok(Claim::Granted(Box::new(lease))),
    };
    fail(app, &lease, &problem).await?;
    Ok(Claim::Finished)
}

/// What a worker learns when it renews its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseStatus {
    /// Go on.
    GoOn,
    /// The job was cancelled.
    Cancelled,
    /// Another worker has the job.
    Lost,
}

/// Renews a lease and records progress.
pub async fn renew(
    app: &App,
    lease: &Lease,
    done: i64,
    total: i64,
    what: &str,
) -> Result<LeaseStatus> {
    let row = sqlx::query(
        "UPDATE jobs SET lease_until = $1, done = $2, total = $3, what = $4 \
         WHERE id = $5 AND lease = $6 AND state = 'running' RETURNING cancel",
    )
    .bind(now() + app.config.work.lease.as_millis() as i64)
    .bind(done)
    .bind(total)
    .bind(what)
    .bind(&lease.job.id)
    .bind(&lease.holder)
    .fetch_optional(app.database.pool())
    .await?;
    app.watched.changed(&lease.job.id);
    Ok(match row {
        None => LeaseStatus::Lost,
        Some(row) if row.try_get::<i64, _>("cancel")? != 0 => LeaseStatus::Cancelled,
        Some(_) => LeaseStatus::GoOn,
    })
}

/// Gives an unfinished job back because the worker stops.
pub async fn give_back(app: &App, lease: &Lease) -> Result<()> {
    sqlx::query(
        "UPDATE jobs SET state = 'queued', lease = '', attempts = attempts - 1 \
         WHERE id = $1 AND lease = $2 AND state = 'running'",
    )
    .bind(&lease.job.id)
    .bind(&lease.holder)
    .execute(app.database.pool())
    .await?;
    app.watched.changed(&lease.job.id);
    Ok(())
}

/// Keeps the state of a training in place of the one before. Since there is progress, the count of attempts starts over.
pub async fn keep(app: &App, lease: &Lease, blob: &str, file: &Written) -> Result<LeaseStatus> {
    let mut tx = app.database.begin().await?;
    let held = sqlx::query(
        "UPDATE jobs SET attempts = 1 WHERE id = $1 AND lease = $2 AND state = 'running'",
    )
    .bind(&lease.job.id)
    .bind(&lease.holder)
    .execute(&mut *tx)
    .await?;
    if held.rows_affected() == 0 {
        return Ok(LeaseStatus::Lost);
    }
    let job = &lease.job;
    let old = remove_files(&mut tx, &job.id, Some(role::CHECKPOINT)).await?;
    let place = (job.id.as_str(), role::CHECKPOINT);
    insert_file(&mut tx, (blob, file), &job.tenant, place).await?;
    tx.commit().await?;
    unlink(&app.blobs, old).await?;
    Ok(LeaseStatus::GoOn)
}

/// The result of a job.
#[derive(Debug)]
pub struct Made {
    /// The id of the file, which has been written.
    pub blob: String,
    /// The file.
    pub file: Written,
    /// Its role.
    pub role: &'static str,
    /// The object that it becomes, with its details; without one the file belongs to the job.
    pub object: Option<(String, serde_json::Value)>,
}

/// Finishes a job with its result. Returns whether it is finished: not if somebody else has it by now.
pub async fn succeed(app: &App, lease: &Lease, made: Made) -> Result<bool> {
    let job = &lease.job;
    let mut tx = app.database.begin().await?;
    let result = made.object.as_ref().map_or("", |(id, _)| id);
    if !finish(&mut tx, lease, State::Succeeded, result, "").await? {
        tx.rollback().await?;
        // The file has no row, so it goes when files are swept; sooner is better.
        let (files, blob) = (app.clone(), made.blob.clone());
        let _ = run_blocking(move || files.blobs.remove(&blob)).await;
        // If the job is still this worker's, it was cancelled at the last moment.
        return fail(app, lease, &Error::cancelled()).await;
    }
    let removed = remove_files(&mut tx, &job.id, None).await?;
    let owner = made.object.as_ref().map_or(&job.id, |(id, _)| id);
    if let Some((id, details)) = &made.object {
        let token = (job.tenant.as_str(), job.token.as_str());
        let kind = (Kind::Model, id.as_str());
        insert_object(&mut tx, token, kind, &job.name, "", details).await?;
    }
    let file = &made.file;
    insert_file(&mut tx, (&made.blob, file), &job.tenant, (owner, made.role)).await?;
    let about = json!({
        "job": job.id, "role": made.role, "bytes": file.bytes, "checksum": file.checksum,
    });
    audit::record(&mut tx, actor(job), "result", owner, &about).await?;
    tx.commit().await?;
    cleaned(app, job, removed).await?;
    Ok(true)
}

/// Ends a job without a result. Returns whether it is ended: not if somebody else has it by now.
pub async fn fail(app: &App, lease: &Lease, problem: &Error) -> Result<bool> {
    let job = &lease.job;
    let mut tx = app.database.begin().await?;
    let is_cancelled = *problem == Error::cancelled();
    let state = if is_cancelled {
        State::Cancelled
    } else {
        State::Failed
    };
    if !finish(
        &mut tx,
        lease,
        state,
        "",
        &to_store(&Problem::from(problem))?,
    )
    .await?
    {
        return Ok(false);
    }
    let removed = remove_files(&mut tx, &job.id, None).await?;
    let about = json!({"state": state, "problem": Problem::from(problem).kind});
    audit::record(&mut tx, actor(job), "end", &job.id, &about).await?;
    tx.commit().await?;
    cleaned(app, job, removed).await?;
    Ok(true)
}

/// What a job needed and nobody else does: samples to classify, checkpoints.
async fn cleaned(app: &App, job: &Job, removed: Vec<FileRow>) -> Result<()> {
    app.watched.changed(&job.id);
    unlink(&app.blobs, removed).await
}

async fn finish(
    tx: &mut Tx,
    lease: &Lease,
    state: State,
    result: &str,
    problem: &str,
) -> Result<bool> {
    let finished = sqlx::query(
        "UPDATE jobs SET state = $1, result = $2, problem = $3, finished_at = $4, lease = '', \
         done = CASE WHEN $1 = 'succeeded' THEN total ELSE done END \
         WHERE id = $5 AND lease = $6 AND state = 'running' AND (cancel = 0 OR $1 <> 'succeeded')",
    )
    .bind(state.name())
    .bind(result)
    .bind(problem)
    .bind(now())
    .bind(&lease.job.id)
    .bind(&lease.holder)
    .execute(&mut **tx)
    .await?;
    Ok(finished.rows_affected() == 1)
}

fn actor(job: &Job) -> Actor<'_> {
    Actor {
        tenant: &job.tenant,
        token: WORKER,
    }
}
