//! What must agree for two objects to work together, as a hash.

use std::fmt;

use tapetum_ring::Basis;

use super::literal::{ParametersLiteral, SecretDistribution};

/// A hash of everything that must agree for two objects to work together: ring degree, primes,
/// scale, secret distribution.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub(super) fn new(literal: &ParametersLiteral, q: &Basis, p: &Basis) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("tapetum ckks parameters v1");
        let SecretDistribution::UniformTernary = literal.secret;
        for word in [literal.log_n as u64, literal.log_scale as u64, 0] {
            hasher.update(&word.to_le_bytes());
        }
        for basis in [q, p] {
            hasher.update(&(basis.len() as u64).to_le_bytes());
            for modulus in basis.moduli() {
                hasher.update(&modulus.value().to_le_bytes());
            }
        }
        if let Some(bootstrapping) = &literal.bootstrapping {
            for word in [
                bootstrapping.slots_to_coeffs_levels,
                bootstrapping.coeffs_to_slots_bits.len() as u32,
                bootstrapping.log_message_ratio,
            ] {
                hasher.update(&(word as u64).to_le_bytes());
            }
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// The bytes.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// From the bytes in a file's header, to compare with.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    /// The first eight bytes in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8].iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}
