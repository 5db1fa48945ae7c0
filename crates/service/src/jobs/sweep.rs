//! Removing what has expired or belongs to nothing.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;
use sqlx::Row;

use super::remove;
use crate::error::{Error, Result};
use crate::state::App;
use crate::store::audit::{self, Actor};
use crate::store::blocking::run_blocking;
use crate::store::db::now;
use crate::store::rows::unlink;

/// How long a file without a row may still be waiting for it.
const SWEEP_AGE: Duration = Duration::from_secs(3600);

/// How long expired and revoked tokens are listed.
const TOKEN_MEMORY: Duration = Duration::from_secs(24 * 3600);

/// Jobs that are removed in one transaction.
const EXPIRED_AT_ONCE: i64 = 100;
/// The actor of what expires.
const SERVER: &str = "server";

/// Removes uploads that have expired, answers that need not be remembered any longer, tasks that are done, and
/// files without a row.
///
/// # Errors
/// Those of the database and the file system.
pub async fn sweep(app: &App) -> Result<()> {
    expire_jobs(app).await?;
    app.tasks.sweep().await?;
    let pool = app.database.pool();
    let expired: Vec<String> =
        sqlx::query_scalar("DELETE FROM uploads WHERE expires_at < $1 RETURNING id")
            .bind(now())
            .fetch_all(pool)
            .await?;
    let life = app.config.limits.idempotency_life.as_millis() as i64;
    sqlx::query("DELETE FROM idempotency WHERE created_at < $1")
        .bind(now() - life)
        .execute(pool)
        .await?;
    let forgotten = now() - TOKEN_MEMORY.as_millis() as i64;
    sqlx::query(
        "DELETE FROM tokens WHERE (revoked_at > 0 AND revoked_at < $1) \
         OR (expires_at > 0 AND expires_at < $1)",
    )
    .bind(forgotten)
    .execute(pool)
    .await?;
    let mut known = HashSet::new();
    for statement in ["SELECT id FROM blobs", "SELECT id FROM uploads"] {
        let rows = sqlx::query(statement).fetch_all(pool).await?;
        for row in rows {
            known.insert(row.try_get::<String, _>("id")?);
        }
    }
    let files = app.blobs.clone();
    let swept = move || {
        for upload in expired {
            files.remove_staged(&upload)?;
        }
        files.sweep(&known, SWEEP_AGE)
    };
    let removed = run_blocking(swept).await?;
    let removed = removed.map_err(|e| Error::internal("sweeping files", e))?;
    if removed > 0 {
        tracing::info!(removed, "removed files that belonged to nothing");
    }
    Ok(())
}

/// Removes jobs that were finished long ago, with their files.
///
/// # Errors
/// Those of the database and the file system.
async fn expire_jobs(app: &App) -> Result<()> {
    let Some(life) = app.config.limits.job_life else {
        return Ok(());
    };
    let before = now().saturating_sub(i64::try_from(life.as_millis()).unwrap_or(i64::MAX));
    loop {
        let mut tx = app.database.begin().await?;
        let old = sqlx::query(
            "SELECT id, tenant FROM jobs WHERE finished_at > 0 AND finished_at < $1 LIMIT $2",
        )
        .bind(before)
        .bind(EXPIRED_AT_ONCE)
        .fetch_all(&mut *tx)
        .await?;
        if old.is_empty() {
            return Ok(());
        }
        let mut files = Vec::new();
        for row in &old {
            let (id, tenant): (String, String) = (row.try_get("id")?, row.try_get("tenant")?);
            files.extend(remove(&mut tx, &id).await?.unwrap_or_default());
            let actor = Actor {
                tenant: &tenant,
                token: SERVER,
            };
            audit::record(&mut tx, actor, "expire", &id, &json!({})).await?;
        }
        tx.commit().await?;
        unlink(&app.blobs, files).await?;
    }
}
