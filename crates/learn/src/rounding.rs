//! How far decrypted results are rounded before the owner sees them.
//!
//! The error in the last digits of a decrypted CKKS result depends on the secret key. From two sets of
//! scores with all their digits, and the ciphertexts, linear algebra gives the key (Li, Micciancio 2021).
//! A result that is rounded to a step far above the error tells what it would tell without encryption,
//! except where the error carries it over the boundary between two steps. This is not a proof; noise
//! flooding has one ([`NoiseFlooding`](tapetum_ckks::NoiseFlooding)) where the precision allows it.

use tapetum_ckks::{Parameters, Rounding};

/// The step of scores: 30 times the largest error that the tests of estimators without bootstraps allow,
/// 2^-15.
const SCORE_DECIMALS: u8 = 3;

/// The step of scores by a model whose training bootstraps, whose weights are right to about 2^-8.
const BOOTSTRAPPED_DECIMALS: u8 = 2;

/// The largest errors themselves: what is nearer to the boundary than that, the noise decides.
const SCORE_ERROR: f64 = 1.0 / (1 << 15) as f64;
const BOOTSTRAPPED_ERROR: f64 = 1.0 / (1 << 8) as f64;

/// Weights keep so many bits below the largest of them.
const WEIGHT_BITS: f64 = 10.0;

/// The step that scores are rounded to under these parameters, which may be made for bootstrapping.
///
/// ```
/// use tapetum_ckks::{Parameters, Preset};
/// use tapetum_learn::score_rounding;
///
/// let rounding = score_rounding(&Parameters::preset(Preset::N13));
/// assert_eq!(rounding.round(-0.731_249_998), -0.731);
/// ```
pub fn score_rounding(parameters: &Parameters) -> Rounding {
    Rounding::to_decimals(match parameters.literal().bootstrapping {
        Some(_) => BOOTSTRAPPED_DECIMALS,
        None => SCORE_DECIMALS,
    })
}

/// How far a score may be from that of the plaintext reference. Of scores, or differences of scores, that
/// are no larger the sign is that of the noise.
pub fn score_error(parameters: &Parameters) -> f64 {
    match parameters.literal().bootstrapping {
        Some(_) => BOOTSTRAPPED_ERROR,
        None => SCORE_ERROR,
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
    use tapetum_ckks::Preset;

    #[test]
    fn steps_are_far_above_the_error() {
        let parameters = Parameters::preset(Preset::N12);
        assert!(score_rounding(&parameters).step() > 30.0 * score_error(&parameters));
        assert_eq!(weight_step(&[0.3, -0.5]), Some(2f64.powi(-11)));
        assert_eq!(weight_step(&[0.3, -0.51]), Some(2f64.powi(-10)));
        assert_eq!(weight_step(&[0.0]), None);
        assert_eq!(weight_step(&[f64::INFINITY]), None);
    }
}
