//! Least squares: the family that passes over the data once.
//!
//! All that these estimators need of m samples is the Gram matrix G = X^T X and the moment of the
//! labels H = X^T Y. Both are sums over the samples, so the rest does not depend on their number: the
//! system G W = H is solved without a division, by a polynomial in the matrix (Graepel, Lauter,
//! Naehrig, ML Confidential, 2012, section 3.2, take gradient steps; these are Chebyshev steps, and
//! their number regularises).
//!
//! * [`Ridge`]: the weights are the solution, for two classes or many.
//! * [`FisherDiscriminant`]: two classes, with the threshold in the middle of the class means.

mod bootstrapped;
mod chebyshev;
mod fisher;
mod fit;
mod gram;
mod partial_fit;
mod ridge;
mod shape;
mod simulate;
mod solve;
mod statistics;
mod sums_bundle;

use serde::{Deserialize, Serialize};

use crate::error::{Result, Setting};

pub use fisher::FisherDiscriminant;
pub use ridge::Ridge;
pub(crate) use shape::Diagonals;
pub use statistics::SufficientStatistics;
pub use sums_bundle::label_kind_of_sums;

/// Most steps of the solution.
const MAX_STEPS: f64 = 64.0;
/// The largest penalty.
const MAX_ALPHA: f64 = 1e9;

/// Settings of the least-squares family. They are public.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LeastSquaresConfig {
    /// Steps of the solution, 1 to 64: K steps take K levels. The fewer, the less the weights follow
    /// the samples where these vary little: K steps damp the directions in which X^T X / m is below
    /// about its bound divided by (2 K)^2, much as a ridge of that size does.
    #[serde(rename = "steps")]
    pub iterations: usize,
    /// A bound on the eigenvalues of X^T X / m. Beyond it the polynomial grows without bounds, and
    /// encrypted training fails without a sign; the reference checks it. Scale features by a public
    /// number so that it holds.
    pub largest_eigenvalue: f64,
    /// The penalty of [`Ridge`] as scikit-learn has it, 0 to 10^9: alpha |w|^2 beside the sum of squared
    /// errors |X w - y|^2 over all samples, for features in the units in which they are given. The last
    /// feature is taken for the constant one, and its weight, the intercept, is not penalised. It costs
    /// no level. The iterations regularise as well: the more of them, the closer to the solution.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub alpha: f64,
}

fn is_zero(alpha: &f64) -> bool {
    *alpha == 0.0
}

impl Default for LeastSquaresConfig {
    /// Six iterations without a penalty, for features whose largest eigenvalue is 1 on the training data
    /// of the first contributor, with room for others.
    fn default() -> Self {
        Self {
            iterations: 6,
            largest_eigenvalue: 1.1,
            alpha: 0.0,
        }
    }
}

impl LeastSquaresConfig {
    /// The default for tables: whitened columns have many eigenvalues near the largest, which differs more from one
    /// contributor to the next, so there is room for 2.
    pub fn table() -> Self {
        Self {
            largest_eigenvalue: 2.0,
            ..Self::default()
        }
    }

    /// The default for features that are whitened by their principal directions: after 3 iterations little is left to
    /// do, and the directions of one contributor are nearly those of others.
    pub fn whitened() -> Self {
        Self {
            iterations: 3,
            largest_eigenvalue: 1.5,
            ..Self::default()
        }
    }

    fn check(&self) -> Result<()> {
        let iterations = self.iterations as f64;
        Setting::Iterations.check(
            (1.0..=MAX_STEPS).contains(&iterations),
            iterations,
            "1 to 64",
        )?;
        let bound = self.largest_eigenvalue;
        let allowed = "0.001 to 1000000";
        Setting::LargestEigenvalue.check((1e-3..=1e6).contains(&bound), bound, allowed)?;
        let alpha = self.alpha;
        Setting::Alpha.check((0.0..=MAX_ALPHA).contains(&alpha), alpha, "0 to 10^9")
    }

    /// A bound on the eigenvalues of the system of this many samples, divided by their number.
    fn spectrum(&self, samples: usize) -> f64 {
        self.largest_eigenvalue + self.penalty(samples)
    }

    /// What the penalty adds to the main diagonal of X^T X / m.
    fn penalty(&self, samples: usize) -> f64 {
        self.alpha / samples as f64
    }

    /// Coefficients of the solution in the basis of Chebyshev; see [`chebyshev::inverse`].
    fn polynomial(&self, samples: usize) -> Vec<f64> {
        chebyshev::inverse(self.spectrum(samples), self.iterations)
    }

    /// Levels from the samples to the solution times its last factor: the products, their scaling,
    /// and a product for each step after the first.
    fn levels(&self) -> usize {
        2 + self.iterations
    }
}
