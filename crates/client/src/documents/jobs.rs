//! Trainings and classifications.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tapetum_learn::{ScoreThreshold, TrainingSpec};

use super::Problem;

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Waits for a worker.
    Queued,
    /// A worker computes.
    Running,
    /// The result is there.
    Succeeded,
    /// It cannot be done.
    Failed,
    /// Ended on request.
    Cancelled,
}

impl State {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it does not change any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// Progress of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProgressView {
    /// Units that are done.
    pub done: i64,
    /// Units in all; 0 as long as that is unknown.
    pub total: i64,
    /// What has just been done.
    pub what: String,
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = Job))]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// The id of the token that created it.
    pub token: String,
    /// Its state.
    pub state: State,
    /// Its progress.
    pub progress: ProgressView,
    /// How often it was started: more than once if workers died.
    pub attempts: i64,
    /// What it works on: a [`TrainingRequest`] or [`ClassificationRequest`].
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub request: Value,
    /// The id of the model, once a training has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Why it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// When it was created, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was last started; 0 before that.
    pub started_at: i64,
    /// When it was finished; 0 before that.
    pub finished_at: i64,
}

/// What a training works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrainingRequest {
    /// The id of the data set.
    pub data_set: String,
    /// The id of the key set.
    pub key_set: String,
    /// The id of the parameter set.
    pub parameter_set: String,
    /// How to train.
    pub recipe: TrainingSpec,
    /// The ids of the parts, in order.
    pub parts: Vec<String>,
    /// The number of samples in them.
    pub samples: usize,
    /// Contributors whose samples are left out, as if they had never been there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// With mini-batches: it ends after so many iterations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<usize>,
    /// Bytes of memory that are set aside for it; 0 where that was not planned yet.
    #[serde(default)]
    pub memory: u64,
}

/// What a classification works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClassificationRequest {
    /// The id of the model or network.
    pub model: String,
    /// The id of the key set.
    pub key_set: String,
    /// The id of the parameter set.
    pub parameter_set: String,
    /// How scores become predictions on the server, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<ScoreThreshold>,
    /// Whether the model is not encrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
    /// The number of samples.
    pub samples: usize,
    /// Bytes of memory that are set aside for it; 0 where that was not planned yet.
    #[serde(default)]
    pub memory: u64,
}
