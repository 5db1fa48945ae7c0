//! The softmax as polynomials.
//!
//! Normalise and square (Cho, Hanrot, Kim, Park, Stehle, 2024), with one square: from e = exp(z / 2), divide by the sum over
//! the classes, square, divide by the sum again. A factor that all classes of a sample share cancels in the last division,
//! so the first may be crude; what it does is to bring numbers that are e^16 apart into [0, 1], where they can be
//! bootstrapped.

use tapetum_ckks::{Ciphertext, Polynomial};

use crate::error::{LearnError, Result, Setting};
use crate::slot_diagonals::OnDiagonals;

/// The degree of the exponential, within 2^-4 on [exp(-10), exp(10)], 2^-9 on [exp(-8), exp(8)].
const EXPONENTIAL_DEGREE: usize = 15;
/// Levels and relinearisations of that.
const EXPONENTIAL: (usize, usize) = (4, 7);
/// The degree of an inverse before its error is squared.
const INVERSE_DEGREE: usize = 7;
/// Levels and relinearisations of that.
const INVERSE: (usize, usize) = (3, 4);
/// Scores of a sample add up to zero, because those of zero weights do and gradients of the softmax keep it so up to its error.
/// Then the exponentials add up to the number of classes at least; this is the part of it for which divisions are made.
const SMALLEST_SUM: f64 = 0.8;
/// The largest relative errors of the divisions, and how often they may be squared for that.
const CRUDE: (f64, usize) = (0.4, 2);
const EXACT: (f64, usize) = (1.0 / 128.0, 4);
/// Room for the errors of the scheme and of sums that are a little smaller.
const ROOM: f64 = 0.1;

/// The softmax of as many scores as there are classes, within an interval around zero.
#[derive(Clone, Debug)]
pub(crate) struct Softmax {
    interval: f64,
    classes: usize,
    /// exp(z / 2) over `largest_sum`, of z over the interval.
    exponential: Polynomial,
    largest_sum: f64,
    first: Division,
    second: Division,
}

impl Softmax {
    /// For scores within [-`interval`, `interval`].
    ///
    /// # Errors
    /// [`LearnError::Config`] unless `interval` is 4 to 20.
    pub fn new(interval: f64, classes: usize) -> Result<Self> {
        Self::check(interval)?;
        let count = classes as f64;
        let largest_sum = (interval / 2.0).exp() + count;
        let exponential = |t: f64| (interval / 2.0 * t).exp() / largest_sum;
        let exponential = approximate(exponential, (-1.0, 1.0), EXPONENTIAL_DEGREE)?;
        let first = Division::new(SMALLEST_SUM * count / largest_sum, 1.0, CRUDE)?;
        let scale = first.factor.powi(2);
        let ends = [1.0 - first.error, 1.0 + first.error].map(|end| end * end / scale);
        let second = Division::new(
            (1.0 - ROOM) * ends[0] / count,
            (1.0 + ROOM) * ends[1],
            EXACT,
        )?;
        Ok(Self {
            interval,
            classes,
            exponential,
            largest_sum,
            first,
            second,
        })
    }

    /// Refuses an interval that is too narrow or too wide.
    pub fn check(interval: f64) -> Result<()> {
        let within = (4.0..=20.0).contains(&interval);
        Setting::Interval.check(within, interval, "4 to 20 for the softmax")
    }

    /// Levels before the bootstrap, from scores over the interval.
    pub fn levels_before(&self) -> usize {
        EXPONENTIAL.0 + self.first.levels()
    }

    /// Levels after the bootstrap.
    pub fn levels_after(&self) -> usize {
        1 + self.second.levels()
    }

    /// What the probabilities come out divided by.
    pub fn factor(&self) -> f64 {
        self.second.factor
    }

    /// Key switches of both parts, the sums over P outputs with `of_a_sum` among them.
    pub fn key_switches(&self, of_a_sum: usize) -> [usize; 2] {
        let [first, second] = [&self.first, &self.second].map(|d| of_a_sum + d.relinearizations());
        [EXPONENTIAL.1 + first, 1 + second]
    }

    /// The exponentials of scores over the interval, divided by about their sum: up to
    /// [`levels_before`](Self::levels_before) lower, and at most 1. Classes that there are not have the score zero.
    pub fn exponentials(
        &self,
        on_diagonals: &OnDiagonals<'_>,
        scores: &Ciphertext,
    ) -> Result<Ciphertext> {
        let evaluator = on_diagonals.evaluator;
        let mut values = evaluator.evaluate_polynomial(scores, &self.exponential)?;
        let missing = on_diagonals.missing_classes(
            self.classes,
            -self.exponential.eval(0.0),
            values.level(),
        )?;
        if let Some(missing) = missing {
            values = evaluator.add_plain(&values, &missing)?;
        }
        self.first.divide(on_diagonals, &values)
    }

    /// The softmax over [`factor`](Self::factor), from such exponentials.
    pub fn probabilities(
        &self,
        on_diagonals: &OnDiagonals<'_>,
        exponentials: &Ciphertext,
    ) -> Result<Ciphertext> {
        let evaluator = on_diagonals.evaluator;
        let square = evaluator.relinearize_rescale(&evaluator.square(exponentials)?)?;
        self.second.divide(on_diagonals, &square)
    }

    /// The same in the clear: puts probabilities in place of the scores of a sample, and tells how much of the interval they
    /// take, as a score.
    pub fn eval(&self, scores: &mut [f64]) -> f64 {
        let largest = scores.iter().fold(0.0, |max, z| larger(max, z.abs()));
        for z in scores.iter_mut() {
            *z = self.exponential.eval(*z / self.interval);
        }
        let sum = scores.iter().sum::<f64>() * self.largest_sum;
        let count = self.classes as f64;
        // The sum of one score at the end of the interval and of others at zero or below is within.
        let of_sum = match sum < SMALLEST_SUM * count {
            true => self.interval * SMALLEST_SUM * count / sum.max(f64::MIN_POSITIVE),
            false => 2.0 * (sum - count).max(1.0).ln(),
        };
        self.first.eval(scores);
        for e in scores.iter_mut() {
            *e *= *e;
        }
        self.second.eval(scores);
        for p in scores.iter_mut() {
            *p *= self.factor();
        }
        larger(largest, of_sum)
    }
}

/// f64::max would pass over a NaN.
fn larger(max: f64, x: f64) -> f64 {
    if max >= x { max } else { x }
}

/// Numbers divided by their sum s, which is within an interval.
///
/// With u = a s + b in [-1, 1], the polynomial p of degree n - 1 that is 1 / s where the Chebyshev polynomial T_n(u) is zero has
/// the error 1 - s p = T_n(u) / t_n, t_n = T_n(b). From T_2n = 2 T_n^2 - 1 follows
///
/// ```text
/// p_2n = (1 + T_n / t_n) p_n  2 t_n^2 / t_2n
/// ```
///
/// so each doubling of the degree takes two products side by side, as in the method of Goldschmidt, but the error is the
/// least there is. In place of T_n / t_n stands r_n = c_n T_n / t_n, with such c_n that no constant is multiplied by:
/// r_2n = r_n^2 - c_2n / t_2n and e p_2n = e p_n (c_n + r_n), where e p_n comes out times c_n / a. The last c is 1.
#[derive(Clone, Debug)]
struct Division {
    /// a: numbers over their sum come out divided by that.
    factor: f64,
    /// b.
    offset: f64,
    /// Of u: c_8 / (a s).
    inverse: Polynomial,
    /// c_8, c_16, ..., without the last, which is 1.
    scales: Vec<f64>,
    /// What r_n^2 is shifted by, for each of these.
    shifts: Vec<f64>,
    /// The largest |1 - s p|.
    error: f64,
}

impl Division {
    /// For sums within [`lowest`, `highest`], with at most this error unless that takes more doublings than this.
    fn new(lowest: f64, highest: f64, (error, most): (f64, usize)) -> Result<Self> {
        let factor = 2.0 / (highest - lowest);
        let offset = -(highest + lowest) / (highest - lowest);
        // t_8, t_16, ...
        let mut outside = vec![(8.0 * (-offset).acosh()).cosh()];
        while outside.len() <= most && 1.0 / outside[outside.len() - 1] > error {
            let last = outside[outside.len() - 1];
            outside.push(2.0 * last * last - 1.0);
        }
        let last = outside[outside.len() - 1];
        let (mut scales, mut shifts) = (Vec::new(), Vec::new());
        let mut scale = 1.0;
        for pair in outside.windows(2).rev() {
            let &[of_half, of_all] = pair else { continue };
            shifts.insert(0, -scale / of_all);
            scale = of_half * f64::sqrt(2.0 * scale / of_all);
            scales.insert(0, scale);
        }
        let inverse = approximate(|s| scale / (factor * s), (lowest, highest), INVERSE_DEGREE)?;
        Ok(Self {
            factor,
            offset,
            inverse: inverse.on_unit_interval(),
            scales,
            shifts,
            error: 1.0 / last,
        })
    }

    fn doublings(&self) -> usize {
        self.scales.len()
    }

    /// The sum, its inverse, the product, and each doubling.
    fn levels(&self) -> usize {
        OnDiagonals::SUM_OVER_OUTPUTS + INVERSE.0 + 1 + self.doublings()
    }

    fn relinearizations(&self) -> usize {
        // The last doubling needs no square; without one there is no first error either.
        INVERSE.1 + 1 + 2 * self.doublings()
    }

    /// c_8, c_16, ..., 1.
    fn first_scale(&self) -> f64 {
        self.scales.first().copied().unwrap_or(1.0)
    }

    fn divide(&self, on_diagonals: &OnDiagonals<'_>, numbers: &Ciphertext) -> Result<Ciphertext> {
        let evaluator = on_diagonals.evaluator;
        let times = |a: &Ciphertext, b: &Ciphertext| -> Result<Ciphertext> {
            let b = evaluator.lower_to(b, a.level())?;
            Ok(evaluator.relinearize_rescale(&evaluator.mul(a, &b)?)?)
        };
        let scaled = on_diagonals.sum_over_outputs(numbers, self.factor)?;
        let unit = evaluator.add_scalar(&scaled, self.offset)?;
        let inverse = evaluator.evaluate_polynomial(&unit, &self.inverse)?;
        let mut quotients = times(&inverse, numbers)?;
        if self.scales.is_empty() {
            return Ok(quotients);
        }
        let of_one = evaluator.neg(&times(&inverse, &scaled)?)?;
        let mut error = evaluator.add_scalar(&of_one, self.first_scale())?;
        for (k, (&scale, &shift)) in self.scales.iter().zip(&self.shifts).enumerate() {
            quotients = times(&quotients, &evaluator.add_scalar(&error, scale)?)?;
            if k + 1 < self.doublings() {
                error = evaluator.add_scalar(&times(&error, &error)?, shift)?;
            }
        }
        Ok(quotients)
    }

    fn eval(&self, numbers: &mut [f64]) {
        let scaled = self.factor * numbers.iter().sum::<f64>();
        let mut quotient = self.inverse.eval(scaled + self.offset);
        let mut error = self.first_scale() - scaled * quotient;
        for (&scale, &shift) in self.scales.iter().zip(&self.shifts) {
            quotient *= scale + error;
            error = error * error + shift;
        }
        for number in numbers {
            *number *= quotient;
        }
    }
}

fn approximate(
    function: impl Fn(f64) -> f64,
    interval: (f64, f64),
    degree: usize,
) -> Result<Polynomial> {
    Polynomial::approximate(function, interval, degree).map_err(|_| LearnError::Malformed {
        what: "the polynomials of the softmax",
        reason: "there are none for this interval and number of classes",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn levels_are_counted() {
        let softmax = Softmax::new(16.0, 10).unwrap();
        assert_eq!((softmax.levels_before(), softmax.levels_after()), (10, 8));
        assert_eq!(softmax.key_switches(8), [7 + 8 + 7, 1 + 8 + 9]);
        for (polynomial, (levels, _)) in [
            (&softmax.exponential, EXPONENTIAL),
            (&softmax.first.inverse, INVERSE),
            (&softmax.second.inverse, INVERSE),
        ] {
            assert_eq!(polynomial.depth(), levels);
        }
        for interval in [3.9, 20.1, f64::NAN] {
            assert!(Softmax::new(interval, 10).is_err());
        }
    }

    #[test]
    fn a_division_has_the_error_that_it_says() {
        for (lowest, highest, most) in [(0.1, 1.0, 4), (0.003, 1.0, 2), (2.0, 3.0, 0)] {
            let division = Division::new(lowest, highest, (1e-4, most)).unwrap();
            let mut worst: f64 = 0.0;
            for i in 0..=1000 {
                let sum = lowest + (highest - lowest) * f64::from(i) / 1000.0;
                let mut numbers = [0.25 * sum, 0.75 * sum];
                division.eval(&mut numbers);
                let found = numbers.map(|x| x * division.factor);
                assert!((found[1] - 3.0 * found[0]).abs() < 1e-12);
                worst = worst.max((found[0] + found[1] - 1.0).abs());
            }
            assert!(worst <= division.error * (1.0 + 1e-6) + 1e-12, "{worst}");
            assert!(worst >= 0.99 * division.error, "{worst}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_softmax(
            classes in 3usize..40,
            interval in 4.0f64..18.0,
            filled in 0.0f64..0.95,
            seed in prop::collection::vec(-1.0f64..1.0, 40),
        ) {
            let softmax = Softmax::new(interval, classes).unwrap();
            let mut scores = seed[..classes].to_vec();
            let mean = scores.iter().sum::<f64>() / classes as f64;
            let largest = scores.iter().fold(1e-3, |max: f64, z| max.max((z - mean).abs()));
            scores.iter_mut().for_each(|z| *z = (*z - mean) * filled * interval / largest);
            let exponentials: Vec<f64> = scores.iter().map(|z| z.exp()).collect();
            let sum: f64 = exponentials.iter().sum();
            let reach = softmax.eval(&mut scores);
            if reach <= interval {
                for (found, exponential) in scores.iter().zip(&exponentials) {
                    prop_assert!((found - exponential / sum).abs() < 0.02, "{found}");
                }
            }
        }
    }
}
