//! Rows of objects and of their files.

use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};
use tapetum_client::{Object, StoredFile};

use super::blobs::{Blobs, Written};
use super::blocking::run_blocking;
use super::db::{Tx, now, to_store};
use crate::error::{Error, Result};
use crate::id::Kind;

/// The id of a file, and what its row says.
pub type FileRow = (String, StoredFile);

/// What files are to their objects and jobs.
pub mod role {
    /// The evaluation keys of a key set.
    pub const EVALUATION_KEYS: &str = "evaluation-keys";
    /// The public key of a key set.
    pub const PUBLIC_KEY: &str = "public-key";
    /// The content of a parameter set.
    pub const CONTENT: &str = "content";
    /// The samples of a part or a classification.
    pub const SAMPLES: &str = "samples";
    /// A model.
    pub const MODEL: &str = "model";
    /// A network.
    pub const NETWORK: &str = "network";
    /// The plan of a network.
    pub const PLAN: &str = "plan";
    /// The result of a classification.
    pub const SCORES: &str = "scores";
    /// The state from which a training resumes.
    pub const CHECKPOINT: &str = "checkpoint";
}

/// A new object.
pub async fn insert_object(
    tx: &mut Tx,
    (tenant, token): (&str, &str),
    (kind, id): (Kind, &str),
    name: &str,
    parent: &str,
    details: &impl Serialize,
) -> Result<Object> {
    let object = Object {
        id: id.to_owned(),
        name: name.to_owned(),
        created_at: now(),
        token: token.to_owned(),
        details: serde_json::to_value(details)
            .map_err(|e| Error::internal("details of an object", e))?,
        files: Vec::new(),
    };
    sqlx::query(
        "INSERT INTO objects (id, tenant, kind, name, parent, details, token, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id)
    .bind(tenant)
    .bind(kind.prefix())
    .bind(name)
    .bind(parent)
    .bind(to_store(&object.details)?)
    .bind(token)
    .bind(object.created_at)
    .execute(&mut **tx)
    .await?;
    Ok(object)
}

/// A row for an accepted file.
pub async fn insert_file(
    tx: &mut Tx,
    (id, file): (&str, &Written),
    tenant: &str,
    (object, role): (&str, &str),
) -> Result<()> {
    sqlx::query(
        "INSERT INTO blobs (id, tenant, object, role, bytes, checksum, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(tenant)
    .bind(object)
    .bind(role)
    .bind(file.bytes as i64)
    .bind(&file.checksum)
    .bind(now())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The files of an object or job, with their ids.
pub async fn files(pool: &AnyPool, object: &str) -> Result<Vec<FileRow>> {
    let rows = sqlx::query(
        "SELECT id, role, bytes, checksum FROM blobs WHERE object = $1 ORDER BY created_at, id",
    )
    .bind(object)
    .fetch_all(pool)
    .await?;
    Ok(rows.iter().map(file_of).collect::<sqlx::Result<_>>()?)
}

/// A row of a file.
pub fn file_of(row: &AnyRow) -> sqlx::Result<FileRow> {
    let file = StoredFile {
        role: row.try_get("role")?,
        bytes: row.try_get("bytes")?,
        checksum: row.try_get("checksum")?,
    };
    Ok((row.try_get("id")?, file))
}

/// The file of an object or job that has this role: its id and its checksum.
pub async fn file(pool: &AnyPool, object: &str, role: &str) -> Result<Option<FileRow>> {
    let files = files(pool, object).await?;
    Ok(files.into_iter().find(|(_, file)| file.role == role))
}

/// Removes rows of files, all or those of one role. The files themselves are to be removed after the
/// transaction, by [`unlink`].
pub async fn remove_files(tx: &mut Tx, object: &str, role: Option<&str>) -> Result<Vec<FileRow>> {
    let rows = sqlx::query(
        "DELETE FROM blobs WHERE object = $1 AND ($2 = '' OR role = $2) \
         RETURNING id, role, bytes, checksum",
    )
    .bind(object)
    .bind(role.unwrap_or(""))
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().map(file_of).collect::<sqlx::Result<_>>()?)
}

/// Removes files that have no row any more.
pub async fn unlink(blobs: &Blobs, files: Vec<FileRow>) -> Result<()> {
    let blobs = blobs.clone();
    let removed = move || files.iter().try_for_each(|(id, _)| blobs.remove(id));
    run_blocking(removed)
        .await?
        .map_err(|e| Error::internal("removing a file", e))
}
