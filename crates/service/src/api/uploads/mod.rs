//! Files on their way here, by the tus protocol 1.0.0 (creation, creation-with-upload, expiration,
//! termination): an interrupted upload resumes where it ended.
//!
//! The metadata carry the blake3 checksum of the whole file, under the key `blake3` and in hexadecimal. An upload
//! is complete when all its bytes have arrived and the checksum is right. Then it can be used once, to make
//! something of it.

mod acceptance;
mod arrival;
mod discarding;
pub mod headers;
mod usage;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use sqlx::Row;
use tapetum_client::{List, UploadView};
use tokio::fs::File;

use super::json::{Path, Query, ok};
use super::objects::Page;
use super::openapi::{Op, Routes, pattern, text};
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;
use crate::store::db::now;

pub use acceptance::{Complete, accept, attach, complete, finalize};
use arrival::{Upload, find, receive};
pub use discarding::{discard, forget, take_all};
use headers::{
    CONTENT_TYPE, EXTENSIONS, LENGTH, OFFSET, RESUMABLE, Tus, VERSION, VERSIONS, checksum,
    content_type, number, state_of,
};
pub use usage::usage;
use usage::{check_count, check_room};

/// The addresses of uploads.
pub fn routes() -> Routes {
    const TAG: &str = "uploads";
    const NO_CONTENT: StatusCode = StatusCode::NO_CONTENT;
    let (all, one) = ("/v1/uploads", "/v1/uploads/{id}");
    let op = |id, summary| Op::new(TAG, id, summary).tus();
    let of_one = |id, summary| op(id, summary).id("id", Kind::Upload);
    let known = |id| {
        let headers = [
            "Tus-Resumable",
            "Tus-Version",
            "Tus-Extension",
            "Tus-Max-Size",
        ];
        let op = Op::public(TAG, id, "What the server supports");
        op.sends(NO_CONTENT, "Done.", "", &headers)
    };
    let state = ["Tus-Resumable", "Upload-Offset", "Upload-Expires"];
    let created = op("createUpload", "Start an upload (tus 1.0.0)")
        .needs("Upload-Length", "Bytes.", pattern("^[1-9][0-9]{0,17}$"))
        .needs(
            "Upload-Metadata",
            "Pairs of key and base64, separated by commas: `blake3` is the checksum of the file, in hexadecimal.",
            text().max_length(Some(headers::MAX_METADATA)),
        )
        .bytes()
        .sends(StatusCode::CREATED, "Started.", "", &[&state[..], &["Location"]].concat())
        .problems(&[400, 413, 422, 423, 507]);
    let found = of_one("readUpload", "The progress of an upload");
    let found = found.sends(
        StatusCode::OK,
        "So far.",
        "",
        &[&state[..], &["Upload-Length"]].concat(),
    );
    let appended = of_one("appendToUpload", "More bytes")
        .needs(
            "Upload-Offset",
            "Where they start.",
            pattern("^(0|[1-9][0-9]{0,17})$"),
        )
        .bytes()
        .sends(NO_CONTENT, "They have arrived.", "", &state)
        .problems(&[400, 409, 413, 415, 422, 423]);
    let deleted = of_one(
        "deleteUpload",
        "Abandon an upload; for owners, any of the tenant",
    );
    let deleted = deleted.sends(NO_CONTENT, "Done.", "", &state[..1]);
    let listed = Op::new(
        TAG,
        "listUploads",
        "Unused uploads; for owners, all of the tenant",
    );
    let listed = listed.pages().lists::<UploadView>();
    let emptied = op(
        "deleteUploads",
        "Abandon all uploads; for owners, all of the tenant",
    );
    let emptied = emptied.sends(NO_CONTENT, "Done.", "", &state[..1]);
    Routes::default()
        .get(all, list, listed)
        .post(all, create, created)
        .delete(all, delete_all, emptied)
        .options(all, options, known("uploadOptions"))
        .head(one, head, found)
        .patch(one, append, appended)
        .delete(one, delete, deleted)
        .options(
            one,
            options,
            known("optionsOfUpload").id("id", Kind::Upload),
        )
        .map(|router| router.layer(map_response(name_version)))
}

/// Every answer has the version of the protocol, and one to those who speak another has all that are known.
async fn name_version(mut response: Response) -> Response {
    let is_other = response.status() == StatusCode::PRECONDITION_FAILED;
    let headers = response.headers_mut();
    headers.insert(RESUMABLE, HeaderValue::from_static(VERSION));
    if is_other {
        headers.insert(VERSIONS, HeaderValue::from_static(VERSION));
    }
    response
}

/// `OPTIONS`: what the server can do.
async fn options(State(app): State<App>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(VERSIONS, HeaderValue::from_static(VERSION));
    headers.insert("tus-extension", HeaderValue::from_static(EXTENSIONS));
    headers.insert("tus-max-size", app.config.limits.upload_bytes.into());
    response
}

/// `POST /v1/uploads`: an upload of a given length, perhaps with its first bytes.
async fn create(
    State(app): State<App>,
    Tus { caller, headers }: Tus,
    body: Body,
) -> Result<Response> {
    let limits = &app.config.limits;
    let length = number(&headers, &LENGTH)?;
    if length == 0 {
        return Err(Error::request("Upload-Length is 0"));
    }
    if length > limits.upload_bytes {
        let message = format!("an upload may have at most {} bytes", limits.upload_bytes);
        return Err(Error::too_large(message));
    }
    let checksum = checksum(&headers)?;
    let id = Kind::Upload.new_id()?;
    let claim = app.claim(&id)?;

    // Before those who write are made to wait for it, and again when nobody else writes.
    check_count(app.database.pool(), &caller, limits.open_uploads).await?;
    let mut tx = app.database.begin().await?;
    check_count(&mut *tx, &caller, limits.open_uploads).await?;
    check_room(&mut tx, &caller, length).await?;
    let expires_at = Upload::expiry(&app, false);
    sqlx::query(
        "INSERT INTO uploads \
         (id, tenant, token, length, checksum, metadata, state, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, '', 'open', $6, $7)",
    )
    .bind(&id)
    .bind(&caller.tenant)
    .bind(&caller.token)
    .bind(length as i64)
    .bind(&checksum)
    .bind(now())
    .bind(expires_at)
    .execute(&mut *tx)
    .await?;
    let path = app.blobs.staged(&id);
    File::create_new(&path)
        .await
        .map_err(|e| Error::internal("making an upload", e))?;
    tx.commit().await?;

    let mut upload = Upload {
        id,
        length,
        checksum,
        state: "open".to_owned(),
        expires_at,
    };
    let offset = match content_type(&headers) {
        Some(CONTENT_TYPE) => receive(&app, (&mut upload, &claim), 0, body).await?,
        _ => 0,
    };
    drop(claim);
    let mut response = state_of(StatusCode::CREATED, &upload, offset);
    if let Ok(location) = format!("/v1/uploads/{}", upload.id).parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `HEAD`: how far an upload is.
async fn head(
    State(app): State<App>,
    Tus { caller, .. }: Tus,
    Path(id): Path<String>,
) -> Result<Response> {
    let upload = find(&app, &caller, &id).await?;
    let offset = upload.offset(&app).await?;
    let mut response = state_of(StatusCode::OK, &upload, offset);
    response.headers_mut().insert(LENGTH, upload.length.into());
    Ok(response)
}

/// `PATCH`: more bytes of an upload.
async fn append(
    State(app): State<App>,
    Tus { caller, headers }: Tus,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response> {
    if content_type(&headers) != Some(CONTENT_TYPE) {
        return Err(Error::media_type(CONTENT_TYPE));
    }
    let from = number(&headers, &OFFSET)?;
    let mut upload = find(&app, &caller, &id).await?;
    let claim = app.claim(&id)?;
    let offset = upload.offset(&app).await?;
    if from != offset {
        let message = format!("the upload is at offset {offset}, not {from}: resume there");
        return Err(Error::conflict(message));
    }
    let offset = receive(&app, (&mut upload, &claim), offset, body).await?;
    Ok(state_of(StatusCode::NO_CONTENT, &upload, offset))
}

/// `GET`: the caller's uploads, for owners all of the tenant.
async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Response> {
    let rows = sqlx::query(
        "SELECT id, token, length, state, created_at, expires_at FROM uploads \
         WHERE tenant = $1 AND ($2 = '' OR token = $2) AND ($3 = '' OR (created_at, id) > \
         (SELECT p.created_at, p.id FROM uploads p WHERE p.id = $3 AND p.tenant = $1)) \
         ORDER BY created_at, id LIMIT $4",
    )
    .bind(&caller.tenant)
    .bind(caller.sees().unwrap_or(""))
    .bind(page.after())
    .bind(page.limit())
    .fetch_all(app.database.pool())
    .await?;
    let view = |row: &sqlx::any::AnyRow| {
        Ok(UploadView {
            id: row.try_get("id")?,
            token: row.try_get("token")?,
            length: row.try_get("length")?,
            complete: row.try_get::<String, _>("state")? == "complete",
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
        })
    };
    let items = rows.iter().map(view).collect::<Result<Vec<_>>>()?;
    ok(&List { items })
}

/// `DELETE` of all: none of them is wanted any longer.
async fn delete_all(State(app): State<App>, Tus { caller, .. }: Tus) -> Result<Response> {
    let mut tx = app.database.begin().await?;
    let ids = take_all(&mut tx, &caller.tenant, caller.sees()).await?;
    tx.commit().await?;
    forget(&app, ids).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE`: the upload is not wanted any longer, whoever writes to it.
async fn delete(
    State(app): State<App>,
    Tus { caller, .. }: Tus,
    Path(id): Path<String>,
) -> Result<Response> {
    Kind::Upload.check(&id)?;
    let mut tx = app.database.begin().await?;
    let taken = sqlx::query(
        "DELETE FROM uploads WHERE id = $1 AND tenant = $2 AND ($3 = '' OR token = $3)",
    )
    .bind(&id)
    .bind(&caller.tenant)
    .bind(caller.sees().unwrap_or(""))
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    if taken.rows_affected() == 0 {
        return Err(Error::not_found(Kind::Upload.name()));
    }
    forget(&app, vec![id]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
