//! What is asked for: a document per collection that something is created in.

use serde::{Deserialize, Serialize};
use tapetum_learn::TrainingSpec;

use super::Scope;

macro_rules! requests {
    ($($(#[$about:meta])* $name:ident as $schema:ident { $($fields:tt)* })*) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "schema", schema(as = $schema))]
        pub struct $name {
            /// A name for people.
            #[serde(default)]
            #[cfg_attr(
                feature = "schema",
                schema(max_length = 100, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")
            )]
            pub name: String,
            $($fields)*
        }
    )*};
}

requests! {
    /// A new token.
    CreateToken as NewToken {
        /// What it may be used for.
        #[cfg_attr(feature = "schema", schema(min_items = 1, max_items = 3))]
        pub scopes: Vec<Scope>,
        /// Seconds until it expires; without them it does not.
        #[cfg_attr(feature = "schema", schema(value_type = Option<u64>, maximum = 4294967295u64))]
        pub expires_in: Option<u32>,
    }

    /// A new parameter set.
    CreateParameterSet as NewParameterSet {
        /// The id of an upload of parameters.
        #[cfg_attr(feature = "schema", schema(pattern = "^upl_[0-9a-f]{32}$"))]
        pub upload: String,
    }

    /// A new key set.
    CreateKeySet as NewKeySet {
        /// The id of the parameter set.
        #[cfg_attr(feature = "schema", schema(pattern = "^par_[0-9a-f]{32}$"))]
        pub parameter_set: String,
        /// The id of an upload of evaluation keys.
        #[cfg_attr(feature = "schema", schema(pattern = "^upl_[0-9a-f]{32}$"))]
        pub evaluation_keys: String,
        /// The id of an upload of the public key, for contributors.
        #[cfg_attr(feature = "schema", schema(pattern = "^upl_[0-9a-f]{32}$"))]
        pub public_key: Option<String>,
    }

    /// A new data set, empty at first.
    CreateDataSet as NewDataSet {
        /// The id of the parameter set.
        #[cfg_attr(feature = "schema", schema(pattern = "^par_[0-9a-f]{32}$"))]
        pub parameter_set: String,
        /// What is trained on it.
        #[cfg_attr(feature = "schema", schema(schema_with = training_spec))]
        pub recipe: TrainingSpec,
    }

    /// A new part of a data set.
    CreatePart as NewPart {
        /// The id of an upload of samples with labels.
        #[cfg_attr(feature = "schema", schema(pattern = "^upl_[0-9a-f]{32}$"))]
        pub upload: String,
    }

    /// A training on all parts that a data set has now.
    CreateTraining as NewTraining {
        /// The id of the data set.
        #[cfg_attr(feature = "schema", schema(pattern = "^dat_[0-9a-f]{32}$"))]
        pub data_set: String,
        /// The id of the key set.
        #[cfg_attr(feature = "schema", schema(pattern = "^key_[0-9a-f]{32}$"))]
        pub key_set: String,
        /// Contributors whose samples are left out, as if they had never been there.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schema(max_items = 1000, value_type = Option<Vec<String>>))]
        pub without: Vec<String>,
        /// With mini-batches: the number of iterations after which it ends.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 65536))]
        pub until: Option<usize>,
    }

    /// A plain model, to classify encrypted samples with.
    CreateModel as NewModel {
        /// The id of the key set.
        #[cfg_attr(feature = "schema", schema(pattern = "^key_[0-9a-f]{32}$"))]
        pub key_set: String,
        /// The id of an upload of a model that is not encrypted, as `simulate --export` and `decrypt` write it.
        #[cfg_attr(feature = "schema", schema(pattern = "^upl_[0-9a-f]{32}$"))]
        pub upload: String,
    }

    /// A provider's network, to classify what others have encrypted with keys of their own.
    CreateNetwork as NewNetwork {
        /// The id of the parameter set of its plan.
        #[cfg_attr(feature = "schema", schema(pattern = "^par_[0-9a-f]{32}$"))]
        pub parameter_set: String,
        /// The id of an upload of the network, an ONNX file.
        #[cfg_attr(feature = "schema", schema(pattern = "^upl_[0-9a-f]{32}$"))]
        pub network: String,
        /// The id of an upload of its plan, as `net plan --out` writes it. Everyone may read it.
        #[cfg_attr(feature = "schema", schema(pattern = "^upl_[0-9a-f]{32}$"))]
        pub plan: String,
        /// How many classifications one token may ask for in all; any number without it.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schema(minimum = 1))]
        pub queries_per_token: Option<u32>,
    }

    /// A classification.
    CreateClassification as NewClassification {
        /// The id of the model or network.
        #[cfg_attr(feature = "schema", schema(pattern = "^(mod|net)_[0-9a-f]{32}$"))]
        pub model: String,
        /// The id of the key set: a network has none of its own, and a model's may be left out.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schema(pattern = "^key_[0-9a-f]{32}$"))]
        pub key_set: Option<String>,
        /// The id of an upload of samples, or of an image for the network.
        #[cfg_attr(feature = "schema", schema(pattern = "^upl_[0-9a-f]{32}$"))]
        pub upload: String,
    }
}

impl CreateTraining {
    /// On all samples, to the end.
    pub fn new(name: &str, data_set: &str, key_set: &str) -> Self {
        Self {
            name: name.to_owned(),
            data_set: data_set.to_owned(),
            key_set: key_set.to_owned(),
            without: Vec::new(),
            until: None,
        }
    }
}

/// The server describes training specifications.
#[cfg(feature = "schema")]
fn training_spec() -> utoipa::openapi::Ref {
    utoipa::openapi::Ref::from_schema_name("TrainingSpec")
}
