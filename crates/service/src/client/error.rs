//! What may go wrong.

use crate::error::Problem;

/// Why a request was not carried out.
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
    /// The server answered something that this client does not understand.
    #[error("the server's answer makes no sense: {0}")]
    Answer(String),
    /// A file could not be read or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The bytes that arrived are not those that the server announced.
    #[error("the checksum of what was downloaded does not match: try again")]
    Checksum,
    /// A job was not finished as wanted.
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
    /// What the server has said, if it was the server.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}
