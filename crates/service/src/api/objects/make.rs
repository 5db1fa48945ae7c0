//! Creating objects.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::super::create::IdempotencyKey;
use super::super::uploads::{self, Complete};
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;
use crate::store::audit;
use crate::store::db::Tx;
use crate::store::rows::insert_object;

/// An object to be created.
#[derive(Debug)]
pub struct Draft<D> {
    /// The kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The object that it is a part of, if it is one, and how many parts that may have.
    pub parent: Option<(String, i64)>,
    /// Its details.
    pub details: D,
    /// Its files, and their roles.
    pub files: Vec<(Complete, &'static str)>,
}

/// Creates an object from uploads that have been checked.
pub async fn make<D: Serialize>(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
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
        if let Some(answer) = key.replay(&mut *tx).await? {
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
        let object =
            insert_object(&mut tx, owner, what, &draft.name, parent, &draft.details).await?;
        for (file, role) in accepted.iter().zip(roles) {
            uploads::attach(&mut tx, caller, file, &id, role).await?;
        }
        // Where there are files the log tells of these.
        if accepted.is_empty() {
            let about = json!({"name": draft.name});
            audit::record(&mut tx, caller.actor(), "create", &id, &about).await?;
        }
        let answer = key.remember(&mut tx, StatusCode::CREATED, &object, &id);
        let answer = answer.await?;
        tx.commit().await?;
        Ok(answer)
    };
    let made = made.await;
    uploads::finalize(app, accepted, made).await
}

/// The object may have been deleted while its part was checked. A request of a job names all parts, so their number has
/// a limit.
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
    if parts < most {
        Ok(())
    } else {
        Err(Error::conflict(format!(
            "the data set has {most} parts, the maximum: send larger parts"
        )))
    }
}

/// Refuses if the tenant has too many objects already: each takes room in the database, which no
/// quota of bytes counts.
pub async fn check_room(tx: &mut Tx, app: &App, tenant: &str) -> Result<()> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM objects WHERE tenant = $1")
        .bind(tenant)
        .fetch_one(&mut **tx)
        .await?;
    if count < app.config.limits.objects_of_tenant {
        Ok(())
    } else {
        Err(Error::quota(format!(
            "there are {count} objects already: delete some"
        )))
    }
}
