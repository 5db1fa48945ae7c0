//! Keys: who holds which is said in `docs/threat-model.md`.

mod encapsulation;
mod evaluation;
mod generator;
mod plan;
mod public;
mod resident;
mod secret;
mod source;
mod switching;

use tapetum_ring::sampling::RandomnessError;
use thiserror::Error;

use crate::parameters::SecurityError;

pub use encapsulation::EncapsulationKey;
pub(crate) use encapsulation::{check_sparse_security, sparse_basis};
pub use evaluation::{EvaluationKeys, GaloisKey, RelinearizationKey};
pub use generator::KeyGenerator;
pub use plan::KeyPlan;
pub use public::PublicKey;
pub use resident::MemoryBudget;
pub(crate) use resident::Residents;
pub use secret::SecretKey;
pub(crate) use source::KeySource;
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
    /// The plan was made for another ring degree.
    #[error(
        "the plan of keys is for log N = {plan}, but these parameters have log N = {parameters}"
    )]
    Degree {
        /// log2 of the ring degree that the plan is for.
        plan: u32,
        /// That of the parameters.
        parameters: u32,
    },
}

/// A key that was fine when its file was opened cannot be read any more.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the {key} cannot be read from the file of keys any more: {reason}")]
pub struct KeyUnavailable {
    /// Which key.
    pub key: String,
    /// What went wrong.
    pub reason: String,
}
