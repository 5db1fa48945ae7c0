//! What the arithmetic runs on, and its number-theoretic transform by itself, to be measured.

use tapetum_ring::sampling::{Seed, uniform};
use tapetum_ring::{Coefficient, Evaluation, Poly};

use crate::parameters::Parameters;

pub use tapetum_ring::{Kernel, KernelError};

/// A polynomial modulo one prime, by its N coefficients.
#[derive(Clone, Debug, PartialEq)]
pub struct Coefficients(Poly<Coefficient>);

/// The same by its values at the roots of X^N + 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Values(Poly<Evaluation>);

impl Coefficients {
    /// A polynomial without meaning modulo the last special prime, which is as large as any.
    pub fn example(parameters: &Parameters) -> Self {
        let qp = parameters.qp(parameters.max_level());
        let values = uniform(&qp.slice(qp.len() - 1..qp.len()), Seed::from_bytes([0; 32]));
        Values(values).inverse()
    }

    /// The forward transform, in place.
    pub fn forward(self) -> Values {
        Values(self.0.into_evaluation())
    }
}

impl Values {
    /// The inverse transform, in place.
    ///
    /// ```
    /// use tapetum_ckks::{Parameters, Preset, kernel::Coefficients};
    ///
    /// let coefficients = Coefficients::example(&Parameters::preset(Preset::N13));
    /// assert!(coefficients.clone().forward().inverse() == coefficients);
    /// ```
    pub fn inverse(self) -> Coefficients {
        Coefficients(self.0.into_coefficients())
    }
}
