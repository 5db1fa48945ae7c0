//! What all requests and workers of a process share.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use sqlx::Row;
use tapetum_ckks::Parameters;
use tokio::sync::{Notify, Semaphore};

use crate::api::jobs::remove as remove_job;
use crate::api::objects::unlink;
use crate::audit::{self, Actor};
use crate::blobs::Blobs;
use crate::config::Config;
use crate::content::Caps;
use crate::db::{Database, now};
use crate::error::{Error, Result};
use crate::jobs::Tasks;
use crate::limiter::Limiter;
use crate::metrics::Metrics;

/// Files without a row may be on their way to one for so long.
const SWEEP_AGE: Duration = Duration::from_secs(3600);

/// How long tokens are listed that are not valid any longer.
const TOKEN_MEMORY: Duration = Duration::from_secs(24 * 3600);

/// Parameters that are kept, with their tables.
const KEPT_PARAMETERS: usize = 8;

/// Jobs that are removed in one transaction.
const EXPIRED_AT_ONCE: i64 = 100;
/// Who acts because it is time.
const SERVER: &str = "server";

/// The shared state.
pub type App = Arc<Service>;

/// See [`App`].
#[derive(Debug)]
pub struct Service {
    /// What the operator has set.
    pub config: Config,
    /// The database.
    pub database: Database,
    /// What hands jobs to workers.
    pub tasks: Tasks,
    /// The files.
    pub blobs: Blobs,
    /// How often tokens ask.
    pub limiter: Limiter,
    /// What operators watch.
    pub metrics: Metrics,
    /// Requests that may be served at a time.
    pub requests: Semaphore,
    /// Uploads that may be looked into at a time.
    pub checks: Semaphore,
    /// Streams of events that may be open at a time.
    pub streams: Arc<Semaphore>,
    /// Told when a job of this process has got further.
    pub changed: Notify,
    /// Parameters that were used last, by the ids of their sets.
    parameters: Mutex<Vec<(String, Parameters)>>,
    /// Uploads that a request writes to.
    in_use: Mutex<HashSet<String>>,
}

/// Why a server or worker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file system refused.
    #[error("the data folder cannot be used")]
    Folder(#[from] io::Error),
    /// The place for files refused.
    #[error("the files cannot be used: {0}")]
    Files(io::Error),
    /// The address is not to be had.
    #[error("cannot listen at {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// Another server uses the folder.
    #[error("another server uses this data folder: stop it first")]
    InUse,
    /// The database refused.
    #[error("the database cannot be used")]
    Database(#[from] sqlx::Error),
    /// The certificate cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
    /// The folder of the browser's page is none.
    #[error(
        "{0} is no folder of the browser's page ({1}): make it with `cargo run -p xtask --features page -- page`"
    )]
    Page(PathBuf, String),
    /// Something else failed, and the log has more about it.
    #[error(transparent)]
    Other(#[from] Error),
}

impl Service {
    /// Opens the data folder and the database.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(config: Config) -> Result<App, StartError> {
        let database = Database::open(&config.database_url()).await?;
        let tasks = Tasks::open(&config, &database).await?;
        let identity = database.identity().await?;
        let (data, store, cache) = (config.data.clone(), config.store.clone(), config.work.cache);
        let opened = run_blocking(move || {
            let blobs = Blobs::open(&data, store.as_deref(), cache)?;
            blobs.claim(&identity)?;
            Ok(blobs)
        });
        let blobs = opened.await?.map_err(StartError::Files)?;
        let limits = &config.limits;
        Ok(Arc::new(Self {
            limiter: Limiter::new(
                limits.requests_per_second,
                limits.burst,
                limits.requests_of_tenant,
            ),
            metrics: Metrics::default(),
            requests: Semaphore::new(limits.concurrent_requests),
            checks: Semaphore::new(limits.concurrent_checks),
            streams: Arc::new(Semaphore::new(limits.concurrent_requests)),
            changed: Notify::new(),
            parameters: Mutex::default(),
            in_use: Mutex::default(),
            config,
            database,
            tasks,
            blobs,
        }))
    }

    /// Ends all connections to the database.
    pub async fn close(&self) {
        self.tasks.close().await;
        self.database.close().await;
    }

    /// What objects may be at most.
    pub fn caps(&self) -> Caps {
        Caps {
            log_n: self.config.limits.log_n,
            bundle_bytes: self.config.limits.bundle_bytes,
        }
    }

    /// The parameters of this set, made unless they are there.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn parameters(
        &self,
        set: &str,
        make: impl FnOnce() -> Result<Parameters>,
    ) -> Result<Parameters> {
        let lock = || {
            self.parameters
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some((_, found)) = lock().iter().find(|(id, _)| id == set) {
            return Ok(found.clone());
        }
        let made = make()?;
        let mut kept = lock();
        if kept.len() >= KEPT_PARAMETERS {
            kept.remove(0);
        }
        kept.push((set.to_owned(), made.clone()));
        Ok(made)
    }

    /// Claims an upload for the one request that writes to it.
    ///
    /// # Errors
    /// 423 if another request does.
    pub fn claim(self: &Arc<Self>, upload: &str) -> Result<Claim> {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        match in_use.insert(upload.to_owned()) {
            true => Ok(Claim {
                app: self.clone(),
                upload: upload.to_owned(),
            }),
            false => Err(Error::locked(
                "another request writes to this upload; try again",
            )),
        }
    }

    /// Removes jobs that were finished long ago, with their files.
    ///
    /// # Errors
    /// Those of the database and the file system.
    async fn expire_jobs(self: &Arc<Self>) -> Result<()> {
        let Some(life) = self.config.limits.job_life else {
            return Ok(());
        };
        let before = now().saturating_sub(i64::try_from(life.as_millis()).unwrap_or(i64::MAX));
        loop {
            let mut tx = self.database.begin().await?;
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
                files.extend(remove_job(&mut tx, &id).await?.unwrap_or_default());
                let actor = Actor {
                    tenant: &tenant,
                    token: SERVER,
                };
                audit::record(&mut tx, actor, "expire", &id, &json!({})).await?;
            }
            tx.commit().await?;
            unlink(self, files).await?;
        }
    }

    /// Removes uploads that have expired, answers that need not be remembered any longer, tasks that are done, and
    /// files without a row.
    ///
    /// # Errors
    /// Those of the database and the file system.
    pub async fn sweep(self: &Arc<Self>) -> Result<()> {
        self.expire_jobs().await?;
        self.tasks.sweep().await?;
        let pool = self.database.pool();
        let expired: Vec<String> =
            sqlx::query_scalar("DELETE FROM uploads WHERE expires_at < $1 RETURNING id")
                .bind(now())
                .fetch_all(pool)
                .await?;
        let life = self.config.limits.idempotency_life.as_millis() as i64;
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
        let app = self.clone();
        let swept = move || {
            for upload in expired {
                app.blobs.remove_staged(&upload)?;
            }
            app.blobs.sweep(&known, SWEEP_AGE)
        };
        let removed = run_blocking(swept).await?;
        let removed = removed.map_err(|e| Error::internal("sweeping files", e))?;
        if removed > 0 {
            tracing::info!(removed, "removed files that belonged to nothing");
        }
        Ok(())
    }
}

/// The right to write to an upload.
#[derive(Debug)]
pub struct Claim {
    app: App,
    upload: String,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut in_use = self
            .app
            .in_use
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        in_use.remove(&self.upload);
    }
}

/// Runs what computes or waits for files on a thread of its own.
///
/// # Errors
/// 500 if it panics, which the log tells of.
pub async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let ran = tokio::task::spawn_blocking(work).await;
    ran.map_err(|e| Error::internal("a computation", e))
}
