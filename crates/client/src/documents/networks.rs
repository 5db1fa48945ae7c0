//! Networks, with which a provider classifies what others have encrypted.

use serde::{Deserialize, Serialize};

/// Details of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkDetails {
    /// The id of the parameter set of its plan.
    pub parameter_set: String,
    /// The hash of its plan, in hexadecimal: images for the network carry it.
    pub plan: String,
    /// The names of its classes, in the order of the scores.
    pub classes: Vec<String>,
    /// How many classifications one token may ask for in all; any number without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queries_per_token: Option<u32>,
    /// Bytes of memory that a classification takes beside the keys.
    pub memory: u64,
}
