//! How far decrypted results are rounded before the owner sees them.
//!
//! The error in the last digits of a decrypted CKKS result depends on the secret key. From two sets of
//! scores with all their digits, and the ciphertexts, linear algebra gives the key (Li, Micciancio 2021).
//! A result that is rounded to a step far above the error tells what it would tell without encryption,
//! except where the error carries it over the boundary between two steps. This is not a proof; noise
//! flooding has one ([`NoiseFlooding`](tapetum_ckks::NoiseFlooding)) where the precision allows it.

use tapetum_ckks::Parameters;

/// The step of scores: 30 times the largest error that the tests of estimators without bootstraps allow,
/// 2^-15.
const SCORE_DECIMALS: i32 = 3;

/// The step of scores by a model whose training bootstraps, whose weights are right to about 2^-8.
const BOOTSTRAPPED_DECIMALS: i32 = 2;

/// The largest errors themselves: what is nearer to the boundary than that, the noise decides.
const SCORE_ERROR: f64 = 1.0 / (1 << 15) as f64;
const BOOTSTRAPPED_ERROR: f64 = 1.0 / (1 << 8) as f64;

/// Weights keep so many bits below the largest of them.
const WEIGHT_BITS: f64 = 10.0;

/// A step that scores are rounded to.
///
/// ```
/// use tapetum_ckks::{Parameters, Preset};
/// use tapetum_learn::ScoreRounding;
///
/// let rounding = ScoreRounding::of(&Parameters::preset(Preset::N13));
/// assert_eq!(rounding.round(-0.731_249_998), -0.731);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRounding {
    decimals: i32,
    error: f64,
}

impl ScoreRounding {
    /// For scores under these parameters, which may be made for bootstrapping.
    pub fn of(parameters: &Parameters) -> Self {
        let (decimals, error) = match parameters.literal().bootstrapping {
            Some(_) => (BOOTSTRAPPED_DECIMALS, BOOTSTRAPPED_ERROR),
            None => (SCORE_DECIMALS, SCORE_ERROR),
        };
        Self { decimals, error }
    }

    /// How far a score may be from that of the plaintext reference. Of scores, or differences of scores, that
    /// are no larger the sign is that of the noise.
    pub fn error(self) -> f64 {
        self.error
    }

    /// The step.
    pub fn step(self) -> f64 {
        10f64.powi(-self.decimals)
    }

    /// The nearest multiple of the step, never -0.
    pub fn round(self, score: f64) -> f64 {
        let unit = 10f64.powi(self.decimals);
        (score * unit).round() / unit + 0.0
    }
}

/// The step that weights are rounded to: a power of two, 2^-10 to 2^-9 of the largest magnitude.
pub(crate) fn weight_step(weights: &[f64]) -> Option<f64> {
    let largest = weights.iter().fold(0.0, |max, w| f64::max(max, w.abs()));
    let step = (largest.log2().ceil() - WEIGHT_BITS).exp2();
    step.is_normal().then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_far_above_the_error() {
        let rounding = ScoreRounding {
            decimals: SCORE_DECIMALS,
            error: SCORE_ERROR,
        };
        assert!(rounding.step() > 30.0 * rounding.error());
        assert_eq!(rounding.round(-0.000_4).to_bits(), 0);
        assert_eq!(rounding.round(12.345_678), 12.346);
        assert!(rounding.round(f64::NAN).is_nan());
        assert_eq!(weight_step(&[0.3, -0.5]), Some(2f64.powi(-11)));
        assert_eq!(weight_step(&[0.3, -0.51]), Some(2f64.powi(-10)));
        assert_eq!(weight_step(&[0.0]), None);
        assert_eq!(weight_step(&[f64::INFINITY]), None);
    }
}
