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

use serde::{Deserialize, Serialize};

use crate::error::LearnError;

pub use fisher::FisherDiscriminant;
pub use partial_fit::PartialFit;
pub use ridge::Ridge;
pub(crate) use shape::Diagonals;
pub use statistics::SufficientStatistics;

/// Most steps of the solution.
const MAX_STEPS: usize = 64;

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
}

impl Default for LeastSquaresConfig {
    /// Ten steps for features whose largest eigenvalue is about 1.
    fn default() -> Self {
        Self {
            iterations: 10,
            largest_eigenvalue: 1.1,
        }
    }
}

impl LeastSquaresConfig {
    fn check(&self) -> Result<(), LearnError> {
        let refuse = |what, found, allowed| {
            Err(LearnError::Config {
                what,
                found,
                allowed,
            })
        };
        if !(1..=MAX_STEPS).contains(&self.iterations) {
            return refuse(
                "the number of iterations",
                self.iterations as f64,
                "1 to 64",
            );
        }
        let bound = self.largest_eigenvalue;
        if !(1e-3..=1e6).contains(&bound) {
            return refuse(
                "the bound on the largest eigenvalue",
                bound,
                "0.001 to 1000000",
            );
        }
        Ok(())
    }

    /// Coefficients of the solution in the basis of Chebyshev; see [`chebyshev::inverse`].
    fn polynomial(&self) -> Vec<f64> {
        chebyshev::inverse(self.largest_eigenvalue, self.iterations)
    }

    /// Levels from the samples to the solution times its last factor: the products, their scaling,
    /// and a product for each step after the first.
    fn levels(&self) -> usize {
        2 + self.iterations
    }
}
