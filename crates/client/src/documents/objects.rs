//! What is stored.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tapetum_learn::{PlainModelSpec, TrainingSpec};

/// Something stored: a parameter set, a key set, a data set, a part of one, a model, a network.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Object {
    /// Its id.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// When it was created, in milliseconds since 1970.
    pub created_at: i64,
    /// The id of the token that created it.
    pub token: String,
    /// What depends on the kind: [`KeysDetails`], [`DataSetDetails`], [`PartDetails`], [`ModelDetails`],
    /// [`NetworkDetails`](super::NetworkDetails).
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub details: Value,
    /// Its files.
    #[serde(default)]
    pub files: Vec<StoredFile>,
}

/// A file of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StoredFile {
    /// What it is to the object.
    pub role: String,
    /// Its size.
    pub bytes: i64,
    /// Its blake3 checksum, in hexadecimal.
    pub checksum: String,
}

/// A file on its way, which is not used yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = Upload))]
pub struct UploadView {
    /// Its id.
    pub id: String,
    /// The id of the token that sends it.
    pub token: String,
    /// Bytes that were announced.
    pub length: i64,
    /// Whether all of them have arrived.
    pub complete: bool,
    /// When it was started, in milliseconds since 1970.
    pub created_at: i64,
    /// When it is removed, unless more arrives or it is used.
    pub expires_at: i64,
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
    /// The id that all keys of one owner carry; keys of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_set: Option<String>,
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
    /// Whose samples these are, by their own word.
    #[serde(default)]
    pub contributors: Vec<String>,
    /// Bytes that all of it takes in memory; 0 where that was not known yet.
    #[serde(default)]
    pub expanded_bytes: u64,
    /// The most bytes that a mini-batch of it takes there.
    #[serde(default)]
    pub largest_batch_bytes: u64,
    /// Random ids of the keys and features, where the file has them.
    #[serde(default)]
    pub ids: tapetum_learn::Origin,
}

/// Details of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelDetails {
    /// The id of the key set.
    pub key_set: String,
    /// The id of the parameter set.
    pub parameter_set: String,
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// Where a model comes from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Origin {
    /// It was trained under encryption, and only the owner can read it.
    Trained(Box<TrainedDetails>),
    /// It was sent, and is not encrypted.
    Plain {
        /// What it classifies.
        plain: PlainModelSpec,
    },
}

/// Details of a training that has made a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrainedDetails {
    /// The id of the job that trained it.
    pub training_job: String,
    /// The id of the data set.
    pub data_set: String,
    /// How it was trained.
    pub recipe: TrainingSpec,
    /// The number of samples it was trained on.
    pub samples: usize,
    /// `clear` or `encrypted`: whether the server saw the labels.
    pub labels: String,
    /// The level that is left.
    pub level: usize,
    /// Random ids of the keys and features of its samples, where these have them.
    #[serde(default)]
    pub ids: tapetum_learn::Origin,
}

impl ModelDetails {
    /// Random ids of the keys and features that it was trained on, as far as they are known.
    pub fn ids(&self) -> tapetum_learn::Origin {
        match &self.origin {
            Origin::Trained(trained) => trained.ids,
            Origin::Plain { .. } => tapetum_learn::Origin::default(),
        }
    }

    /// Features of a sample.
    pub fn columns(&self) -> usize {
        match &self.origin {
            Origin::Trained(trained) => trained.recipe.columns,
            Origin::Plain { plain } => plain.columns,
        }
    }

    /// Classes that it tells apart.
    pub fn classes(&self) -> usize {
        match &self.origin {
            Origin::Trained(trained) => trained.recipe.classes,
            Origin::Plain { plain } => plain.classes,
        }
    }
}

/// What was deleted, and where the audit log says so.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
