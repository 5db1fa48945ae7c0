//! What a vector says of the settings that it was made for.

use serde::{Deserialize, Serialize};

/// What the settings add to a ciphertext, without which its numbers mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    /// How many numbers there are.
    pub length: u64,
    /// The largest magnitude of a number.
    pub bound: f64,
}
