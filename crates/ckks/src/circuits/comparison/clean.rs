//! Signs and bits to what they are meant to be, so that their error tells less of where they come from.
//!
//! A polynomial that is flat at both ends to the third derivative raises the error to its fourth power
//! (Drucker, Moshkowich, Pelleg, Shaul 2024 clean bits by one that squares it).

use super::check_enough;
use crate::ciphertext::Ciphertext;
use crate::circuits::polynomial::Polynomial;
use crate::evaluator::{EvaluationError, Evaluator};

impl Evaluator {
    /// Levels that [`clean`](Self::clean) takes.
    pub const CLEANING_LEVELS: usize = 3;

    /// From slots near 0 or 1 to nearer ones: x^4 (35 - 84 x + 70 x^2 - 20 x^3), which maps 0 to 0 and 1 to 1
    /// and turns an error e, at most 1/8, into one of 35 e^4 (1 + e)^3 at most. Slots between 0 and 1 stay there
    /// and in their order.
    ///
    /// [`argmax`](Self::argmax) and [`one_hot`](Self::one_hot) leave errors that depend on the margin: clean
    /// them, and [add noise](Self::add_noise), before anyone who should not know the margin sees them.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn clean(&self, bits: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        check_enough("the cleaning of bits", bits, Self::CLEANING_LEVELS)?;
        self.evaluate_polynomial(bits, &of_bits())
    }
}

fn of_bits() -> Polynomial {
    Polynomial::monomial(vec![0.0, 0.0, 0.0, 0.0, 35.0, -84.0, 70.0, -20.0])
        .expect("the coefficients are finite")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_their_fourth_power() {
        let polynomial = of_bits();
        let mut last = 0.0;
        for k in 0..=1000 {
            let value = polynomial.eval(f64::from(k) / 1000.0);
            assert!(value >= last - 1e-12 && value <= 1.0 + 1e-12);
            last = value;
        }
        for e in [0.125, 0.05, 0.01, -0.01, -0.05, -0.125f64] {
            let bound = 35.0 * e.powi(4) * (1.0 + e.abs()).powi(3) + 1e-12;
            for bit in [0.0, 1.0] {
                assert!((polynomial.eval(bit + e) - bit).abs() <= bound, "{bit} {e}");
            }
        }
    }
}
