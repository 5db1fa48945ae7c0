//! The public key: anyone who has it can encrypt.

use std::fmt;

use tapetum_ring::sampling::{Seed, uniform};
use tapetum_ring::{Evaluation, Poly};

use crate::id::Id;
use crate::parameters::Parameters;

/// An encryption of zero, (b, a) with b + a s = e, a expanded from a seed.
#[derive(Clone, PartialEq)]
pub struct PublicKey {
    parameters: Parameters,
    key_set: Option<Id>,
    seed: Seed,
    b: Poly<Evaluation>,
    a: Poly<Evaluation>,
}

impl PublicKey {
    /// The caller guarantees that `b` lives over Q at the highest level of messages.
    pub(crate) fn new(
        parameters: &Parameters,
        key_set: Option<Id>,
        seed: Seed,
        b: Poly<Evaluation>,
    ) -> Self {
        let a = uniform(b.basis(), seed);
        Self {
            parameters: parameters.clone(),
            key_set,
            seed,
            b,
            a,
        }
    }

    /// The parameters that the key belongs to.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The id of the secret key that it was made from, if that has one.
    pub fn key_set(&self) -> Option<Id> {
        self.key_set
    }

    pub(crate) fn seed(&self) -> Seed {
        self.seed
    }

    pub(crate) fn b(&self) -> &Poly<Evaluation> {
        &self.b
    }

    pub(crate) fn a(&self) -> &Poly<Evaluation> {
        &self.a
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.parameters.digest())
    }
}
