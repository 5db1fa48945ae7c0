//! Why something was not done: one type for files, jobs and requests alike.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tapetum_client::Problem;

/// What may fail. `E` is there so that this can stand beside other errors.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was not done, for the caller.
///
/// Details are about what the caller sent, and never about secrets, paths on the server or anything that belongs to
/// others. The cause of an internal error is in the log only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    detail: String,
    /// Seconds to wait before trying again.
    retry_after: Option<u64>,
}

/// Kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request itself is malformed.
    Malformed,
    /// No token, or not a valid one.
    Unauthorized,
    /// The token lacks the scope.
    Forbidden,
    /// There is no such thing, or it belongs to somebody else, which is not told apart.
    NotFound,
    /// The address does not know the method.
    Method,
    /// It conflicts with the state of things.
    Conflict,
    /// A job that was cancelled.
    Cancelled,
    /// Another version of the protocol.
    Version,
    /// Larger than allowed.
    TooLarge,
    /// Another media type is expected.
    MediaType,
    /// A part of a file that lies beyond its end.
    Range,
    /// Well-formed, but it cannot be accepted.
    Unacceptable,
    /// Somebody has sent a secret key.
    SecretMaterial,
    /// Another request is at it.
    Locked,
    /// More than this caller may have at a time.
    TooMany,
    /// The server failed.
    Internal,
    /// A job whose worker died too often.
    Abandoned,
    /// The server has too much to do.
    Busy,
    /// The tenant's storage is used up.
    Quota,
}

impl ErrorKind {
    /// The HTTP status, the end of the URN, and the title.
    fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Malformed => (400, "malformed-request", "Malformed request"),
            Self::Unauthorized => (401, "unauthorized", "A valid token is needed"),
            Self::Forbidden => (403, "forbidden", "The token does not allow this"),
            Self::NotFound => (404, "not-found", "Not found"),
            Self::Method => (405, "method", "Method not allowed"),
            Self::Conflict => (409, "conflict", "Conflict"),
            Self::Cancelled => (409, "cancelled", "Cancelled"),
            Self::Version => (412, "version", "Unsupported version of the protocol"),
            Self::TooLarge => (413, "too-large", "Larger than allowed"),
            Self::MediaType => (415, "media-type", "Unsupported media type"),
            Self::Range => (416, "range", "The file ends before this range"),
            Self::Unacceptable => (422, "unacceptable", "The content cannot be accepted"),
            Self::SecretMaterial => (422, "secret-key", "A secret key is refused"),
            Self::Locked => (423, "locked", "Concurrent request"),
            Self::TooMany => (429, "too-many", "Too many at a time"),
            Self::Internal => (500, "internal", "The server failed"),
            Self::Abandoned => (500, "abandoned", "The job was given up"),
            Self::Busy => (503, "busy", "The server is busy"),
            Self::Quota => (507, "quota", "The storage quota is used up"),
        }
    }
}

impl Error {
    fn new(kind: ErrorKind, detail: impl fmt::Display) -> Self {
        Self {
            kind,
            detail: detail.to_string(),
            retry_after: None,
        }
    }

    /// Says something more.
    pub fn and(mut self, more: &str) -> Self {
        self.detail = format!("{}; {more}", self.detail);
        self
    }

    fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.kind.row().0
    }

    /// See [`ErrorKind::Malformed`].
    pub fn request(detail: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Malformed, detail)
    }

    /// See [`ErrorKind::Unauthorized`].
    pub fn unauthorized() -> Self {
        let detail =
            "send `Authorization: Bearer TOKEN` with a token that is neither expired nor revoked";
        Self::new(ErrorKind::Unauthorized, detail)
    }

    /// See [`ErrorKind::Forbidden`].
    pub fn forbidden(scopes: &str) -> Self {
        let detail = format!("a token with the scope {scopes} is needed");
        Self::new(ErrorKind::Forbidden, detail)
    }

    /// See [`ErrorKind::NotFound`].
    pub fn not_found(what: &str) -> Self {
        let detail = format!("there is no such {what}, or it is not yours");
        Self::new(ErrorKind::NotFound, detail)
    }

    /// See [`ErrorKind::Method`].
    pub fn method() -> Self {
        Self::new(ErrorKind::Method, "this address does not know this method")
    }

    /// See [`ErrorKind::Conflict`].
    pub fn conflict(detail: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Conflict, detail)
    }

    /// See [`ErrorKind::Cancelled`].
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "the job was cancelled on request")
    }

    /// See [`ErrorKind::Version`].
    pub fn version(detail: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Version, detail)
    }

    /// See [`ErrorKind::TooLarge`].
    pub fn too_large(detail: impl fmt::Display) -> Self {
        Self::new(ErrorKind::TooLarge, detail)
    }

    /// See [`ErrorKind::MediaType`].
    pub fn media_type(expected: &str) -> Self {
        let detail = format!("send Content-Type: {expected}");
        Self::new(ErrorKind::MediaType, detail)
    }

    /// See [`ErrorKind::Range`].
    pub fn range(bytes: u64) -> Self {
        Self::new(ErrorKind::Range, format!("the file has {bytes} bytes"))
    }

    /// See [`ErrorKind::Unacceptable`].
    pub fn unacceptable(detail: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Unacceptable, detail)
    }

    /// See [`ErrorKind::SecretMaterial`].
    pub fn secret_key() -> Self {
        let detail = "this is a secret key, which must never leave its owner. It was deleted at \
                      once, but it has been on a network and on a server: make new keys";
        Self::new(ErrorKind::SecretMaterial, detail)
    }

    /// See [`ErrorKind::Locked`].
    pub fn locked(detail: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Locked, detail)
    }

    /// See [`ErrorKind::TooMany`].
    pub fn too_many(detail: impl fmt::Display, seconds: u64) -> Self {
        Self::new(ErrorKind::TooMany, detail).after(seconds)
    }

    /// See [`ErrorKind::Busy`].
    pub fn busy(detail: impl fmt::Display, seconds: u64) -> Self {
        Self::new(ErrorKind::Busy, detail).after(seconds)
    }

    /// See [`ErrorKind::Quota`].
    pub fn quota(detail: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Quota, detail)
    }

    /// See [`ErrorKind::Internal`]. What happened goes to the operator's log only.
    pub fn internal(what: &str, error: impl fmt::Display) -> Self {
        tracing::error!(what, %error, "internal error");
        Self::new(ErrorKind::Internal, "the cause is in the server's log")
    }

    /// See [`ErrorKind::Abandoned`].
    pub fn abandoned(attempts: i64) -> Self {
        let detail = format!("its worker died {attempts} times");
        Self::new(ErrorKind::Abandoned, detail)
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let (status, slug, title) = error.kind.row();
        Self {
            kind: format!("urn:tapetum:problem:{slug}"),
            title: title.to_owned(),
            status,
            detail: error.detail.clone(),
            retry_after: error.retry_after,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.row().2, self.detail)
    }
}

impl std::error::Error for Error {}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::busy("the database is overloaded", 2),
            // SQLITE_BUSY, and PostgreSQL's lock_not_available.
            sqlx::Error::Database(error)
                if matches!(error.code().as_deref(), Some("5" | "55P03")) =>
            {
                Self::busy("the database is overloaded", 2)
            }
            error => Self::internal("the database", error),
        }
    }
}

/// Why a server or worker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file system failed.
    #[error("cannot use the data folder")]
    Folder(#[from] io::Error),
    /// The place for files failed.
    #[error("cannot use the place for files: {0}")]
    Files(io::Error),
    /// The system gives no threads.
    #[error("cannot start threads")]
    Threads(#[source] io::Error),
    /// The database is of a later version of the program.
    #[error(
        "the database was last used by version {0} of this program, which is newer than this one ({this}): start that \
         version, or restore a backup from before",
        this = env!("CARGO_PKG_VERSION")
    )]
    Newer(String),
    /// The address is not available.
    #[error("cannot listen at {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// Another server uses the folder.
    #[error("another server uses this data folder: stop it first")]
    InUse,
    /// The database failed.
    #[error("cannot use the database")]
    Database(#[from] sqlx::Error),
    /// The certificate cannot be used.
    #[error("cannot use the certificate: {0}")]
    Certificate(String),
    /// The folder has no page for browsers.
    #[error(
        "{0} is not a folder with the browser's page ({1}): make one with `cargo run -p xtask --features page -- page`"
    )]
    Page(PathBuf, String),
    /// Something else failed, and see the log.
    #[error(transparent)]
    Other(#[from] Error),
}
