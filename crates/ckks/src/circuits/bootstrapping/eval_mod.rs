//! EvalMod: from t / q_0 to the remainder of t modulo q_0, as a sine.

use std::f64::consts::TAU;

use crate::ciphertext::Ciphertext;
use crate::circuits::polynomial::Polynomial;
use crate::evaluator::{EvaluationError, Evaluator};
use crate::parameters::BootstrappingLiteral;

/// The largest |t / q_0|, the shift by a quarter included.
///
/// With h = 32 coefficients of the ephemeral secret that are not zero, t / q_0 is a sum of 33 numbers
/// that are uniform in [-1/2, 1/2], plus the message: it is beyond 14 with a probability of
/// 2 * 2.5^33 / 33! = 2^-78, so below 2^-62 for any of the 2^16 coefficients.
pub(super) const BOUND: f64 = 14.26;

/// How often the angle is doubled.
const DOUBLINGS: u32 = 3;

/// The degree of the cosine: its error on the interval is below 2^-37, that of the sine 2^-32.
const DEGREE: usize = 30;

/// x -> sin(2 pi BOUND x) on [-1, 1].
#[derive(Clone, Debug)]
pub(super) struct EvalMod {
    /// cos(2 pi BOUND u / 2^DOUBLINGS), even.
    cosine: Polynomial,
}

impl EvalMod {
    pub(super) fn new() -> Self {
        let angle = TAU * BOUND / f64::from(1 << DOUBLINGS);
        let cosine = Polynomial::approximate(|u| (angle * u).cos(), (-1.0, 1.0), DEGREE)
            .expect("a cosine is finite");
        let depth = cosine.depth() + DOUBLINGS as usize;
        debug_assert_eq!(depth, BootstrappingLiteral::EVAL_MOD_LEVELS);
        Self { cosine }
    }

    /// The result has the scale of messages at its level: a message m at the message ratio R has
    /// become sin(2 pi m / R), and the parameters make the scale of that, times 2 pi / R, the
    /// canonical one.
    pub(super) fn evaluate(
        &self,
        evaluator: &Evaluator,
        x: &Ciphertext,
    ) -> Result<Ciphertext, EvaluationError> {
        // cos(2 pi (t - 1/4)) = sin(2 pi t).
        let shifted = evaluator.add_scalar(x, -0.25 / BOUND)?;
        let mut y = evaluator.evaluate_polynomial(&shifted, &self.cosine)?;
        for _ in 0..DOUBLINGS {
            // cos(2 a) = 2 cos(a)^2 - 1.
            let mut square = evaluator.mul(&y, &y)?;
            evaluator.mul_integer_assign(&mut square, 2)?;
            evaluator.add_scalar_assign(&mut square, -1.0)?;
            y = evaluator.relinearize_rescale(&square)?;
        }
        y.set_scale(evaluator.parameters().scale(y.level()));
        Ok(y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doubled_cosine_is_the_sine() {
        let cosine = EvalMod::new().cosine;
        assert!(
            cosine
                .coefficients()
                .iter()
                .skip(1)
                .step_by(2)
                .all(|&c| c == 0.0)
        );
        for step in -14_000..=14_000 {
            let t = f64::from(step) / 1000.0;
            let mut y = cosine.eval((t - 0.25) / BOUND);
            for _ in 0..DOUBLINGS {
                y = 2.0 * y * y - 1.0;
            }
            assert!((y - (TAU * t).sin()).abs() < 2f64.powi(-32), "{t}");
        }
    }
}
