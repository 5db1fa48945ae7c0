//! Answers that are problems, in the form of RFC 9457.

use std::fmt::Display;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request, or a job, was not carried out: `application/problem+json`.
///
/// Details are for the caller: they speak of what the caller sent, and never of secrets, of paths on the server, or
/// of anything that belongs to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem it is, as a URN that does not change.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time, and what to do about it.
    pub detail: String,
    /// After how many seconds to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// What a handler returns.
pub type Answer<T> = Result<T, Problem>;

impl Problem {
    fn new(status: StatusCode, slug: &str, title: &str, detail: impl Display) -> Self {
        Self {
            kind: format!("urn:tapetum:problem:{slug}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.to_string(),
            retry_after: None,
        }
    }

    /// 400: the request itself is malformed.
    pub fn request(detail: impl Display) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed-request",
            "The request is malformed",
            detail,
        )
    }

    /// 401: no token, or none that is valid.
    pub fn unauthorized() -> Self {
        let detail =
            "send `Authorization: Bearer TOKEN` with a token that is neither expired nor revoked";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "A valid token is needed",
            detail,
        )
    }

    /// 403: the token does not reach so far.
    pub fn forbidden(scopes: &str) -> Self {
        let detail = format!("this takes a token with the scope {scopes}");
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "The token does not allow this",
            detail,
        )
    }

    /// 404: there is no such thing, or it is somebody else's, which is not told apart.
    pub fn not_found(what: &str) -> Self {
        let detail = format!("there is no such {what}, or it is not yours");
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// 405.
    pub fn method() -> Self {
        let detail = "this address does not know this method";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
            "Method not allowed",
            detail,
        )
    }

    /// 409: it does not go together with what is there.
    pub fn conflict(detail: impl Display) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "conflict",
            "It conflicts with what is there",
            detail,
        )
    }

    /// 412: another version of the protocol.
    pub fn version(detail: impl Display) -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "version",
            "Another version of the protocol",
            detail,
        )
    }

    /// 413: larger than allowed.
    pub fn too_large(detail: impl Display) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "Larger than allowed",
            detail,
        )
    }

    /// 415.
    pub fn media_type(expected: &str) -> Self {
        let detail = format!("send Content-Type: {expected}");
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "Another media type is expected",
            detail,
        )
    }

    /// 416: a part of a file that it does not have.
    pub fn range(bytes: u64) -> Self {
        let detail = format!("the file has {bytes} bytes");
        Self::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "range",
            "The file ends before that",
            detail,
        )
    }

    /// 422: well-formed, but it cannot be accepted.
    pub fn unacceptable(detail: impl Display) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unacceptable",
            "The content cannot be accepted",
            detail,
        )
    }

    /// 422: somebody has sent a secret key.
    pub fn secret_key() -> Self {
        let detail = "this is a secret key, which must never leave its owner. It was deleted at \
                      once, but it has been on a network and on a server: make new keys";
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "secret-key",
            "A secret key is refused",
            detail,
        )
    }

    /// 423: another request is at it.
    pub fn locked(detail: impl Display) -> Self {
        Self::new(
            StatusCode::LOCKED,
            "locked",
            "Another request is at it",
            detail,
        )
    }

    /// 429: more than this caller may have at a time.
    pub fn too_many(detail: impl Display, seconds: u64) -> Self {
        let problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many",
            "Too many at a time",
            detail,
        );
        problem.after(seconds)
    }

    /// 503: the server has too much to do.
    pub fn busy(detail: impl Display, seconds: u64) -> Self {
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "The server is busy",
            detail,
        );
        problem.after(seconds)
    }

    /// 507: the tenant's storage is used up.
    pub fn quota(detail: impl Display) -> Self {
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "quota",
            "The storage quota is used up",
            detail,
        )
    }

    /// 500. What happened is for the operator's log only.
    pub fn internal(what: &str, error: impl Display) -> Self {
        tracing::error!(what, %error, "internal error");
        let detail = "the operator finds the cause in the server's log";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server failed",
            detail,
        )
    }

    /// A job that was ended by the one who wanted it.
    pub fn cancelled() -> Self {
        let detail = "somebody who may do so has cancelled it";
        Self::new(
            StatusCode::CONFLICT,
            "cancelled",
            "It was cancelled",
            detail,
        )
    }

    /// A job whose worker died too often.
    pub fn abandoned(attempts: i64) -> Self {
        let detail = format!("its worker died {attempts} times, so it was given up");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "abandoned",
            "It was given up",
            detail,
        )
    }

    fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::busy("the database has too much to do", 2),
            // SQLITE_BUSY, and PostgreSQL's lock_not_available.
            sqlx::Error::Database(error)
                if matches!(error.code().as_deref(), Some("5" | "55P03")) =>
            {
                Self::busy("the database has too much to do", 2)
            }
            error => Self::internal("the database", error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
