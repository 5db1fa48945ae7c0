//! Ciphertexts: polynomials (c0, c1) or (c0, c1, c2) with c0 + c1 s + c2 s^2 = scale * message + error.

use std::fmt;

use tapetum_ring::sampling::Seed;
use tapetum_ring::{Evaluation, Poly};

use crate::parameters::Parameters;

/// An encrypted vector of N/2 slots.
///
/// * [`level`](Self::level): how many rescalings it can take.
/// * [`scale`](Self::scale): the factor between slots and what is encrypted.
/// * [`degree`](Self::degree): 1, or 2 for a product that has not been relinearised.
#[derive(Clone, PartialEq)]
pub struct Ciphertext {
    parameters: Parameters,
    parts: Vec<Poly<Evaluation>>,
    scale: f64,
    /// What c1 was expanded from, if nothing has been computed on it yet.
    seed: Option<Seed>,
}

impl Ciphertext {
    /// The caller guarantees two or three parts of one basis of `parameters` and a finite
    /// positive scale.
    pub(crate) fn new(parameters: &Parameters, parts: Vec<Poly<Evaluation>>, scale: f64) -> Self {
        debug_assert!((2..=3).contains(&parts.len()) && scale > 0.0 && scale.is_finite());
        Self {
            parameters: parameters.clone(),
            parts,
            scale,
            seed: None,
        }
    }

    /// The caller guarantees that `parts[1]` is the expansion of `seed`.
    pub(crate) fn with_seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The parameters that it belongs to.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// How many rescalings it can still take: its primes less one.
    pub fn level(&self) -> usize {
        self.parts[0].basis().len() - 1
    }

    /// The factor between the slots and the encrypted numbers.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// 1, or 2 for a product that waits for relinearisation.
    pub fn degree(&self) -> usize {
        self.parts.len() - 1
    }

    /// Whether half of it can be sent as a seed: fresh from the secret key.
    pub fn is_seeded(&self) -> bool {
        self.seed.is_some()
    }

    pub(crate) fn seed(&self) -> Option<Seed> {
        self.seed
    }

    pub(crate) fn parts(&self) -> &[Poly<Evaluation>] {
        &self.parts
    }

    /// For code that changes the parts: the seed no longer describes them.
    pub(crate) fn parts_mut(&mut self) -> &mut Vec<Poly<Evaluation>> {
        self.seed = None;
        &mut self.parts
    }

    pub(crate) fn set_scale(&mut self, scale: f64) {
        self.scale = scale;
    }

    /// At a lower level; a seed describes what remains as well, because it expands prime by prime.
    pub(crate) fn truncated(&self, level: usize) -> Self {
        let parts = self.parts.iter().map(|part| part.truncated(level + 1));
        Self {
            parameters: self.parameters.clone(),
            parts: parts.collect(),
            scale: self.scale,
            seed: self.seed,
        }
    }
}

impl fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ciphertext")
            .field("level", &self.level())
            .field("log_scale", &self.scale.log2())
            .field("degree", &self.degree())
            .field("parameters", &self.parameters.digest())
            .finish()
    }
}
