//! Keys: who holds which is said in `docs/threat-model.md`.

mod evaluation;
mod generator;
mod public;
mod secret;
mod switching;

use tapetum_ring::sampling::RandomnessError;
use thiserror::Error;

use crate::parameters::SecurityError;

pub use evaluation::{EvaluationKeys, GaloisKey, KeyPlan, RelinearizationKey};
pub use generator::KeyGenerator;
pub use public::PublicKey;
pub use secret::SecretKey;
pub(crate) use switching::SwitchingKey;

/// Why a key could not be made.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum KeyError {
    /// The operating system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// The key would be too weak.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// The plan asks for keys above the highest level.
    #[error("keys for level {level} were asked for, but the highest level is {max_level}")]
    Level {
        /// What the plan asks for.
        level: usize,
        /// The highest level of the parameters.
        max_level: usize,
    },
}
