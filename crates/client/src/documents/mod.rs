//! The JSON documents of the interface. Field names and values are part of it and do not change.

use std::fmt;

use serde::{Deserialize, Serialize};

mod jobs;
mod networks;
mod objects;
mod requests;
mod tokens;

pub use jobs::{ClassificationRequest, JobView, ProgressView, State, TrainingRequest};
pub use networks::NetworkDetails;
pub use objects::{
    DataSetDetails, KeysDetails, ModelDetails, Object, Origin, PartDetails, Receipt, StoredFile,
    TrainedDetails, UploadView,
};
pub use requests::{
    CreateClassification, CreateDataSet, CreateKeySet, CreateModel, CreateNetwork,
    CreateParameterSet, CreatePart, CreateToken, CreateTraining,
};
pub use tokens::{NewToken, Scope, TokenView, Usage, WhoAmI};

/// The media type of a [`Problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";
/// The header with the blake3 checksum of a file.
pub const CHECKSUM: &str = "tapetum-blake3";

/// Why a request was refused or a job failed, as RFC 9457 has it.
///
/// Details are for the caller. They are about what the caller sent, and never about secrets, paths on the server or
/// anything that belongs to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The kind of problem, as a URN that does not change.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time, and what to do about it.
    pub detail: String,
    /// Seconds to wait before trying again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl std::error::Error for Problem {}

/// A list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List<T> {
    /// The entries, oldest first.
    pub items: Vec<T>,
}
