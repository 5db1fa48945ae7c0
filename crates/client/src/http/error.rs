//! What can go wrong.

use crate::documents::Problem;

/// What a request gives.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address, the token or the like cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The server could not be reached, or the connection broke.
    #[error("the server cannot be reached: {0}")]
    Connection(String),
    /// The certificate is not the one that is trusted.
    #[error("{0}")]
    Certificate(String),
    /// The server refused.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// This client does not understand the server's answer.
    #[error("the server's answer cannot be understood: {0}")]
    Answer(String),
    /// A file could not be read or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The downloaded bytes do not have the announced checksum.
    #[error("the checksum of the download does not match: try again")]
    Checksum,
    /// A job has not succeeded.
    #[error("{id} has {state}: {reason}")]
    Job {
        /// The job.
        id: String,
        /// How it ended.
        state: &'static str,
        /// Why.
        reason: String,
    },
}

impl ClientError {
    /// The server's problem, if the server refused.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}
