//! The database: SQLite in the data folder, or PostgreSQL by URL, through the same statements.
//!
//! Statements keep to what both know: text, big integers, `$n`, `RETURNING`. Whatever changes is
//! changed in a transaction that [`Database::begin`] opens, and such transactions run one after the
//! other, so what one has read is still so when it writes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{Any, AnyPool, Executor, Transaction};

use crate::error::{Error, Result};
use crate::id::{hex, random};

/// Statements of the first version of the schema, and of each that came after it.
const MIGRATIONS: [&[&str]; 2] = [
    &[
        "CREATE TABLE tenants (
        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL,
        storage_quota BIGINT NOT NULL)",
        "CREATE TABLE tokens (
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
        scopes TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
        revoked_at BIGINT NOT NULL)",
        "CREATE TABLE uploads (
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, token TEXT NOT NULL, length BIGINT NOT NULL,
        checksum TEXT NOT NULL, metadata TEXT NOT NULL, state TEXT NOT NULL,
        created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL)",
        "CREATE TABLE objects (
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        parent TEXT NOT NULL, details TEXT NOT NULL, token TEXT NOT NULL,
        created_at BIGINT NOT NULL)",
        "CREATE INDEX objects_by_tenant ON objects (tenant, kind, created_at)",
        "CREATE INDEX objects_by_parent ON objects (parent)",
        "CREATE TABLE blobs (
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, object TEXT NOT NULL, role TEXT NOT NULL,
        bytes BIGINT NOT NULL, checksum TEXT NOT NULL, created_at BIGINT NOT NULL)",
        "CREATE INDEX blobs_by_object ON blobs (object)",
        "CREATE INDEX blobs_by_tenant ON blobs (tenant)",
        "CREATE TABLE jobs (
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        token TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL, result TEXT NOT NULL,
        problem TEXT NOT NULL, done BIGINT NOT NULL, total BIGINT NOT NULL, what TEXT NOT NULL,
        attempts BIGINT NOT NULL, lease TEXT NOT NULL, lease_until BIGINT NOT NULL,
        cancel BIGINT NOT NULL, created_at BIGINT NOT NULL, started_at BIGINT NOT NULL,
        finished_at BIGINT NOT NULL)",
        "CREATE INDEX jobs_by_state ON jobs (state, created_at)",
        "CREATE INDEX jobs_by_tenant ON jobs (tenant, kind, created_at)",
        "CREATE TABLE job_inputs (job TEXT NOT NULL, object TEXT NOT NULL, PRIMARY KEY (job, object))",
        "CREATE INDEX job_inputs_by_object ON job_inputs (object)",
        "CREATE TABLE idempotency (
        tenant TEXT NOT NULL, token TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL,
        status BIGINT NOT NULL, body TEXT NOT NULL, location TEXT NOT NULL,
        created_at BIGINT NOT NULL, PRIMARY KEY (tenant, token, key))",
        "CREATE TABLE audit (
        seq BIGINT PRIMARY KEY, at BIGINT NOT NULL, tenant TEXT NOT NULL, token TEXT NOT NULL,
        action TEXT NOT NULL, object TEXT NOT NULL, details TEXT NOT NULL, hash TEXT NOT NULL)",
        "CREATE TABLE audit_head (id BIGINT PRIMARY KEY, seq BIGINT NOT NULL, hash TEXT NOT NULL)",
        "INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '')",
    ],
    // Names the database, so that files are not taken for those of another.
    &["CREATE TABLE identity (id TEXT PRIMARY KEY)"],
];

/// Connections of a server; more would only wait for each other.
const CONNECTIONS: u32 = 8;
/// How long a statement waits for others to be done, and a request for a connection.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A transaction.
pub type Tx = Transaction<'static, Any>;

/// The database.
#[derive(Clone, Debug)]
pub struct Database {
    pool: AnyPool,
    /// One connection, for which transactions that write wait in line.
    writer: AnyPool,
    is_sqlite: bool,
}

impl Database {
    /// Opens a database by its URL, `sqlite:PATH` or `postgres://...`, and brings its schema up to date.
    ///
    /// # Errors
    /// Those of the database, and one for a database of a newer version.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        install_drivers_once();
        let is_sqlite = url.starts_with("sqlite:");
        let options = |connections| {
            AnyPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(PATIENCE)
                .after_connect(move |connection, _| {
                    Box::pin(async move {
                        if is_sqlite {
                            // Readers beside one writer, and nothing that was committed is lost even
                            // if the machine loses its power.
                            connection
                                .execute(
                                    "PRAGMA busy_timeout = 20000; PRAGMA journal_mode = WAL; \
                                 PRAGMA synchronous = FULL",
                                )
                                .await?;
                        } else {
                            // Nobody waits for ever, and a process that stands still in the
                            // middle of a transaction does not keep the others from theirs.
                            connection
                                .execute(
                                    "SET lock_timeout = '20s'; \
                                 SET idle_in_transaction_session_timeout = '60s'",
                                )
                                .await?;
                        }
                        Ok(())
                    })
                })
        };
        let database = Self {
            writer: options(1).connect(url).await?,
            pool: options(CONNECTIONS).connect(url).await?,
            is_sqlite,
        };
        database.migrate().await?;
        Ok(database)
    }

    /// The pool, for reading.
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Opens a transaction that writes. It waits until no other is open, so nothing may wait for another
    /// transaction while it has one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin(&self) -> Result<Tx, sqlx::Error> {
        if self.is_sqlite {
            return self.writer.begin_with("BEGIN IMMEDIATE").await;
        }
        let mut tx = self.writer.begin().await?;
        // The lock of this row stands for all others.
        sqlx::query("SELECT seq FROM audit_head WHERE id = 1 FOR UPDATE")
            .execute(&mut *tx)
            .await?;
        Ok(tx)
    }

    /// Whether the database answers.
    pub async fn is_ready(&self) -> bool {
        let ask = sqlx::query_scalar::<_, i64>("SELECT seq FROM audit_head WHERE id = 1");
        ask.fetch_one(&self.pool).await.is_ok()
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.pool.close().await;
        self.writer.close().await;
    }

    async fn migrate(&self) -> Result<(), sqlx::Error> {
        let identity = random::<16>().map_err(|e| sqlx::Error::Configuration(Box::new(e)))?;
        let identity = hex(&identity);
        let mut tx = match self.is_sqlite {
            true => self.writer.begin_with("BEGIN IMMEDIATE").await?,
            false => {
                let mut tx = self.writer.begin().await?;
                // Two servers that start at once would make the tables twice.
                sqlx::query("SELECT CAST(pg_advisory_xact_lock(7491) AS TEXT)")
                    .execute(&mut *tx)
                    .await?;
                tx
            }
        };
        sqlx::query("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)")
            .execute(&mut *tx)
            .await?;
        let newest: Option<i64> =
            sqlx::query_scalar("SELECT version FROM schema_version ORDER BY version DESC LIMIT 1")
                .fetch_optional(&mut *tx)
                .await?;
        let newest = newest.unwrap_or(0) as usize;
        if newest > MIGRATIONS.len() {
            let message = format!(
                "the database has version {newest}, this program knows versions up to {}",
                MIGRATIONS.len()
            );
            return Err(sqlx::Error::Configuration(message.into()));
        }
        for (index, statements) in MIGRATIONS.iter().enumerate().skip(newest) {
            for &statement in *statements {
                sqlx::query(statement).execute(&mut *tx).await?;
            }
            sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
                .bind(index as i64 + 1)
                .execute(&mut *tx)
                .await?;
        }
        sqlx::query(
            "INSERT INTO identity (id) SELECT CAST($1 AS TEXT) \
             WHERE NOT EXISTS (SELECT 1 FROM identity)",
        )
        .bind(identity)
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    /// What names the database.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn identity(&self) -> Result<String, sqlx::Error> {
        sqlx::query_scalar("SELECT id FROM identity")
            .fetch_one(&self.pool)
            .await
    }
}

/// Drivers are installed for the whole process.
fn install_drivers_once() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(install_default_drivers);
}

/// Milliseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// JSON that this program has written itself.
pub fn stored<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| Error::internal("a stored document", e))
}

/// A document to be stored.
pub fn to_store(document: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(document).map_err(|e| Error::internal("a document to store", e))
}
