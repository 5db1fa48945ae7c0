//! The database: SQLite in the data folder, or PostgreSQL by URL, through the same statements.
//!
//! Statements keep to what both know: text, big integers, `$n`, `RETURNING`. Whatever changes is
//! changed in a transaction that [`Database::begin`] opens, and such transactions run one after the
//! other, so what one has read is still so when it writes.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{Any, AnyPool, Executor, Transaction};

use super::upgrade;
use crate::error::{Error, Result, StartError};
use crate::id::{hex, random};

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
    /// Opens a database by its URL, `sqlite:PATH` or `postgres://...`, and brings its schema up to date; one of an
    /// earlier version is copied before, into the folder `data` if it is a file.
    ///
    /// # Errors
    /// Those of the database, and [`StartError::Newer`].
    pub async fn open(url: &str, data: &Path) -> Result<Self, StartError> {
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
        database.migrate(data).await?;
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

    async fn migrate(&self, data: &Path) -> Result<(), StartError> {
        let identity = hex(&random::<16>()?);
        let mut migrator = sqlx::migrate!();
        let is_pending = upgrade::is_pending(&self.pool, &migrator).await?;
        if is_pending && self.is_sqlite {
            upgrade::copy_file(&self.writer, &migrator, data).await?;
        }
        let mut tx = if self.is_sqlite {
            self.writer.begin_with("BEGIN IMMEDIATE").await?
        } else {
            let mut tx = self.writer.begin().await?;
            // Two servers that start at once would make the tables twice.
            sqlx::query("SELECT CAST(pg_advisory_xact_lock(7491) AS TEXT)")
                .execute(&mut *tx)
                .await?;
            tx
        };
        if is_pending && !self.is_sqlite {
            upgrade::copy_tables(&mut tx, &migrator).await?;
        }
        // Nobody else migrates as long as this transaction is open.
        let migrated = migrator.set_locking(false).run(&mut *tx).await;
        migrated.map_err(sqlx::Error::from)?;
        upgrade::sign(&mut tx, now()).await?;
        sqlx::query(
            "INSERT INTO identity (id) SELECT CAST($1 AS TEXT) \
             WHERE NOT EXISTS (SELECT 1 FROM identity)",
        )
        .bind(identity)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
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

/// A folder for a test, and the address of a database in it.
#[cfg(test)]
fn temporary_folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("db").display());
    (folder, url)
}

/// A database for a test, and the folder that it is in.
#[cfg(test)]
pub async fn temporary() -> (tempfile::TempDir, Database) {
    let (folder, url) = temporary_folder();
    let database = Database::open(&url, folder.path()).await.unwrap();
    (folder, database)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn databases_from_before_migrations_were_counted_are_opened() {
        let (folder, url) = temporary_folder();
        install_drivers_once();
        let old = AnyPool::connect(&url).await.unwrap();
        let statements = include_str!("../../tests/database-2.sql");
        old.execute(sqlx::raw_sql(statements)).await.unwrap();
        old.close().await;

        for _ in 0..2 {
            let database = Database::open(&url, folder.path()).await.unwrap();
            let found: (String, String, i64) =
                sqlx::query_as("SELECT t.name, a.hash, a.seq FROM tenants t, audit_head a")
                    .fetch_one(database.pool())
                    .await
                    .unwrap();
            assert_eq!(found, ("first".to_owned(), "f00d".to_owned(), 7));
            let identity = database.identity().await.unwrap();
            assert_eq!(identity, "0123456789abcdef0123456789abcdef");
            database.close().await;
        }
        // It was copied before it was changed, once.
        let copies: Vec<_> = std::fs::read_dir(folder.path().join("upgrades"))
            .unwrap()
            .collect();
        assert_eq!(copies.len(), 1);
        let copy = copies[0].as_ref().unwrap();
        assert_eq!(copy.file_name(), "service-before-4.db");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        let copy = AnyPool::connect(&format!("sqlite:{}", copy.path().display()))
            .await
            .unwrap();
        let name: String = sqlx::query_scalar("SELECT name FROM tenants")
            .fetch_one(&copy)
            .await
            .unwrap();
        assert_eq!(name, "first");
        assert!(
            sqlx::query("SELECT * FROM programs")
                .fetch_all(&copy)
                .await
                .is_err()
        );
        copy.close().await;
        // One of a newer version is refused, and says which.
        let newer = AnyPool::connect(&url).await.unwrap();
        let migration = "INSERT INTO _sqlx_migrations \
                         SELECT 99, description, installed_on, success, checksum, execution_time \
                         FROM _sqlx_migrations WHERE version = 2";
        newer.execute(migration).await.unwrap();
        newer.close().await;
        let refused = Database::open(&url, folder.path()).await.unwrap_err();
        assert!(
            matches!(&refused, StartError::Newer(version) if version == env!("CARGO_PKG_VERSION"))
        );
    }
}
