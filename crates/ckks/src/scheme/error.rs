//! What can go wrong, in words for people who know nothing of levels and scales.

use std::fmt;
use std::panic::Location;

use thiserror::Error;

use crate::circuits::BootstrappingError;
use crate::decrypt::DecryptionError;
use crate::encoder::EncodeError;
use crate::encrypt::EncryptionError;
use crate::evaluator::EvaluationError;
use crate::keys::KeyError;
use crate::parameters::{ParametersError, ParametersLiteral};

/// Why settings, keys or values were refused.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum SchemeError {
    /// There are no such vectors.
    #[error("vectors of {0} numbers: there must be at least 1, and at most as many as slots")]
    Length(usize),
    /// There is no such bound.
    #[error("a bound of {0}: it must be positive and at most 65536")]
    Bound(f64),
    /// No parameters have this number of levels.
    #[error("no secure parameters have {0} levels")]
    Levels(usize),
    /// The parameters were refused.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// Vectors cannot be bootstrapped.
    #[error(transparent)]
    Bootstrapping(#[from] BootstrappingError),
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The evaluation keys are those of something else.
    #[error("these evaluation keys were not made for these settings: ask the owner for others")]
    Keys,
    /// A vector has the wrong length.
    #[error("the vector has {found} numbers, but those of this scheme have {expected}")]
    VectorLength {
        /// The length of the scheme.
        expected: usize,
        /// The length of the vector.
        found: usize,
    },
    /// A value is beyond the bound.
    #[error("the value {value} at index {index} is not within the bound of {bound}")]
    Beyond {
        /// The value.
        value: f64,
        /// Where it is.
        index: usize,
        /// The largest magnitude.
        bound: f64,
    },
    /// The ciphertext is not one that a vector travels in.
    #[error("this ciphertext is not an encrypted vector of these settings")]
    EncryptedVector,
    /// The vector was made for other settings.
    #[error(
        "this vector was made for {} numbers within a bound of {}, but these settings are for {} \
         within {}: use the settings of who encrypted it",
        found.0, found.1, expected.0, expected.1
    )]
    Settings {
        /// Length and bound of these settings.
        expected: (u64, f64),
        /// Length and bound of the vector.
        found: (u64, f64),
    },
    /// What was decrypted is no vector of real numbers.
    #[error(
        "this vector decrypts to noise: it was encrypted for another owner, or computed with the \
         keys of another, or a number left the range that its parameters can hold"
    )]
    Noise,
    /// The values cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The values cannot be encrypted.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    /// The result cannot be decrypted.
    #[error(transparent)]
    Decryption(#[from] DecryptionError),
}

/// The first thing that went wrong on the way to an encrypted vector, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorError {
    operation: Operation,
    cause: Cause,
}

impl VectorError {
    pub(super) fn new(operation: Operation, cause: Cause) -> Self {
        Self { operation, cause }
    }

    /// What was to be computed, for people.
    pub fn operation(&self) -> &'static str {
        self.operation.name
    }

    /// The place in the program where that was asked for.
    pub fn location(&self) -> &'static Location<'static> {
        self.operation.at
    }

    /// What was wrong.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

impl fmt::Display for VectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operation { name, at } = self.operation;
        write!(f, "{}:{}: {name}: {}", at.file(), at.line(), self.cause)
    }
}

impl std::error::Error for VectorError {}

/// What was wrong with an operation.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// There are too few levels.
    #[error("{}", levels(*needed, *left, *total))]
    Levels {
        /// The levels that it needs.
        needed: usize,
        /// The levels that are left.
        left: usize,
        /// The levels that there were at first.
        total: usize,
    },
    /// Sums can be so large that they would come back as other numbers.
    #[error(
        "the sum can be {growth:.0} times the bound, and at the last level only {room:.0} times the bound can be told \
         from other numbers: ask for one level more, or multiply by a small number before adding up"
    )]
    Range {
        /// How many times the bound the result can be, by the sums that it was made of.
        growth: f64,
        /// How many times there is room for.
        room: f64,
    },
    /// The operands are of two servers, hence perhaps of two owners.
    #[error("the operands belong to different servers")]
    Server,
    /// Something about a plain operand, or the vector that was loaded.
    #[error(transparent)]
    Operand(#[from] SchemeError),
    /// The evaluator refused.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
}

impl From<EncodeError> for Cause {
    fn from(error: EncodeError) -> Self {
        Self::Operand(error.into())
    }
}

fn levels(needed: usize, left: usize, total: usize) -> String {
    let wanted = total - left + needed;
    let advice = match ParametersLiteral::for_levels(wanted, super::LOG_SCALE) {
        Some(literal) => format!(
            "make the settings with levels({wanted}), which takes N = 2^{}",
            literal.log_n
        ),
        None => format!("it would take {wanted} in all, more than any parameters have"),
    };
    format!("it needs {needed} levels, but {left} of {total} are left: {advice}")
}

/// An operation, and where the program asks for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Operation {
    name: &'static str,
    at: &'static Location<'static>,
}

impl Operation {
    /// At the place from which the caller is called.
    #[track_caller]
    pub fn here(name: &'static str) -> Self {
        let at = Location::caller();
        Self { name, at }
    }
}
