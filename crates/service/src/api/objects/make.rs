//! Objects are made.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;
use tapetum_client::Object;

use super::super::making::Once;
use super::super::uploads::{self, Complete};
use crate::audit;
use crate::auth::Caller;
use crate::db::{Tx, now, to_store};
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;

/// An object that is about to be made.
#[derive(Debug)]
pub struct Draft<D> {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The object that it is a part of, if it is one, and how many parts that may have.
    pub parent: Option<(String, i64)>,
    /// What else there is to tell of it.
    pub details: D,
    /// Its files, and their roles.
    pub files: Vec<(Complete, &'static str)>,
}

/// Makes an object of uploads that have been looked into.
pub async fn make<D: Serialize>(
    app: &App,
    caller: &Caller,
    once: &Once,
    draft: Draft<D>,
) -> Result<Response> {
    let (mut accepted, mut roles) = (Vec::new(), Vec::new());
    for (upload, role) in draft.files {
        accepted.push(uploads::accept(app, upload).await?);
        roles.push(role);
    }
    let made = async {
        let id = draft.kind.new_id()?;
        let mut tx = app.database.begin().await?;
        if let Some(answer) = once.replay(&mut *tx).await? {
            return Ok(answer);
        }
        let parent = match &draft.parent {
            Some((parent, most)) => {
                check_parent(&mut tx, caller, parent, *most).await?;
                parent.as_str()
            }
            None => "",
        };
        check_room(&mut tx, app, &caller.tenant).await?;
        let owner = (caller.tenant.as_str(), caller.token.as_str());
        let what = (draft.kind, id.as_str());
        let object = insert(&mut tx, owner, what, &draft.name, parent, &draft.details).await?;
        for (file, role) in accepted.iter().zip(roles) {
            uploads::adopt(&mut tx, caller, file, &id, role).await?;
        }
        // Where there are files the log tells of these.
        if accepted.is_empty() {
            let about = json!({"name": draft.name});
            audit::record(&mut tx, caller.actor(), "create", &id, &about).await?;
        }
        let answer = once.remember(&mut tx, StatusCode::CREATED, &object, &id);
        let answer = answer.await?;
        tx.commit().await?;
        Ok(answer)
    };
    let made = made.await;
    uploads::settle(app, accepted, made).await
}

/// The object may have been deleted while its part was looked into; and whoever uses it names all parts, so there must
/// not be any number of them.
async fn check_parent(tx: &mut Tx, caller: &Caller, parent: &str, most: i64) -> Result<()> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT kind FROM objects WHERE id = $1 AND tenant = $2")
            .bind(parent)
            .bind(&caller.tenant)
            .fetch_optional(&mut **tx)
            .await?;
    if found.is_none() {
        return Err(Error::not_found(Kind::DataSet.name()));
    }
    let parts: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM objects WHERE parent = $1")
        .bind(parent)
        .fetch_one(&mut **tx)
        .await?;
    match parts < most {
        true => Ok(()),
        false => Err(Error::conflict(format!(
            "there are {most} parts, as many as there may be: send larger ones"
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

/// Refuses if the tenant has too many objects already: each takes room in the database, which no
/// quota of bytes counts.
pub async fn check_room(tx: &mut Tx, app: &App, tenant: &str) -> Result<()> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM objects WHERE tenant = $1")
        .bind(tenant)
        .fetch_one(&mut **tx)
        .await?;
    match count < app.config.limits.objects_of_tenant {
        true => Ok(()),
        false => Err(Error::quota(format!(
            "there are {count} objects already: delete some"
        ))),
    }
}
