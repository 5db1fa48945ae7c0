//! What tenants store, and how it is found, listed and deleted: the same for all kinds.

use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::json::{ok, send_file};
use crate::audit;
use crate::auth::Caller;
use crate::db::{Tx, now, stored, to_store};
use crate::error::{Answer, Problem};
use crate::id::Kind;
use crate::state::{App, run_blocking};

/// Entries of a list, unless fewer are asked for.
const PAGE: i64 = 100;

/// Something stored, as it is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    /// Its id.
    pub id: String,
    /// Its name, in words of whoever made it.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// The id of the token that made it.
    pub token: String,
    /// What else there is to tell, by kind.
    pub details: Value,
    /// Its files.
    #[serde(default)]
    pub files: Vec<StoredFile>,
}

/// A file of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// What it is to the object.
    pub role: String,
    /// Its size.
    pub bytes: i64,
    /// Its blake3 checksum, in hexadecimal.
    pub checksum: String,
}

/// Which entries of a list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// At most so many.
    limit: Option<i64>,
    /// After the one with this id.
    after: Option<String>,
}

impl Page {
    /// How many.
    pub fn limit(&self) -> i64 {
        self.limit.unwrap_or(PAGE).clamp(1, PAGE)
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

/// A list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List<T> {
    /// The entries, the oldest first.
    pub items: Vec<T>,
}

impl Object {
    fn of(row: &AnyRow) -> Answer<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            created_at: row.try_get("created_at")?,
            token: row.try_get("token")?,
            details: stored(&row.try_get::<String, _>("details")?)?,
            files: Vec::new(),
        })
    }

    /// Its details in their own form.
    pub fn details<T: serde::de::DeserializeOwned>(&self) -> Answer<T> {
        serde_json::from_value(self.details.clone())
            .map_err(|e| Problem::internal("details of an object", e))
    }
}

/// One object of the caller's tenant.
pub async fn find(app: &App, caller: &Caller, kind: Kind, id: &str) -> Answer<Object> {
    find_of(app, &caller.tenant, kind, id).await
}

/// One object of a tenant.
pub async fn find_of(app: &App, tenant: &str, kind: Kind, id: &str) -> Answer<Object> {
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
    .ok_or_else(|| Problem::not_found(kind.name()))?;
    let mut object = Object::of(&row)?;
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
) -> Answer<Response> {
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
    let items = rows.iter().map(Object::of).collect::<Answer<Vec<_>>>()?;
    ok(&List { items })
}

/// Refuses if the tenant has too many objects already: each takes room in the database, which no
/// quota of bytes counts.
pub async fn check_room(tx: &mut Tx, app: &App, tenant: &str) -> Answer<()> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM objects WHERE tenant = $1")
        .bind(tenant)
        .fetch_one(&mut **tx)
        .await?;
    match count < app.config.limits.objects_of_tenant {
        true => Ok(()),
        false => Err(Problem::quota(format!(
            "there are {count} objects already: delete some"
        ))),
    }
}

/// A new object.
pub async fn insert(
    tx: &mut Tx,
    (tenant, token): (&str, &str),
    (kind, id): (Kind, &str),
    name: &str,
    parent: &str,
    details: &impl Serialize,
) -> Answer<Object> {
    let object = Object {
        id: id.to_owned(),
        name: name.to_owned(),
        created_at: now(),
        token: token.to_owned(),
        details: serde_json::to_value(details)
            .map_err(|e| Problem::internal("details of an object", e))?,
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

/// The files of an object or job, with their ids.
async fn files(app: &App, object: &str) -> Answer<Vec<(String, StoredFile)>> {
    let rows = sqlx::query(
        "SELECT id, role, bytes, checksum FROM blobs WHERE object = $1 ORDER BY created_at, id",
    )
    .bind(object)
    .fetch_all(app.database.pool())
    .await?;
    rows.iter().map(file_of).collect()
}

fn file_of(row: &AnyRow) -> Answer<(String, StoredFile)> {
    let file = StoredFile {
        role: row.try_get("role")?,
        bytes: row.try_get("bytes")?,
        checksum: row.try_get("checksum")?,
    };
    Ok((row.try_get("id")?, file))
}

/// The file of an object or job that has this role: its id and its checksum.
pub async fn file(app: &App, object: &str, role: &str) -> Answer<Option<(String, StoredFile)>> {
    let files = files(app, object).await?;
    Ok(files.into_iter().find(|(_, file)| file.role == role))
}

/// Sends the file of an object or job that has this role.
pub async fn send(app: &App, object: &str, role: &str, headers: &HeaderMap) -> Answer<Response> {
    let file = file(app, object, role).await?;
    let (id, file) = file.ok_or_else(|| Problem::not_found("file"))?;
    send_file(&app.blobs, &id, &file, headers).await
}

/// What was deleted, and where the audit log says so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The id of what is no more.
    pub id: String,
    /// When it was deleted, in milliseconds since 1970.
    pub deleted_at: i64,
    /// The files that were removed, those of its parts among them.
    pub files: Vec<StoredFile>,
    /// The number of the record in the audit log.
    pub audit_seq: i64,
    /// The hash of that record.
    pub audit_hash: String,
}

/// Deletes an object with its parts and files, unless a job that is not finished needs it.
pub async fn delete(app: &App, caller: &Caller, kind: Kind, id: &str) -> Answer<Response> {
    kind.check(id)?;
    let mut tx = app.database.begin().await?;
    let family: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM objects WHERE tenant = $1 AND \
         ((id = $2 AND kind = $3 AND ($4 = '' OR token = $4)) OR parent = $2)",
    )
    .bind(&caller.tenant)
    .bind(id)
    .bind(kind.prefix())
    .bind(caller.sees().unwrap_or(""))
    .fetch_all(&mut *tx)
    .await?;
    if !family.iter().any(|member| member == id) {
        return Err(Problem::not_found(kind.name()));
    }
    for member in &family {
        check_unused(&mut tx, member).await?;
    }
    let mut removed = Vec::new();
    for member in &family {
        removed.extend(remove_files(&mut tx, member, None).await?);
        sqlx::query("DELETE FROM objects WHERE id = $1")
            .bind(member)
            .execute(&mut *tx)
            .await?;
    }
    let receipt = receipt(&mut tx, caller, id, &removed).await?;
    tx.commit().await?;
    unlink(app, removed).await?;
    ok(&receipt)
}

/// The receipt of a deletion, which the audit log has too.
pub async fn receipt(
    tx: &mut Tx,
    caller: &Caller,
    id: &str,
    removed: &[(String, StoredFile)],
) -> Answer<Receipt> {
    let files: Vec<_> = removed.iter().map(|(_, file)| file.clone()).collect();
    let record = audit::record(tx, caller.actor(), "delete", id, &json!({"files": files})).await?;
    Ok(Receipt {
        id: id.to_owned(),
        deleted_at: record.at,
        files,
        audit_seq: record.seq,
        audit_hash: record.hash,
    })
}

async fn check_unused(tx: &mut Tx, object: &str) -> Answer<()> {
    let user: Option<String> = sqlx::query_scalar(
        "SELECT j.id FROM job_inputs i JOIN jobs j ON j.id = i.job \
         WHERE i.object = $1 AND j.state IN ('queued', 'running') LIMIT 1",
    )
    .bind(object)
    .fetch_optional(&mut **tx)
    .await?;
    match user {
        None => Ok(()),
        Some(job) => Err(Problem::conflict(format!(
            "{object} is needed by {job}, which is not finished: wait for it, or cancel it"
        ))),
    }
}

/// Removes rows of files, all or those of one role. The files themselves are to be removed after the
/// transaction, by [`unlink`].
pub async fn remove_files(
    tx: &mut Tx,
    object: &str,
    role: Option<&str>,
) -> Answer<Vec<(String, StoredFile)>> {
    let rows = sqlx::query(
        "DELETE FROM blobs WHERE object = $1 AND ($2 = '' OR role = $2) \
         RETURNING id, role, bytes, checksum",
    )
    .bind(object)
    .bind(role.unwrap_or(""))
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(file_of).collect()
}

/// Removes files that have no row any more.
pub async fn unlink(app: &App, files: Vec<(String, StoredFile)>) -> Answer<()> {
    let app = app.clone();
    let removed = move || files.iter().try_for_each(|(id, _)| app.blobs.remove(id));
    run_blocking(removed)
        .await?
        .map_err(|e| Problem::internal("removing a file", e))
}
