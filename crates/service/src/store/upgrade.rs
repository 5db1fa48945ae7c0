//! Databases of other versions of the program. One of an earlier version is copied before it is changed, one of a later
//! version is refused.
//!
//! ```text
//! upgrades/service-before-4.db    SQLite: the database as it was before the change of this number
//! tapetum_before_4.*              PostgreSQL: a schema with its tables as they were
//! ```
//!
//! Accepted files never change, so that the copy and the files are what the earlier version had.

use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Executor};

use super::files::{create_private_dir, create_private_file, sync_dir};
use crate::error::StartError;
use crate::id::{hex, random};

/// The folder of copies.
const COPIES: &str = "upgrades";

/// The number of the change up to which a database has come: nothing if there is none yet.
async fn reached(pool: &AnyPool) -> Option<i64> {
    let newest = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations");
    if let Ok(Some(version)) = newest.fetch_one(pool).await {
        return Some(version);
    }
    // From before changes were counted.
    let tenants = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM tenants");
    tenants.fetch_one(pool).await.is_ok().then_some(0)
}

/// Whether a database is of an earlier version, and must be copied before it is changed.
///
/// # Errors
/// [`StartError::Newer`] if it is of a later version.
pub async fn is_pending(pool: &AnyPool, migrator: &Migrator) -> Result<bool, StartError> {
    let newest = migrator.iter().map(|change| change.version).max();
    let reached = reached(pool).await;
    if reached > newest {
        let version = "SELECT version FROM programs ORDER BY first_at DESC, version DESC LIMIT 1";
        let version = sqlx::query_scalar(version).fetch_one(pool).await;
        return Err(StartError::Newer(
            version.unwrap_or_else(|_| "unknown".to_owned()),
        ));
    }
    Ok(reached.is_some_and(|reached| Some(reached) < newest))
}

/// Copies a SQLite database into a data folder, unless it has been copied before this change.
///
/// # Errors
/// Those of the database and the file system, after which nothing has changed.
pub async fn copy_file(pool: &AnyPool, migrator: &Migrator, data: &Path) -> Result<(), StartError> {
    let folder = data.join(COPIES);
    let copy = folder.join(format!("service-before-{}.db", newest(migrator)));
    if copy.exists() {
        return Ok(());
    }
    create_private_dir(&folder)?;
    let partial = folder.join(format!("{}.partial", hex(&random::<8>()?)));
    // An empty file is what it writes into, and so nobody else may read it at any time.
    create_private_file(&partial)?;
    sqlx::query("VACUUM INTO $1")
        .bind(partial.display().to_string())
        .execute(pool)
        .await?;
    std::fs::File::open(&partial)?.sync_all()?;
    std::fs::rename(&partial, &copy)?;
    sync_dir(&folder)?;
    tracing::info!(copy = %copy.display(), "the database of an earlier version was copied");
    Ok(())
}

/// The same in PostgreSQL, as a schema of its own.
///
/// # Errors
/// Those of the database.
pub async fn copy_tables(
    connection: &mut AnyConnection,
    migrator: &Migrator,
) -> Result<(), sqlx::Error> {
    let schema = format!("tapetum_before_{}", newest(migrator));
    let make = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
    connection.execute(AssertSqlSafe(make)).await?;
    let tables = "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
                  WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'";
    let tables: Vec<String> = sqlx::query_scalar(tables)
        .fetch_all(&mut *connection)
        .await?;
    for name in tables {
        let copy = format!("CREATE TABLE IF NOT EXISTS {schema}.{name} AS TABLE {name}");
        connection.execute(AssertSqlSafe(copy)).await?;
    }
    tracing::info!(schema, "the tables of an earlier version were copied");
    Ok(())
}

fn newest(migrator: &Migrator) -> i64 {
    let versions = migrator.iter().map(|change| change.version);
    versions.max().unwrap_or(0)
}

/// Writes down that this version has used the database, now in milliseconds since 1970.
///
/// # Errors
/// Those of the database.
pub async fn sign(connection: &mut AnyConnection, now: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO programs (version, first_at) SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT) \
         WHERE NOT EXISTS (SELECT 1 FROM programs WHERE version = $1)",
    )
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(now)
    .execute(connection)
    .await
    .map(drop)
}
