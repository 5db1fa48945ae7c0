//! Files on their way here, by the tus protocol 1.0.0 (creation, creation-with-upload, expiration,
//! termination): an upload that was interrupted goes on where it ended.
//!
//! The metadata carry the blake3 checksum of the whole file, under the key `blake3` and in hexadecimal. An upload
//! is complete when all its bytes have arrived and the checksum is right. Then it can be used once, to make
//! something of it.

mod acceptance;
mod arrival;
mod headers;
mod usage;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{patch, post};
use tokio::fs::File;

use super::json::Path;
use crate::auth::Caller;
use crate::db::now;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;

pub use acceptance::{Complete, accept, adopt, complete, insert_blob, settle};
pub use arrival::discard;
use arrival::{Upload, find, receive};
use headers::{
    CONTENT_TYPE, EXTENSIONS, LENGTH, OFFSET, RESUMABLE, VERSION, VERSIONS, check_version,
    checksum, content_type, number, state_of,
};
pub use usage::Usage;

/// The addresses of uploads.
pub fn routes() -> Router<App> {
    let one = patch(append).head(head).delete(delete).options(options);
    Router::new()
        .route("/v1/uploads", post(create).options(options))
        .route("/v1/uploads/{id}", one)
        .layer(map_response(name_version))
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
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    check_version(&headers)?;
    let limits = &app.config.limits;
    let length = number(&headers, &LENGTH)?;
    if length == 0 {
        return Err(Error::request("there is nothing to upload"));
    }
    if length > limits.upload_bytes {
        let message = format!("an upload has at most {} bytes", limits.upload_bytes);
        return Err(Error::too_large(message));
    }
    let checksum = checksum(&headers)?;
    let id = Kind::Upload.new_id()?;
    let claim = app.claim(&id)?;
    let expires_at = now() + limits.upload_life.as_millis() as i64;

    let mut tx = app.database.begin().await?;
    let open: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM uploads WHERE token = $1")
        .bind(&caller.token)
        .fetch_one(&mut *tx)
        .await?;
    if open >= limits.open_uploads {
        let message =
            format!("this token has {open} uploads that are not used yet: use or delete them");
        return Err(Error::too_many(message, 10));
    }
    let usage = Usage::of(&mut tx, &caller.tenant).await?;
    if usage.used.saturating_add(length) > usage.quota {
        return Err(Error::quota(format!(
            "{} of {} bytes are used, and {length} more do not fit: delete something",
            usage.used, usage.quota
        )));
    }
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

    let upload = Upload {
        id,
        length,
        checksum,
        state: "open".to_owned(),
        expires_at,
    };
    let offset = match content_type(&headers) {
        Some(CONTENT_TYPE) => receive(&app, &upload, 0, body).await?,
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
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    check_version(&headers)?;
    let upload = find(&app, &caller, &id).await?;
    let offset = upload.offset(&app).await?;
    let mut response = state_of(StatusCode::OK, &upload, offset);
    response.headers_mut().insert(LENGTH, upload.length.into());
    Ok(response)
}

/// `PATCH`: more bytes of an upload.
async fn append(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    check_version(&headers)?;
    if content_type(&headers) != Some(CONTENT_TYPE) {
        return Err(Error::media_type(CONTENT_TYPE));
    }
    let from = number(&headers, &OFFSET)?;
    let upload = find(&app, &caller, &id).await?;
    let _claim = app.claim(&id)?;
    let offset = upload.offset(&app).await?;
    if from != offset {
        let message = format!("the upload is at {offset}, not at {from}: go on from there");
        return Err(Error::conflict(message));
    }
    let offset = receive(&app, &upload, offset, body).await?;
    Ok(state_of(StatusCode::NO_CONTENT, &upload, offset))
}

/// `DELETE`: the upload is not wanted any longer.
async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    check_version(&headers)?;
    let upload = find(&app, &caller, &id).await?;
    let _claim = app.claim(&id)?;
    discard(&app, &upload.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
