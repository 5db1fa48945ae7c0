//! How large a modulus a ring degree allows.
//!
//! The bounds are for a uniform ternary secret and sigma = 3.19, against the best known classical
//! attacks: the table of Bossuat et al., *Security Guidelines for Implementing Homomorphic
//! Encryption*, 2024 (eprint 2024/463), with the stricter value wherever the older
//! Homomorphic Encryption Standard (Albrecht et al., 2018) is stricter. See `docs/parameters.md`.

use std::fmt;

use thiserror::Error;

/// (log N, largest log2(QP) at 128 bits, the same at 192 bits).
pub(super) const TABLE: [(u32, f64, f64); 6] = [
    (12, 106.0, 73.0),
    (13, 214.0, 147.0),
    (14, 430.0, 297.0),
    (15, 868.0, 597.0),
    (16, 1747.0, 1199.0),
    (17, 3523.0, 2411.0),
];

/// The coefficients of the ephemeral secret of bootstrapping that are not zero.
pub const EPHEMERAL_WEIGHT: usize = 32;

/// (log N, largest log2(q_0 p_0) at 128 bits) for a ternary secret of which only
/// [`EPHEMERAL_WEIGHT`] coefficients are not zero: the largest modulus at which the authors of
/// sparse-secret encapsulation (Bossuat, Troncoso-Pastoriza, Hubaux, 2022) use such a secret in
/// N = 2^16, where hybrid attacks cost 2^142 or more. In a larger ring such a secret is no easier to
/// find. Their set for N = 2^15 is not offered: there the attacks cost 2^126.
pub(super) const SPARSE_TABLE: [(u32, f64); 2] = [(16, 121.0), (17, 121.0)];

/// The row of N = 2^15, below 128 bits, for tests: half the ring, half the time.
#[cfg(any(test, feature = "insecure"))]
const WEAK_ROW: Option<(u32, f64)> = Some((15, 96.0));
#[cfg(not(any(test, feature = "insecure")))]
const WEAK_ROW: Option<(u32, f64)> = None;

/// The security that a key has, by the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecurityLevel {
    /// At least 128 bits.
    Bits128,
    /// At least 192 bits.
    Bits192,
}

impl SecurityLevel {
    /// The number of bits: 128 or 192.
    pub fn bits(self) -> u32 {
        match self {
            Self::Bits128 => 128,
            Self::Bits192 => 192,
        }
    }
}

impl fmt::Display for SecurityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bits", self.bits())
    }
}

/// A key under this modulus would have less than 128 bits of security.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum SecurityError {
    /// The modulus is too large for the ring degree.
    #[error(
        "log N = {log_n} allows a modulus of {allowed} bits at 128-bit security, but a key would \
         have {found:.1}: use a larger log N, or fewer or smaller primes"
    )]
    Modulus {
        /// log2 of the ring degree.
        log_n: u32,
        /// The largest log2 of the modulus.
        allowed: f64,
        /// What it would be.
        found: f64,
    },
    /// The modulus is too large for a sparse secret.
    #[error(
        "log N = {log_n} allows a modulus of {allowed} bits to the sparse secret of bootstrapping \
         at 128-bit security, but its key would have {found:.1}: use smaller first primes of Q \
         and P"
    )]
    SparseModulus {
        /// log2 of the ring degree.
        log_n: u32,
        /// The largest log2 of the modulus.
        allowed: f64,
        /// What it would be.
        found: f64,
    },
    /// The table for sparse secrets says nothing about this ring degree.
    #[error(
        "log N = {0} is not in the security table of sparse secrets, which has 16 and 17: bootstrap in N = 2^16 (the preset n16-bootstrapping)"
    )]
    SparseDegree(u32),
    /// The table says nothing about this ring degree.
    #[error("log N = {0} is not in the security table, which has 12 to 17")]
    Degree(u32),
}

/// The security of a key for N = 2^`log_n` and a modulus of `log_modulus` bits.
///
/// # Errors
/// [`SecurityError`] below 128 bits, and for a ring degree that the table does not have.
pub fn security_level(log_n: u32, log_modulus: f64) -> Result<SecurityLevel, SecurityError> {
    let &(_, allowed, strong) = TABLE
        .iter()
        .find(|row| row.0 == log_n)
        .ok_or(SecurityError::Degree(log_n))?;
    if log_modulus <= strong {
        Ok(SecurityLevel::Bits192)
    } else if log_modulus <= allowed {
        Ok(SecurityLevel::Bits128)
    } else {
        Err(SecurityError::Modulus {
            log_n,
            allowed,
            found: log_modulus,
        })
    }
}

/// The security of a key that hides something under a ternary secret with [`EPHEMERAL_WEIGHT`]
/// coefficients that are not zero, for N = 2^`log_n` and a modulus of `log_modulus` bits.
///
/// # Errors
/// [`SecurityError`] if the table does not say that it has 128 bits.
pub fn sparse_security(log_n: u32, log_modulus: f64) -> Result<SecurityLevel, SecurityError> {
    let (_, allowed) = SPARSE_TABLE
        .into_iter()
        .chain(WEAK_ROW)
        .find(|row| row.0 == log_n)
        .ok_or(SecurityError::SparseDegree(log_n))?;
    if log_modulus <= allowed {
        Ok(SecurityLevel::Bits128)
    } else {
        Err(SecurityError::SparseModulus {
            log_n,
            allowed,
            found: log_modulus,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_sharp() {
        for (log_n, allowed, strong) in TABLE {
            use SecurityLevel::{Bits128, Bits192};
            assert_eq!(security_level(log_n, strong), Ok(Bits192));
            assert_eq!(security_level(log_n, strong + 0.01), Ok(Bits128));
            assert_eq!(security_level(log_n, allowed), Ok(Bits128));
            assert!(security_level(log_n, allowed + 0.01).is_err());
            assert!(security_level(log_n, f64::NAN).is_err());
        }
        assert_eq!(security_level(11, 20.0), Err(SecurityError::Degree(11)));
        for (log_n, allowed) in SPARSE_TABLE.into_iter().chain(WEAK_ROW) {
            assert_eq!(sparse_security(log_n, allowed), Ok(SecurityLevel::Bits128));
            assert!(sparse_security(log_n, allowed + 0.01).is_err());
            assert!(sparse_security(log_n, f64::NAN).is_err());
            // A sparse secret never allows more than a dense one.
            assert!(security_level(log_n, allowed).is_ok());
        }
        // What may be chosen is in the table, what tests alone use is not.
        assert!(SPARSE_TABLE.iter().all(|row| row.0 >= 16));
        let error = SecurityError::SparseDegree(14);
        assert_eq!(sparse_security(14, 20.0), Err(error));
    }
}
