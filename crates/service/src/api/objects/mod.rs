//! Finding, listing, creating and deleting objects: the same for all kinds.

mod deletion;
mod make;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;
use tapetum_client::{List, Object};

use super::create::CreateBody;
use super::json::{ok, send_file};
use super::openapi::Op;
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;
use crate::store::db::stored;
use crate::store::rows::{file, files};

pub use deletion::{delete, receipt};
pub use make::{Draft, check_room, make};

/// Entries of a list, unless fewer are asked for.
const PAGE: i64 = 100;

/// Which entries of a list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The most entries.
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
        if (1..=PAGE).contains(&limit) {
            Ok(Self(limit))
        } else {
            Err(format!("limit must be 1 to {PAGE}, not {limit}"))
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

/// The details of an object of a tenant, in their own form.
pub async fn details<T: DeserializeOwned>(
    app: &App,
    tenant: &str,
    kind: Kind,
    id: &str,
) -> Result<T> {
    let object = find_of(app, tenant, kind, id).await?;
    serde_json::from_value(object.details).map_err(|e| Error::internal("details of an object", e))
}

/// What the document says of creating an object.
pub fn creation<T: CreateBody>(kind: Kind, summary: &str) -> Op {
    Op::of(kind, "create", summary)
        .scopes(T::CREATORS)
        .creates::<T>()
        .answers::<Object>(StatusCode::CREATED, &["Location"])
        .problems(&[404, 409, 423, 507])
}

/// One object of the caller's tenant.
pub async fn find(app: &App, caller: &Caller, kind: Kind, id: &str) -> Result<Object> {
    find_of(app, &caller.tenant, kind, id).await
}

/// One object of a tenant.
async fn find_of(app: &App, tenant: &str, kind: Kind, id: &str) -> Result<Object> {
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
    object.files = files(app.database.pool(), id)
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

/// Sends the file of an object or job that has this role.
pub async fn send(app: &App, object: &str, role: &str, headers: &HeaderMap) -> Result<Response> {
    let file = file(app.database.pool(), object, role).await?;
    let (id, file) = file.ok_or_else(|| Error::not_found("file"))?;
    send_file(&app.blobs, &id, &file, headers).await
}
