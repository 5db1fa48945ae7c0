//! Encrypted models that jobs have trained.

use serde::{Deserialize, Serialize};
use tapetum_learn::TrainingSpec;

use super::resource::{Download, OWNER, Resource};
use crate::auth::Scope;
use crate::id::Kind;

/// The role of a model's file.
pub const ROLE: &str = "model";

/// The model itself is opened by the owner's secret key only, so nobody else needs it.
pub const RESOURCE: Resource = Resource {
    kind: Kind::Model,
    path: "models",
    readers: &[Scope::Classify],
    file: Some(Download {
        path: "content",
        role: ROLE,
        readers: OWNER,
    }),
};

/// What is told of a model.
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
    /// On how many samples.
    pub samples: usize,
    /// Whether the server saw the labels.
    pub labels: String,
    /// The level that is left.
    pub level: usize,
}
