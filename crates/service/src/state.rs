//! The state that requests and workers of a process share.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use tapetum_ckks::{Parameters, limit_idle_buffers};
use tokio::sync::{Notify, Semaphore};

use crate::computing::Computing;
use crate::config::Config;
use crate::connections::Connections;
use crate::error::{Error, Result, StartError};
use crate::key_cache::KeyCache;
use crate::limiter::Limiter;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::network_cache::NetworkCache;
use crate::store::blobs::Blobs;
use crate::store::blocking::run_blocking;
use crate::store::content::Caps;
use crate::store::db::Database;
use crate::store::files::protect;
use crate::store::queue::Tasks;
use crate::token_cache::TokenCache;
use crate::watched::Watched;

/// Parameters that are kept, with their tables.
const KEPT_PARAMETERS: usize = 8;

/// The shared state.
pub type App = Arc<Service>;

/// See [`App`].
#[derive(Debug)]
pub struct Service {
    /// What the operator has set.
    pub config: Config,
    /// The database.
    pub database: Database,
    /// The queue that hands jobs to workers.
    pub tasks: Tasks,
    /// The files.
    pub blobs: Blobs,
    /// Request rates.
    pub limiter: Limiter,
    /// Connections.
    pub connections: Arc<Connections>,
    /// Metrics.
    pub metrics: Metrics,
    /// Requests without a valid token that may be served at a time.
    pub requests: Arc<Semaphore>,
    /// Memory for checks and jobs.
    pub memory: Memory,
    /// Threads for checks and jobs.
    pub computing: Computing,
    /// Evaluation keys that jobs use.
    pub keys: KeyCache,
    /// The network that jobs have used last.
    pub networks: NetworkCache,
    /// Jobs that requests wait for.
    pub watched: Arc<Watched>,
    /// Tokens that were valid a moment ago.
    pub tokens: TokenCache,
    /// Parameters that were used last, by the ids of their sets.
    parameters: Mutex<Vec<(String, Parameters)>>,
    /// Uploads that a request writes to, and what ends it.
    in_use: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Service {
    /// Opens the data folder and the database.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(config: Config) -> Result<App, StartError> {
        let (folder, has_databases) = (config.data.clone(), config.database.is_none());
        let protected = run_blocking(move || protect(&folder, has_databases));
        protected.await?.map_err(StartError::Folder)?;
        let database = Database::open(&config.database_url(), &config.data).await?;
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
        let memory = Memory::new(&config);
        let threads = config.work.jobs + memory.checks.at_once();
        let computing = Computing::new(threads).map_err(StartError::Threads)?;
        limit_idle_buffers(memory.idle);
        Ok(Arc::new(Self {
            limiter: Limiter::new(
                limits.requests_per_second,
                limits.burst,
                (limits.requests_of_tenant, limits.concurrent_requests),
                (limits.waiting_of_tenant, limits.waiting_requests),
            ),
            connections: Connections::new(limits),
            metrics: Metrics::new(config.metrics.is_some()),
            requests: Arc::new(Semaphore::new(limits.concurrent_requests)),
            keys: KeyCache::new(memory.keys, config.work.jobs + 1),
            networks: NetworkCache::new(memory.networks),
            memory,
            computing,
            watched: Arc::default(),
            tokens: TokenCache::default(),
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
            expanded_bytes: self.memory.trainings.bytes(),
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
        match in_use.entry(upload.to_owned()) {
            Entry::Occupied(_) => Err(Error::locked(
                "another request is writing to this upload: try again",
            )),
            Entry::Vacant(free) => Ok(Claim {
                app: self.clone(),
                upload: upload.to_owned(),
                discarded: free.insert(Arc::default()).clone(),
            }),
        }
    }

    /// Ends the request that writes to an upload, if there is one.
    pub fn interrupt(&self, upload: &str) {
        let in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(discarded) = in_use.get(upload) {
            discarded.notify_one();
        }
    }
}

/// The right to write to an upload.
#[derive(Debug)]
pub struct Claim {
    app: App,
    upload: String,
    /// Notified when somebody else has discarded the upload.
    pub discarded: Arc<Notify>,
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
