//! The headers of tus.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;

use super::arrival::Upload;
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::is_lower_hex;
use crate::state::App;

pub const VERSION: &str = "1.0.0";
pub const EXTENSIONS: &str = "creation,creation-with-upload,expiration,termination";
pub const CONTENT_TYPE: &str = "application/offset+octet-stream";
pub const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub const VERSIONS: HeaderName = HeaderName::from_static("tus-version");
pub const LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// Most characters of the metadata.
pub const MAX_METADATA: usize = 4096;

/// An answer that says how far an upload is.
pub fn state_of(status: StatusCode, upload: &Upload, offset: u64) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(OFFSET, offset.into());
    let expires = std::time::UNIX_EPOCH
        .checked_add(std::time::Duration::from_millis(upload.expires_at as u64))
        .map(http_date);
    if let Some(Ok(expires)) = expires.map(|date| date.parse()) {
        headers.insert(EXPIRES, expires);
    }
    response
}

/// As RFC 9110 has it.
fn http_date(at: std::time::SystemTime) -> String {
    httpdate::fmt_http_date(at)
}

/// A request in this version of the protocol. Requests in another version are answered before a handler sees them.
pub struct Tus {
    /// Who sent it.
    pub caller: Caller,
    /// Its headers.
    pub headers: HeaderMap,
}

impl FromRequestParts<App> for Tus {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let headers = parts.headers.clone();
        let version = headers
            .get(RESUMABLE)
            .and_then(|version| version.to_str().ok());
        if version != Some(VERSION) {
            return Err(Error::version(format!("send Tus-Resumable: {VERSION}")));
        }
        Ok(Self { caller, headers })
    }
}

/// What the body is.
pub fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

/// A header with a number of bytes.
pub fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    let digits = value.filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    digits
        .and_then(|text| text.parse().ok())
        .filter(|&number: &u64| number <= i64::MAX as u64)
        .ok_or_else(|| Error::request(format!("send {name}, a number of bytes")))
}

/// The checksum in the metadata, which are `key base64,key base64,...`.
pub fn checksum(headers: &HeaderMap) -> Result<String> {
    let metadata = headers.get(METADATA).and_then(|value| value.to_str().ok());
    let decode = |text: &str| {
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text)
            .ok()?;
        String::from_utf8(bytes).ok()
    };
    metadata
        .filter(|text| text.len() <= MAX_METADATA)
        .and_then(|text| {
            text.split(',')
                .filter_map(|pair| pair.trim().split_once(' '))
                .find(|(key, _)| *key == "blake3")
                .and_then(|(_, value)| decode(value.trim()))
        })
        .filter(|checksum| checksum.len() == 64 && checksum.bytes().all(is_lower_hex))
        .ok_or_else(|| {
            Error::request(
                "send Upload-Metadata: blake3 CHECKSUM, where CHECKSUM is the hexadecimal checksum in base64",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_read_and_nonsense_is_refused() {
        let sum = blake3::hash(b"x").to_hex().to_string();
        let encoded = base64::engine::general_purpose::STANDARD.encode(&sum);
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(METADATA, text.parse().unwrap());
            checksum(&headers)
        };
        assert_eq!(
            read(&format!("filename eA==, blake3 {encoded}")).unwrap(),
            sum
        );
        for bad in [
            "",
            "blake3",
            "blake3 !",
            "blake3 eA==",
            &format!("blake2 {encoded}"),
        ] {
            assert_eq!(read(bad).unwrap_err().status(), 400, "{bad}");
        }
        let mut headers = HeaderMap::new();
        for (text, expected) in [
            ("12", Some(12)),
            ("-1", None),
            ("+1", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            headers.insert(LENGTH, text.parse().unwrap());
            assert_eq!(number(&headers, &LENGTH).ok(), expected, "{text}");
        }
    }
}
