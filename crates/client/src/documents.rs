//! The JSON documents of the interface. Field names and values are part of it and do not change.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tapetum_learn::{ScoreThreshold, TrainingSpec};

/// The media type of a [`Problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";
/// The header with the blake3 checksum of a file.
pub const CHECKSUM: &str = "tapetum-blake3";

/// Why a request was refused or a job failed, as RFC 9457 has it.
///
/// Details are for the caller. They are about what the caller sent, and never about secrets, paths on the server or
/// anything that belongs to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Everything that belongs to the tenant.
    Owner,
    /// Adding parts to data sets.
    Contributor,
    /// Classifying.
    Classify,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Contributor, Self::Classify];

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Contributor => "contributor",
            Self::Classify => "classify",
        }
    }

    /// The scope of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List<T> {
    /// The entries, oldest first.
    pub items: Vec<T>,
}

/// A token that has just been issued.
#[derive(Serialize, Deserialize)]
pub struct NewToken {
    /// Its id.
    pub id: String,
    /// The token itself: shown once, not stored.
    pub token: String,
    /// A name for people.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it expires, in milliseconds since 1970; 0 means never.
    pub expires_at: i64,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// Something stored: a parameter set, a key set, a data set, a part of one, a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    /// Its id.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// When it was created, in milliseconds since 1970.
    pub created_at: i64,
    /// The id of the token that created it.
    pub token: String,
    /// What depends on the kind: [`KeysDetails`], [`DataSetDetails`], [`PartDetails`], [`ModelDetails`].
    pub details: Value,
    /// Its files.
    #[serde(default)]
    pub files: Vec<StoredFile>,
}

/// A file of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// What it is to the object.
    pub role: String,
    /// Its size.
    pub bytes: i64,
    /// Its blake3 checksum, in hexadecimal.
    pub checksum: String,
}

/// Details of a key set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeysDetails {
    /// The id of the parameter set.
    pub parameter_set: String,
    /// The number of Galois keys.
    pub galois_keys: usize,
    /// Whether there is a relinearisation key.
    pub relinearization: bool,
    /// Whether there are keys to bootstrap with.
    pub bootstrapping: bool,
}

/// Details of a data set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DataSetDetails {
    /// The id of the parameter set.
    pub parameter_set: String,
    /// What is trained on it.
    pub recipe: TrainingSpec,
}

/// Details of a part of a data set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartDetails {
    /// Samples.
    pub samples: usize,
    /// Mini-batches.
    pub batches: usize,
    /// The lowest level of features.
    pub level: usize,
    /// `clear` or `encrypted`: whether the server sees the labels.
    pub labels: String,
}

/// Details of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelDetails {
    /// The id of the job that trained it.
    pub training_job: String,
    /// The id of the data set.
    pub data_set: String,
    /// The id of the key set.
    pub key_set: String,
    /// The id of the parameter set.
    pub parameter_set: String,
    /// How it was trained.
    pub recipe: TrainingSpec,
    /// The number of samples it was trained on.
    pub samples: usize,
    /// `clear` or `encrypted`: whether the server saw the labels.
    pub labels: String,
    /// The level that is left.
    pub level: usize,
}

/// What was deleted, and where the audit log says so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The id of what was deleted.
    pub id: String,
    /// When, in milliseconds since 1970.
    pub deleted_at: i64,
    /// The files that were removed, those of its parts included.
    pub files: Vec<StoredFile>,
    /// The number of the record in the audit log.
    pub audit_seq: i64,
    /// The hash of that record.
    pub audit_hash: String,
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// What a classification works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClassificationRequest {
    /// The id of the model.
    pub model: String,
    /// The id of the key set.
    pub key_set: String,
    /// The id of the parameter set.
    pub parameter_set: String,
    /// How scores become predictions on the server, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<ScoreThreshold>,
    /// The number of samples.
    pub samples: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_in_what_is_logged() {
        let token = NewToken {
            id: "tok_1".to_owned(),
            token: "tpt_secret".to_owned(),
            name: "a clinic".to_owned(),
            scopes: vec![Scope::Classify],
            expires_at: 0,
        };
        let told = format!("{token:?}");
        assert!(told.contains("tok_1") && !told.contains("secret"), "{told}");
    }
}
