//! Activations of degree 2.

use serde::{Deserialize, Serialize};

/// What becomes of the sum z of a hidden unit.
///
/// Both are c ((z + h)^2 - k), so that one squaring computes them and a product with z + h their derivative; c goes into the
/// weights of the second layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// z^2 - 1, the second Hermite polynomial: its mean is zero for z of variance 1. For many samples.
    #[default]
    Hermite,
    /// z + z^2 / 5, nearly linear where z is small. For few samples.
    Quadratic,
}

impl Activation {
    /// c.
    pub(super) fn factor(self) -> f64 {
        match self {
            Self::Hermite => 1.0,
            Self::Quadratic => 0.2,
        }
    }

    /// h.
    pub(super) fn shift(self) -> f64 {
        match self {
            Self::Hermite => 0.0,
            Self::Quadratic => 2.5,
        }
    }

    /// k.
    pub(super) fn offset(self) -> f64 {
        match self {
            Self::Hermite => 1.0,
            Self::Quadratic => 6.25,
        }
    }

    /// The activation of z.
    ///
    /// ```
    /// use tapetum_learn::Activation;
    ///
    /// assert_eq!(Activation::Hermite.apply(3.0), 8.0);
    /// assert!((Activation::Quadratic.apply(3.0) - 4.8).abs() < 1e-12);
    /// ```
    pub fn apply(self, z: f64) -> f64 {
        let shifted = z + self.shift();
        self.factor() * (shifted * shifted - self.offset())
    }
}
