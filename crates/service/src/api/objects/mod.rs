//! What tenants store, and how it is found, listed and deleted: the same for all kinds.

mod deletion;
mod make;

use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use sqlx::Row;
use sqlx::any::AnyRow;
use tapetum_client::{List, Object, StoredFile};

use super::json::{ok, send_file};
use crate::auth::Caller;
use crate::db::stored;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;

pub use deletion::{delete, receipt, remove_files, unlink};
pub use make::{Draft, check_room, insert, make};

/// Entries of a list, unless fewer are asked for.
const PAGE: i64 = 100;

/// Which entries of a list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// At most so many.
    limit: Option<Limit>,
    /// After the one with this id.
    after: Option<String>,
}

/// How many entries of a list are wanted: 1 to [`PAGE`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
struct Limit(i64);

impl TryFrom<i64> for Limit {
    type Error = String;

    fn try_from(limit: i64) -> Result<Self, String> {
        match (1..=PAGE).contains(&limit) {
            true => Ok(Self(limit)),
            false => Err(format!("a list has 1 to {PAGE} entries, not {limit}")),
        }
    }
}

impl Page {
    /// How many.
    pub fn limit(&self) -> i64 {
        self.limit.map_or(PAGE, |limit| limit.0)
    }

    /// After which id; before all without one.
    pub fn after(&self) -> &str {
        match self.after.as_deref() {
            // PostgreSQL refuses a text with a zero in it; there is no such id.
            Some(after) if after.contains('\0') => "-",
            after => after.unwrap_or(""),
        }
    }
}

fn object_of(row: &AnyRow) -> Result<Object> {
    Ok(Object {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        created_at: row.try_get("created_at")?,
        token: row.try_get("token")?,
        details: stored(&row.try_get::<String, _>("details")?)?,
        files: Vec::new(),
    })
}

/// The details of an object in their own form.
pub fn details<T: serde::de::DeserializeOwned>(object: Object) -> Result<T> {
    serde_json::from_value(object.details).map_err(|e| Error::internal("details of an object", e))
}

/// One object of the caller's tenant.
pub async fn find(app: &App, caller: &Caller, kind: Kind, id: &str) -> Result<Object> {
    find_of(app, &caller.tenant, kind, id).await
}

/// One object of a tenant.
pub async fn find_of(app: &App, tenant: &str, kind: Kind, id: &str) -> Result<Object> {
    kind.check(id)?;
    let row = sqlx::query(
        "SELECT id, name, created_at, token, details FROM objects \
         WHERE id = $1 AND tenant = $2 AND kind = $3",
    )
    .bind(id)
    .bind(tenant)
    .bind(kind.prefix())
    .fetch_optional(app.database.pool())
    .await?
    .ok_or_else(|| Error::not_found(kind.name()))?;
    let mut object = object_of(&row)?;
    object.files = files(app, id)
        .await?
        .into_iter()
        .map(|(_, file)| file)
        .collect();
    Ok(object)
}

/// Objects of the caller's tenant, made by one token if it is named.
pub async fn list(
    app: &App,
    caller: &Caller,
    kind: Kind,
    parent: &str,
    sees: Option<&str>,
    page: &Page,
) -> Result<Response> {
    let rows = sqlx::query(
        "SELECT id, name, created_at, token, details FROM objects o \
         WHERE tenant = $1 AND kind = $2 AND parent = $3 AND ($4 = '' OR token = $4) AND ($5 = '' OR \
         (created_at, id) > (SELECT p.created_at, p.id FROM objects p \
         WHERE p.id = $5 AND p.tenant = $1)) ORDER BY created_at, id LIMIT $6",
    )
    .bind(&caller.tenant)
    .bind(kind.prefix())
    .bind(parent)
    .bind(sees.unwrap_or(""))
    .bind(page.after())
    .bind(page.limit())
    .fetch_all(app.database.pool())
    .await?;
    let items = rows.iter().map(object_of).collect::<Result<Vec<_>>>()?;
    ok(&List { items })
}

/// The files of an object or job, with their ids.
async fn files(app: &App, object: &str) -> Result<Vec<(String, StoredFile)>> {
    let rows = sqlx::query(
        "SELECT id, role, bytes, checksum FROM blobs WHERE object = $1 ORDER BY created_at, id",
    )
    .bind(object)
    .fetch_all(app.database.pool())
    .await?;
    rows.iter().map(file_of).collect()
}

fn file_of(row: &AnyRow) -> Result<(String, StoredFile)> {
    let file = StoredFile {
        role: row.try_get("role")?,
        bytes: row.try_get("bytes")?,
        checksum: row.try_get("checksum")?,
    };
    Ok((row.try_get("id")?, file))
}

/// The file of an object or job that has this role: its id and its checksum.
pub async fn file(app: &App, object: &str, role: &str) -> Result<Option<(String, StoredFile)>> {
    let files = files(app, object).await?;
    Ok(files.into_iter().find(|(_, file)| file.role == role))
}

/// Sends the file of an object or job that has this role.
pub async fn send(app: &App, object: &str, role: &str, headers: &HeaderMap) -> Result<Response> {
    let file = file(app, object, role).await?;
    let (id, file) = file.ok_or_else(|| Error::not_found("file"))?;
    send_file(&app.blobs, &id, &file, headers).await
}
