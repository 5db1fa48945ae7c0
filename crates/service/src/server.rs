//! Servers, workers and operators.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioTimer;
use serde_json::json;
use sqlx::Row;
use tapetum_client::{NewToken, Scope};
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::api;
use crate::api::auth::issue;
use crate::api::page::Page;
use crate::backup::{self, BackupError, Manifest};
use crate::config::Config;
use crate::connections::Limited;
use crate::error::StartError;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::jobs::{self, Workers};
use crate::state::{App, Service};
use crate::store::audit::{self, Actor};
use crate::store::db::now;
use crate::store::folder::DataFolder;
use crate::tls::Tls;

/// How long open requests may take when the server shuts down.
const GRACE: Duration = Duration::from_secs(20);
/// How often what has expired is removed.
const SWEEP: Duration = Duration::from_secs(600);
/// How often jobs are looked for whose tasks have been lost.
const REDELIVER: Duration = Duration::from_secs(30);
/// Who acts on the machine itself.
const OPERATOR: &str = "operator";

/// A server that answers requests and works.
#[derive(Debug)]
pub struct Server {
    app: App,
    address: SocketAddr,
    has_page: bool,
    fingerprint: String,
    handle: Handle<SocketAddr>,
    serving: JoinHandle<std::io::Result<()>>,
    sweeping: JoinHandle<()>,
    /// Tells requests of the jobs that they wait for.
    following: JoinHandle<()>,
    workers: Workers,
    metrics: Option<(SocketAddr, JoinHandle<std::io::Result<()>>)>,
    /// Nobody else's as long as the server runs.
    _folder: DataFolder,
}

impl Server {
    /// Starts a server, which listens when this returns. The data folder is made if there is none.
    ///
    /// # Errors
    /// [`StartError`]; a folder that was empty is so again.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let mut folder = DataFolder::open(&config.data)?;
        let tls = Tls::open(&config)?;
        let page = Page::open(&config.page)?;
        let has_page = page.is_some();
        let metrics = config.metrics.map(listen).transpose()?;
        let listener = listen(config.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let app = Service::open(config).await?;
        jobs::sweep(&app).await?;
        jobs::redeliver(&app, Duration::ZERO).await?;

        let handle = Handle::new();
        let config = RustlsConfig::from_config(tls.config);
        // What is not negotiated is not spoken, even if a client begins with it. To find out what it speaks would take
        // as long as it is silent.
        let mut server = axum_server::from_tcp_rustls(listener, config)?
            .http1_only()
            .handle(handle.clone())
            .map(|acceptor| Limited::new(acceptor, app.connections.clone()));
        let mut http = server.http_builder().http1();
        http.timer(TokioTimer::new())
            .header_read_timeout(app.config.limits.head);
        let routes = api::router(app.clone(), page)?.into_make_service();
        let serving = tokio::spawn(server.serve(routes));
        let sweeper = app.clone();
        let sweeping = tokio::spawn(async move {
            let (mut sweep, mut redeliver) = (interval(SWEEP), interval(REDELIVER));
            sweep.reset();
            loop {
                // What failed is in the log, and is tried again.
                tokio::select! {
                    _ = sweep.tick() => drop(jobs::sweep(&sweeper).await),
                    _ = redeliver.tick() => {
                        sweeper.metrics.upkeep();
                        drop(jobs::redeliver(&sweeper, REDELIVER).await);
                    }
                }
            }
        });
        let follower = app.clone();
        let following = tokio::spawn(async move {
            follower.watched.follow(follower.database.pool()).await;
        });
        let workers = Workers::start(&app);
        let metrics = match metrics {
            Some(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                let routes = api::metrics::router(app.clone()).into_make_service();
                let server = axum_server::from_tcp(listener)?.handle(handle.clone());
                Some((address, tokio::spawn(server.serve(routes))))
            }
            None => None,
        };
        folder.keep();
        Ok(Self {
            metrics,
            app,
            address,
            has_page,
            fingerprint: tls.fingerprint,
            handle,
            serving,
            sweeping,
            following,
            workers,
            _folder: folder,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it shows browsers a page, at `/page/`.
    pub fn has_page(&self) -> bool {
        self.has_page
    }

    /// Where metrics are to be had, if they are.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(address, _)| *address)
    }

    /// The fingerprint of its certificate, for clients to pin.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The operator's side.
    pub fn operator(&self) -> Operator {
        Operator {
            app: self.app.clone(),
        }
    }

    /// Shuts down: no new connections, open requests may finish, jobs are given back.
    pub async fn stop(self) {
        self.handle.graceful_shutdown(Some(GRACE));
        self.sweeping.abort();
        self.workers.stop().await;
        let _ = self.serving.await;
        if let Some((_, serving)) = self.metrics {
            let _ = serving.await;
        }
        self.following.abort();
        self.app.close().await;
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| StartError::Listen(address, error))
}

/// Workers in a process of their own, beside a server that uses the same folder and database.
#[derive(Debug)]
pub struct WorkerProcess {
    app: App,
    workers: Workers,
}

impl WorkerProcess {
    /// Starts as many workers as the configuration says.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let app = Service::open(config).await?;
        let workers = Workers::start(&app);
        Ok(Self { app, workers })
    }

    /// Ends them: jobs are given back.
    pub async fn stop(self) {
        self.workers.stop().await;
        self.app.close().await;
    }
}

/// Operations on the server's machine, for those who may read its folder.
#[derive(Clone, Debug)]
pub struct Operator {
    app: App,
}

impl Operator {
    /// Opens the folder and database of a server, which may be running.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(config: Config) -> Result<Self, StartError> {
        let app = Service::open(config).await?;
        Ok(Self { app })
    }

    /// The names of all tenants.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn tenants(&self) -> Result<Vec<String>> {
        let rows = sqlx::query("SELECT name FROM tenants ORDER BY name")
            .fetch_all(self.app.database.pool())
            .await?;
        let name = |row: &sqlx::any::AnyRow| Ok(row.try_get("name")?);
        rows.iter().map(name).collect()
    }

    /// A new tenant with its first token, which is an owner's.
    ///
    /// # Errors
    /// 409 if there is a tenant of this name.
    pub async fn add_tenant(&self, name: &str, quota: Option<u64>) -> Result<NewToken> {
        let is_fit = |name: &str| {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=64).contains(&name.len()) && name.bytes().all(fits)
        };
        if !is_fit(name) {
            let message = "the name of a tenant has 1 to 64 lower-case letters, digits and hyphens";
            return Err(Error::unacceptable(message));
        }
        let mut tx = self.app.database.begin().await?;
        let there: Option<String> = sqlx::query_scalar("SELECT id FROM tenants WHERE name = $1")
            .bind(name)
            .fetch_optional(&mut *tx)
            .await?;
        if there.is_some() {
            return Err(Error::conflict(format!("tenant {name} already exists")));
        }
        let id = Kind::Tenant.new_id()?;
        let quota = quota.unwrap_or(self.app.config.limits.storage_bytes);
        sqlx::query(
            "INSERT INTO tenants (id, name, created_at, storage_quota) VALUES ($1, $2, $3, $4)",
        )
        .bind(&id)
        .bind(name)
        .bind(now())
        .bind(quota.min(i64::MAX as u64) as i64)
        .execute(&mut *tx)
        .await?;
        let token = issue(&mut tx, &id, "first", &[Scope::Owner], 0).await?;
        let actor = Actor {
            tenant: &id,
            token: OPERATOR,
        };
        let about = json!({"name": name, "quota": quota, "token": token.id});
        audit::record(&mut tx, actor, "admit", &id, &about).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// Copies database and files to a new folder, also while the server runs.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is left of a copy that is not whole.
    pub async fn backup(&self, folder: &Path) -> Result<Manifest, BackupError> {
        backup::backup(&self.app, folder).await
    }

    /// Makes a server of a copy, with a folder, a database and a place for files that are empty.
    ///
    /// # Errors
    /// [`BackupError`], also if anything in the copy is not what was copied. Nothing of it is left then, except
    /// empty tables in a database that is not in the folder.
    pub async fn restore(config: Config, folder: &Path) -> Result<Manifest, BackupError> {
        backup::restore(config, folder).await
    }

    /// Verifies the audit log; `known` is the number and hash of a record that were kept elsewhere.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn verify_audit(&self, known: Option<(i64, &str)>) -> Result<audit::Verification> {
        Ok(audit::verify(&self.app.database, known).await?)
    }
}
