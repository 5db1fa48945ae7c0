//! Documents that come and go.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;

use super::objects::StoredFile;
use super::range;
use crate::auth::Caller;
use crate::blobs::Blobs;
use crate::db::{Tx, now, to_store};
use crate::error::{Answer, Problem};
use crate::state::App;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Most characters of a name.
const MAX_NAME: usize = 100;
/// Most characters of an idempotency key.
const MAX_KEY: usize = 100;

/// A JSON body: its text and what it says.
pub struct Json<T> {
    /// As it came.
    pub text: Bytes,
    /// What it says.
    pub value: T,
}

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Answer<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let is_json = kind
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.split(';').next().map(str::trim) == Some("application/json"));
        if !is_json {
            return Err(Problem::media_type("application/json"));
        }
        let body = tokio::time::timeout(app.config.limits.idle, Bytes::from_request(request, app));
        let text = body
            .await
            .map_err(|_| Problem::request("the body takes too long to arrive"))?
            .map_err(|_| Problem::too_large("a document may have 64 KiB"))?;
        let value = serde_json::from_slice(&text).map_err(Problem::request)?;
        Ok(Self { text, value })
    }
}

/// What is in the query, as [`axum::extract::Query`] but refused with a problem.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let found = axum::extract::Query::from_request_parts(parts, app).await;
        found.map(|query| Self(query.0)).map_err(Problem::request)
    }
}

/// What is in the path, as [`axum::extract::Path`] but refused with a problem.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let found = axum::extract::Path::from_request_parts(parts, app).await;
        found
            .map(|path| Self(path.0))
            .map_err(|_| Problem::not_found("address"))
    }
}

/// A name in words of the caller.
pub fn check_name(name: &str) -> Answer<()> {
    let fits = name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    match fits {
        true => Ok(()),
        false => Err(Problem::unacceptable(format!(
            "a name has at most {MAX_NAME} characters, none of them a control character"
        ))),
    }
}

/// 200 with a document.
pub fn ok(document: &impl Serialize) -> Answer<Response> {
    Ok(reply(StatusCode::OK, to_store(document)?, None))
}

fn reply(status: StatusCode, body: String, location: Option<&str>) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    if let Some(location) = location.and_then(|location| location.parse().ok()) {
        headers.insert(header::LOCATION, location);
    }
    response
}

/// The answer to a request that makes something, remembered by its idempotency key if it has one: a request that
/// is repeated gets the same answer, and nothing is made twice.
pub struct Once {
    key: Option<String>,
    /// A hash of the request.
    request: String,
    tenant: String,
    token: String,
}

impl Once {
    /// For a request to `path`.
    pub fn new(headers: &HeaderMap, caller: &Caller, path: &str, body: &[u8]) -> Answer<Self> {
        let key = match headers.get("idempotency-key") {
            None => None,
            Some(key) => {
                let key = key
                    .to_str()
                    .ok()
                    .filter(|key| (1..=MAX_KEY).contains(&key.len()));
                let message = format!("an Idempotency-Key has 1 to {MAX_KEY} ASCII characters");
                Some(key.ok_or_else(|| Problem::request(message))?.to_owned())
            }
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(path.len() as u64).to_le_bytes());
        hasher.update(path.as_bytes());
        hasher.update(body);
        Ok(Self {
            key,
            request: hasher.finalize().to_hex().to_string(),
            tenant: caller.tenant.clone(),
            token: caller.token.clone(),
        })
    }

    /// The answer that was given before. Asked before any work, and again in the transaction, in case
    /// the request is being repeated while the first is under way.
    pub async fn replay<'e>(
        &self,
        executor: impl sqlx::Executor<'e, Database = sqlx::Any>,
    ) -> Answer<Option<Response>> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let row = sqlx::query(
            "SELECT request, status, body, location FROM idempotency \
             WHERE tenant = $1 AND token = $2 AND key = $3",
        )
        .bind(&self.tenant)
        .bind(&self.token)
        .bind(key)
        .fetch_optional(executor)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        if row.try_get::<String, _>("request")? != self.request {
            let message = "this Idempotency-Key was used for another request";
            return Err(Problem::unacceptable(message));
        }
        let status = StatusCode::from_u16(row.try_get::<i64, _>("status")? as u16);
        let location: String = row.try_get("location")?;
        Ok(Some(reply(
            status.unwrap_or(StatusCode::OK),
            row.try_get("body")?,
            Some(&location),
        )))
    }

    /// The answer that is given now.
    pub async fn remember(
        &self,
        tx: &mut Tx,
        status: StatusCode,
        document: &impl Serialize,
        location: &str,
    ) -> Answer<Response> {
        let body = to_store(document)?;
        if let Some(key) = &self.key {
            sqlx::query(
                "INSERT INTO idempotency \
                 (tenant, token, key, request, status, body, location, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(&self.tenant)
            .bind(&self.token)
            .bind(key)
            .bind(&self.request)
            .bind(i64::from(status.as_u16()))
            .bind(&body)
            .bind(location)
            .bind(now())
            .execute(&mut **tx)
            .await?;
        }
        Ok(reply(status, body, Some(location)))
    }
}

/// Sends an accepted file, or the part of it for which the caller asks.
pub async fn send_file(
    blobs: &Blobs,
    id: &str,
    file: &StoredFile,
    headers: &HeaderMap,
) -> Answer<Response> {
    let failed = |e: std::io::Error| Problem::internal("opening a file", e);
    let bytes = u64::try_from(file.bytes).unwrap_or(0);
    let etag = format!("\"{}\"", file.checksum);
    let part = range::wanted(headers, bytes, &etag)?;
    let range = part.clone().unwrap_or(0..bytes);
    let pieces = blobs.read(id, range.clone()).await.map_err(failed)?;
    let stream = futures_util::stream::try_unfold(pieces, |mut pieces| async move {
        let piece = pieces.next().await?;
        Ok::<_, std::io::Error>(piece.map(|piece| (piece, pieces)))
    });
    let mut response = Body::from_stream(stream).into_response();
    if part.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    let about = [
        (
            header::CONTENT_LENGTH,
            (range.end - range.start).to_string(),
        ),
        (header::ETAG, etag),
        (HeaderName::from_static(CHECKSUM), file.checksum.clone()),
    ];
    let of_part = part.map(|part| {
        let value = format!("bytes {}-{}/{bytes}", part.start, part.end - 1);
        (header::CONTENT_RANGE, value)
    });
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    for (name, value) in about.into_iter().chain(of_part) {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// The header with the blake3 checksum of a file.
pub const CHECKSUM: &str = "tapetum-blake3";
