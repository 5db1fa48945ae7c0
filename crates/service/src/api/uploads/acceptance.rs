//! What becomes of a complete upload.

use std::path::PathBuf;

use axum::response::Response;

use super::arrival::{COMPLETE, find, finish};
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;
use crate::store::audit;
use crate::store::blobs::Written;
use crate::store::blocking::run_blocking;
use crate::store::db::Tx;
use crate::store::rows::insert_file;

/// An upload that is complete.
#[derive(Clone, Debug)]
pub struct Complete {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size and checksum.
    pub file: Written,
}

/// An upload of this caller, all of which has arrived.
pub async fn complete(app: &App, caller: &Caller, id: &str) -> Result<Complete> {
    let mut upload = find(app, caller, id).await?;
    let path = app.blobs.staged(id);
    if upload.state != COMPLETE {
        let offset = upload.offset(app).await?;
        if offset < upload.length {
            let message = format!(
                "only {offset} of {} bytes have been uploaded: finish the upload",
                upload.length
            );
            return Err(Error::conflict(message));
        }
        // The server ended between the last byte and its answer.
        let _claim = app.claim(id)?;
        finish(app, &mut upload, path.clone()).await?;
    }
    Ok(Complete {
        path,
        file: Written {
            bytes: upload.length,
            checksum: upload.checksum,
        },
        id: upload.id,
    })
}

/// An upload whose content is among the accepted files, where it waits for its row.
#[derive(Clone, Debug)]
pub struct Accepted {
    upload: Complete,
    blob: String,
}

/// Puts the content of an upload among the accepted files. This takes as long as the store does, so it comes
/// before the transaction with the rows; [`finalize`] comes after it.
pub async fn accept(app: &App, upload: Complete) -> Result<Accepted> {
    let blob = Kind::Blob.new_id()?;
    let (files, from, to) = (app.clone(), upload.id.clone(), blob.clone());
    let accepted = run_blocking(move || files.blobs.accept(&from, &to)).await?;
    accepted.map_err(|e| Error::internal("accepting an upload", e))?;
    Ok(Accepted { upload, blob })
}

/// A row for an accepted file, and none for its upload any more.
pub async fn attach(
    tx: &mut Tx,
    caller: &Caller,
    accepted: &Accepted,
    object: &str,
    role: &str,
) -> Result<()> {
    let Accepted { upload, blob } = accepted;
    let row = sqlx::query("DELETE FROM uploads WHERE id = $1")
        .bind(&upload.id)
        .execute(&mut **tx)
        .await?;
    if row.rows_affected() != 1 {
        return Err(Error::not_found(Kind::Upload.name()));
    }
    let file = &upload.file;
    insert_file(tx, (blob, file), &caller.tenant, (object, role)).await?;
    let details = serde_json::json!({"role": role, "bytes": file.bytes, "checksum": file.checksum});
    audit::record(tx, caller.actor(), "store", object, &details).await?;
    Ok(())
}

/// After the transaction: of files that now have a row the uploads go, and of a refusal the files. After a failure
/// nobody knows whether the rows are there; whatever has none is swept later.
pub async fn finalize(
    app: &App,
    accepted: Vec<Accepted>,
    made: Result<Response>,
) -> Result<Response> {
    let (was_made, was_refused) = match &made {
        Ok(_) => (true, false),
        Err(problem) => (false, problem.status() < 500 || problem.status() == 507),
    };
    let files = app.clone();
    let removed = run_blocking(move || {
        accepted.iter().try_for_each(|file| match was_made {
            true => files.blobs.remove_staged(&file.upload.id),
            false if was_refused => files.blobs.remove(&file.blob),
            false => Ok(()),
        })
    });
    if let Err(error) = removed.await? {
        // It is swept later.
        tracing::warn!(%error, "a file that is not needed could not be removed");
    }
    made
}
