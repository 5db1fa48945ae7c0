//! The secret key: the one thing that never leaves its owner.

use std::fmt;
use std::sync::Arc;

use tapetum_ring::sampling::SecretRng;
use tapetum_ring::{Basis, Evaluation, Hedge, Poly};
use zeroize::{Zeroize, Zeroizing};

use super::KeyError;
use crate::id::Id;
use crate::parameters::Parameters;

/// A uniform ternary polynomial s. Wiped from memory when the last clone is dropped; `Debug` shows
/// nothing of it.
#[derive(Clone)]
pub struct SecretKey(Arc<Inner>);

struct Inner {
    parameters: Parameters,
    key_set: Option<Id>,
    coefficients: Zeroizing<Vec<i64>>,
    /// s over Q P at the highest level.
    poly: Poly<Evaluation>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.poly.zeroize();
    }
}

impl SecretKey {
    /// A fresh key, with randomness from the operating system.
    ///
    /// # Errors
    /// [`KeyError::Randomness`] if there is none.
    pub fn generate(parameters: &Parameters) -> Result<Self, KeyError> {
        let coefficients = SecretRng::from_os()?.ternary(parameters.degree());
        let key_set = Some(Id::random()?);
        Ok(Self::from_coefficients(parameters, key_set, coefficients))
    }

    /// A key from the given generator, without an id, for known-answer files.
    #[cfg(any(test, feature = "insecure"))]
    pub fn generate_with(parameters: &Parameters, rng: &mut SecretRng) -> Self {
        Self::from_coefficients(parameters, None, rng.ternary(parameters.degree()))
    }

    /// The caller guarantees N coefficients in {-1, 0, 1}.
    pub(crate) fn from_coefficients(
        parameters: &Parameters,
        key_set: Option<Id>,
        coefficients: Zeroizing<Vec<i64>>,
    ) -> Self {
        debug_assert!(coefficients.iter().all(|c| (-1..=1).contains(c)));
        let basis = parameters.qp(parameters.max_level());
        let poly = Poly::from_coefficients(basis, &coefficients).into_evaluation();
        Self(Arc::new(Inner {
            parameters: parameters.clone(),
            key_set,
            coefficients,
            poly,
        }))
    }

    /// The parameters that the key belongs to.
    pub fn parameters(&self) -> &Parameters {
        &self.0.parameters
    }

    /// What all keys that are made from it carry; nothing if its file was written before there were ids.
    pub fn key_set(&self) -> Option<Id> {
        self.0.key_set
    }

    pub(crate) fn coefficients(&self) -> &[i64] {
        &self.0.coefficients
    }

    /// Generators for what is done with this key, and with nothing else.
    pub(crate) fn hedge(&self, context: &'static str) -> Hedge {
        let mut hedge = Hedge::new(context);
        hedge.coefficients(self.coefficients());
        hedge
    }

    /// s modulo the primes of `basis`, wiped when dropped.
    pub(crate) fn restricted(&self, basis: &Basis) -> Zeroizing<Poly<Evaluation>> {
        Zeroizing::new(self.0.poly.restricted(basis))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.0.parameters.digest())
    }
}
