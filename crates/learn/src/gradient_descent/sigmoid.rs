//! The sigmoid as a polynomial.

use serde::{Deserialize, Serialize};
use tapetum_ckks::Ciphertext;

use crate::error::{LearnError, Result, Setting};
use crate::vectors::Vectors;

/// The degree of the polynomial that stands for the sigmoid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SigmoidDegree {
    /// Two levels.
    Three,
    /// Three levels, and nearer to the sigmoid on wide intervals.
    Five,
}

impl SigmoidDegree {
    /// As a number.
    pub fn value(self) -> usize {
        match self {
            Self::Three => 3,
            Self::Five => 5,
        }
    }
}

/// 1/2 + p(z) with an odd polynomial p: the least-squares approximation of
/// sigma(z) = 1 / (1 + exp(-z)) on an interval around zero, as in Kim, Song, Kim, Lee, Cheon,
/// 2018, section 3.
///
/// ```
/// use tapetum_learn::{Sigmoid, SigmoidDegree};
///
/// let sigmoid = Sigmoid::least_squares(SigmoidDegree::Five, 8.0)?;
/// assert!((sigmoid.eval(1.5) - 0.8176).abs() < 0.05);
/// # Ok::<(), tapetum_learn::LearnError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sigmoid {
    interval: f64,
    /// Of z, z^3, ...
    odd: Vec<f64>,
}

impl Sigmoid {
    /// The best approximation on [-`interval`, `interval`].
    ///
    /// # Errors
    /// [`LearnError::Config`] unless `interval` is 1 to 64.
    pub fn least_squares(degree: SigmoidDegree, interval: f64) -> Result<Self> {
        let within = (1.0..=64.0).contains(&interval);
        Setting::Interval.check(within, interval, "1 to 64")?;
        // By projection on the odd Legendre polynomials, which are orthogonal on [-1, 1].
        let mut in_unit = [0.0; 3];
        for (n, legendre) in [
            (1, [1.0, 0.0, 0.0]),
            (3, [-1.5, 2.5, 0.0]),
            (5, [1.875, -8.75, 7.875]),
        ] {
            if n > degree.value() {
                break;
            }
            let norm = (2 * n + 1) as f64;
            let projection = norm
                * integral(|t| {
                    let centred = 1.0 / (1.0 + (-interval * t).exp()) - 0.5;
                    centred * odd_polynomial(&legendre, t)
                });
            for (c, l) in in_unit.iter_mut().zip(legendre) {
                *c += projection * l;
            }
        }
        let odd = in_unit[..degree.value().div_ceil(2)]
            .iter()
            .enumerate()
            .map(|(i, c)| c / interval.powi(2 * i as i32 + 1))
            .collect();
        Ok(Self { interval, odd })
    }

    /// Half the length of the interval.
    pub fn interval(&self) -> f64 {
        self.interval
    }

    /// The coefficients of z, z^3, ...
    pub fn odd_coefficients(&self) -> &[f64] {
        &self.odd
    }

    /// 1/2 + p(z).
    pub fn eval(&self, z: f64) -> f64 {
        0.5 + self.odd_part(z)
    }

    /// p(z).
    pub(crate) fn odd_part(&self, z: f64) -> f64 {
        odd_polynomial(&self.odd, z)
    }

    /// Levels of [`MonicOdd`]: one for each odd power.
    pub(crate) fn levels(&self) -> usize {
        self.odd.len()
    }

    /// `factor` p(z) as a monic polynomial in a z.
    pub(crate) fn monic(&self, factor: f64) -> MonicOdd {
        let (&last, lower) = self.odd.split_last().expect("there is a linear term");
        let degree = 2 * lower.len() + 1;
        // An odd root has a sign, so the leading coefficient can always be made 1.
        let leading = factor * last;
        let scale = leading.signum() * leading.abs().powf(1.0 / degree as f64);
        let lower = lower
            .iter()
            .enumerate()
            .map(|(i, c)| factor * c / scale.powi(2 * i as i32 + 1))
            .collect();
        MonicOdd { scale, lower }
    }
}

/// t (b1 + t^2 (b3 + ... + t^2)) with t = a z: an odd polynomial in z whose leading coefficient
/// and whose factor hide in a. So the only constants are added, never multiplied, and the scaling
/// by a is done where z is masked anyway.
pub(crate) struct MonicOdd {
    /// a.
    pub scale: f64,
    /// b1, b3, ...
    pub lower: Vec<f64>,
}

impl MonicOdd {
    /// t (b1 + t^2 (b3 + ... + t^2)): one level for each constant and one more.
    pub(crate) fn evaluate(&self, vectors: &Vectors<'_>, t: &Ciphertext) -> Result<Ciphertext> {
        let evaluator = vectors.evaluator;
        let times = |a: &Ciphertext, b: &Ciphertext| {
            let b = evaluator.lower_to(b, a.level())?;
            vectors.relinearized(&evaluator.mul(a, &b)?)
        };
        let square = times(t, t)?;
        let (&first, others) = self
            .lower
            .split_first()
            .ok_or(LearnError::Empty("coefficients"))?;
        let mut inner = square.clone();
        for &b in others.iter().rev() {
            inner = times(&evaluator.add_scalar(&inner, b)?, &square)?;
        }
        let value = times(&evaluator.add_scalar(&inner, first)?, t)?;
        let relinearizations = self.lower.len() + 1;
        vectors
            .counter
            .add(relinearizations, "evaluating the sigmoid");
        Ok(value)
    }
}

/// The sum of c_i t^(2i + 1).
fn odd_polynomial(coefficients: &[f64], t: f64) -> f64 {
    let square = t * t;
    t * coefficients
        .iter()
        .rev()
        .fold(0.0, |sum, c| sum * square + c)
}

/// Of a smooth function over [0, 1], by Simpson's rule.
fn integral(f: impl Fn(f64) -> f64) -> f64 {
    const PAIRS: usize = 4096;
    let h = 0.5 / PAIRS as f64;
    let inner: f64 = (1..2 * PAIRS)
        .map(|i| f(i as f64 * h) * if i % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    (f(0.0) + inner + f(1.0)) * h / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The cubic on [-8, 8] that Kim et al. print, in units of the interval.
    #[test]
    fn coefficients_are_the_published_ones() {
        let sigmoid = Sigmoid::least_squares(SigmoidDegree::Three, 8.0).unwrap();
        let [c1, c3] = sigmoid.odd_coefficients() else {
            panic!("a cubic has two odd coefficients");
        };
        assert!((8.0 * c1 - 1.20096).abs() < 2e-3);
        assert!((512.0 * c3 + 0.81562).abs() < 2e-3);
    }

    #[test]
    fn no_neighbour_is_nearer_to_the_sigmoid() {
        let distance = |s: &Sigmoid| {
            integral(|t| {
                let z = t * s.interval;
                (s.eval(z) - 1.0 / (1.0 + (-z).exp())).powi(2)
            })
        };
        for interval in [1.0, 6.0, 20.0] {
            let best = Sigmoid::least_squares(SigmoidDegree::Five, interval).unwrap();
            for i in 0..3 {
                for change in [0.999, 1.001] {
                    let mut other = best.clone();
                    other.odd[i] *= change;
                    assert!(distance(&best) < distance(&other));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_monic_form_is_the_polynomial(
            five in any::<bool>(),
            interval in 1.0f64..64.0,
            log_factor in -20.0f64..2.0,
            negative in any::<bool>(),
            t in -1.0f64..1.0,
        ) {
            let degree = if five { SigmoidDegree::Five } else { SigmoidDegree::Three };
            let sigmoid = Sigmoid::least_squares(degree, interval).unwrap();
            let factor = log_factor.exp2() * if negative { -1.0 } else { 1.0 };
            let monic = sigmoid.monic(factor);
            let z = t * interval;
            let mut coefficients = monic.lower.clone();
            coefficients.push(1.0);
            let found = odd_polynomial(&coefficients, monic.scale * z);
            let expected = factor * sigmoid.odd_part(z);
            prop_assert!((found - expected).abs() < 1e-9 * factor.abs());
        }
    }
}
