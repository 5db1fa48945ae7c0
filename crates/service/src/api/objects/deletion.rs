//! Deleting objects, with a receipt.

use axum::response::Response;
use serde_json::json;
use tapetum_client::Receipt;

use super::super::json::ok;
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;
use crate::store::audit;
use crate::store::db::Tx;
use crate::store::rows::{FileRow, remove_files, unlink};

/// Deletes an object with its parts and files, unless a job that is not finished needs it.
pub async fn delete(app: &App, caller: &Caller, kind: Kind, id: &str) -> Result<Response> {
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
        return Err(Error::not_found(kind.name()));
    }
    for member in &family {
        check_unused(&mut tx, member).await?;
    }
    let mut removed = Vec::new();
    for member in &family {
        removed.extend(remove_files(&mut tx, member, None).await?);
        for statement in [
            "DELETE FROM objects WHERE id = $1",
            "DELETE FROM network_queries WHERE network = $1",
        ] {
            sqlx::query(statement)
                .bind(member)
                .execute(&mut *tx)
                .await?;
        }
    }
    let receipt = receipt(&mut tx, caller, id, &removed).await?;
    tx.commit().await?;
    unlink(&app.blobs, removed).await?;
    ok(&receipt)
}

/// The receipt of a deletion, which the audit log has too.
pub async fn receipt(
    tx: &mut Tx,
    caller: &Caller,
    id: &str,
    removed: &[FileRow],
) -> Result<Receipt> {
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

async fn check_unused(tx: &mut Tx, object: &str) -> Result<()> {
    let user: Option<String> = sqlx::query_scalar(
        "SELECT j.id FROM job_inputs i JOIN jobs j ON j.id = i.job \
         WHERE i.object = $1 AND j.state IN ('queued', 'running') LIMIT 1",
    )
    .bind(object)
    .fetch_optional(&mut **tx)
    .await?;
    match user {
        None => Ok(()),
        Some(job) => Err(Error::conflict(format!(
            "{object} is used by {job}, which is not finished: wait for it, or cancel it"
        ))),
    }
}
