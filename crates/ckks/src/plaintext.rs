//! Plaintexts: scaled, rounded messages as polynomials.

use std::fmt;

use tapetum_ring::{Evaluation, Poly};
use zeroize::Zeroizing;

use crate::parameters::Parameters;

/// An encoded vector of N/2 slots. `Debug` shows its shape, never its content. Wiped from memory when
/// dropped, because it may be what was or will be encrypted.
#[derive(Clone, PartialEq)]
pub struct Plaintext {
    parameters: Parameters,
    poly: Zeroizing<Poly<Evaluation>>,
    scale: f64,
}

impl Plaintext {
    /// The caller guarantees a basis of `parameters` and a finite positive scale.
    pub(crate) fn new(parameters: &Parameters, poly: Poly<Evaluation>, scale: f64) -> Self {
        debug_assert!(scale > 0.0 && scale.is_finite());
        Self {
            parameters: parameters.clone(),
            poly: Zeroizing::new(poly),
            scale,
        }
    }

    /// The parameters that it belongs to.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The level of ciphertexts that it can be combined with.
    pub fn level(&self) -> usize {
        self.poly.basis().len() - 1
    }

    /// The factor between the slots and the encoded numbers.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    pub(crate) fn poly(&self) -> &Poly<Evaluation> {
        &self.poly
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plaintext")
            .field("level", &self.level())
            .field("log_scale", &self.scale.log2())
            .field("parameters", &self.parameters.digest())
            .finish()
    }
}
