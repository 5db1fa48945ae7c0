//! What can go wrong in a computation on ciphertexts.

use std::fmt;

use tapetum_ring::sampling::RandomnessError;
use thiserror::Error;

use crate::keys::KeyUnavailable;

/// Why an operation was refused. There is no result.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum EvaluationError {
    /// An operand belongs to other parameters.
    #[error("the operands belong to different parameters")]
    Parameters,
    /// The operands are at different levels.
    #[error(
        "the operands are at levels {left} and {right}: bring the higher one down with lower_to \
         or align"
    )]
    Levels {
        /// Level of the first operand.
        left: usize,
        /// Level of the second.
        right: usize,
    },
    /// The operands have different scales.
    #[error(
        "the operands have scales 2^{left:.3} and 2^{right:.3}: rescale products before adding \
         them to something else, and keep operands at the canonical scale of their level"
    )]
    Scales {
        /// log2 of the first scale.
        left: f64,
        /// log2 of the second.
        right: f64,
    },
    /// There is no level left for the operation.
    #[error(
        "{operation} needs a ciphertext at level {needed} or higher, but it is at {level}: use \
         parameters with more levels, or fewer operations in a row"
    )]
    LevelExhausted {
        /// What was asked for.
        operation: &'static str,
        /// The level of the ciphertext.
        level: usize,
        /// The level that it would need.
        needed: usize,
    },
    /// A ciphertext cannot be raised to a higher level.
    #[error("a ciphertext at level {level} cannot be brought to the higher level {target}")]
    HigherLevel {
        /// The level of the ciphertext.
        level: usize,
        /// The level that was asked for.
        target: usize,
    },
    /// The scale would not leave room for the message under the modulus.
    #[error(
        "the result would have a scale of 2^{log_scale:.1} under a modulus of 2^{log_q:.1}: \
         rescale first, or start at a higher level"
    )]
    ScaleTooLarge {
        /// log2 of the scale of the result.
        log_scale: f64,
        /// log2 of the modulus at the level of the result.
        log_q: f64,
    },
    /// The scale is smaller than the prime that a rescaling divides by.
    #[error("a scale of 2^{log_scale:.1} is too small to be rescaled: multiply before")]
    ScaleTooSmall {
        /// log2 of the scale.
        log_scale: f64,
    },
    /// A transform takes another number of ciphertexts.
    #[error("the transform takes {expected} ciphertexts, but there are {found}")]
    Inputs {
        /// How many there are.
        found: usize,
        /// How many it takes.
        expected: usize,
    },
    /// A transform of several outputs was applied as if it had one.
    #[error("the transform gives {found} ciphertexts: apply it with linear_transforms")]
    Outputs {
        /// How many it gives.
        found: usize,
    },
    /// The operation is defined for another degree.
    #[error(
        "{operation} needs a ciphertext of degree {expected}, but it has degree {found} \
         (relinearize brings a product to degree 1)"
    )]
    Degree {
        /// What was asked for.
        operation: &'static str,
        /// The degree that it is defined for.
        expected: usize,
        /// The degree of the operand.
        found: usize,
    },
    /// The evaluator has no such key.
    #[error("the evaluation keys hold no {0}: have the owner make it")]
    MissingKey(KeyName),
    /// The key serves lower levels only.
    #[error("the {key} was made for level {key_level} and below, the ciphertext is at {level}")]
    KeyLevel {
        /// Which key.
        key: KeyName,
        /// Its highest level.
        key_level: usize,
        /// The level of the ciphertext.
        level: usize,
    },
    /// A key that is kept in a file cannot be read any more.
    #[error(transparent)]
    KeyUnavailable(#[from] KeyUnavailable),
    /// A scalar is not a number, or too large for the scale.
    #[error("the scalar {0} is not finite or too large to be encoded")]
    Scalar(f64),
    /// The operating system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// A sum of no terms.
    #[error("a sum of products needs at least one product")]
    Empty,
    /// A row of weights that does not fit the inputs.
    #[error(
        "output {output} has {found} weights for {inputs} ciphertexts: give one weight for each"
    )]
    Weights {
        /// The index of the output.
        output: usize,
        /// How many weights it has.
        found: usize,
        /// How many inputs there are.
        inputs: usize,
    },
    /// The largest of less than two numbers.
    #[error("the largest of {0} numbers: there must be at least 2")]
    TooFew(usize),
    /// A number of slots that cannot be summed by doubling.
    #[error("the sum of {0} slots: the number must be a power of two, at most the slot count")]
    SlotCount(usize),
}

/// Names a key in an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyName {
    /// The relinearisation key.
    Relinearization,
    /// The key for a rotation by this many steps to the left.
    Rotation(i64),
    /// The key for the conjugation.
    Conjugation,
    /// The encapsulation key of bootstrapping.
    Encapsulation,
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relinearization => write!(f, "relinearisation key"),
            Self::Rotation(steps) => write!(f, "key for rotations by {steps}"),
            Self::Conjugation => write!(f, "key for the conjugation"),
            Self::Encapsulation => write!(f, "encapsulation key"),
        }
    }
}
