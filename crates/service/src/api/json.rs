//! Documents in requests and answers.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};
use tapetum_client::{CHECKSUM, StoredFile};

use super::range;
use crate::error::{Error, Result};
use crate::state::App;
use crate::store::blobs::Blobs;
use crate::store::db::to_store;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The largest float that is one whole number only.
const MAX_WHOLE: f64 = ((1u64 << 53) - 1) as f64;

/// A JSON body: its text and what it says.
pub struct Json<T> {
    /// As it came.
    pub text: Bytes,
    /// What it says.
    pub value: T,
}

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let is_json = kind
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.split(';').next().map(str::trim) == Some("application/json"));
        if !is_json {
            return Err(Error::media_type("application/json"));
        }
        let window = app.config.limits.window;
        let body = tokio::time::timeout(window, Bytes::from_request(request, app));
        let text = body
            .await
            .map_err(|_| Error::request("the request body timed out"))?
            .map_err(|_| Error::too_large("the document exceeds 64 KiB"))?;
        let mut document = serde_json::from_slice(&text).map_err(Error::request)?;
        make_whole(&mut document);
        let value = serde_json::from_value(document).map_err(Error::request)?;
        Ok(Self { text, value })
    }
}

/// Writes 3.0 as 3, which is the same number to JSON and an integer to JSON Schema.
fn make_whole(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        Value::Number(number) => {
            let float = number.as_f64().filter(|_| number.is_f64());
            // Beyond that a float does not know its last digits.
            let whole = float.filter(|float| float.fract() == 0.0 && float.abs() <= MAX_WHOLE);
            if let Some(whole) = whole {
                *number = Number::from(whole as i64);
            }
        }
        _ => (),
    }
}

/// What is in the query, as [`axum::extract::Query`] but refused with a problem.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let found = axum::extract::Query::from_request_parts(parts, app).await;
        found.map(|query| Self(query.0)).map_err(Error::request)
    }
}

/// What is in the path, as [`axum::extract::Path`] but refused with a problem.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let found = axum::extract::Path::from_request_parts(parts, app).await;
        found
            .map(|path| Self(path.0))
            .map_err(|_| Error::not_found("address"))
    }
}

/// 200 with a document.
pub fn ok(document: &impl Serialize) -> Result<Response> {
    Ok(reply(StatusCode::OK, to_store(document)?, None))
}

/// A document, and where what it describes is to be found.
pub fn reply(status: StatusCode, body: String, location: Option<&str>) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    if let Some(location) = location.and_then(|location| location.parse().ok()) {
        headers.insert(header::LOCATION, location);
    }
    response
}

/// Sends an accepted file, or the part of it for which the caller asks.
pub async fn send_file(
    blobs: &Blobs,
    id: &str,
    file: &StoredFile,
    headers: &HeaderMap,
) -> Result<Response> {
    let failed = |e: std::io::Error| Error::internal("opening a file", e);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_integers_however_they_are_written() {
        let text =
            "[3.0, -2e3, 0.5, 9007199254740994.0, 1e300, {\"a\": [7.0]}, 18446744073709551615]";
        let mut value = serde_json::from_str(text).unwrap();
        make_whole(&mut value);
        let expected = "[3,-2000,0.5,9007199254740994.0,1e+300,{\"a\":[7]},18446744073709551615]";
        assert_eq!(value.to_string(), expected);
    }
}
