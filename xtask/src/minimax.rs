//! Minimax approximation of the sign by an odd polynomial, by the exchange of Remez (1934).
//!
//! The sign on [-1, -a] and [a, 1] has odd best approximations p(x) = x q(x^2), so the two
//! intervals become one: q of degree m against 1 on [a, 1], whose error takes its largest value
//! with alternating signs at m + 2 points. For any such reference the polynomial and its levelled
//! error E follow from barycentric interpolation in y = x^2 (Berrut, Trefethen, 2004; Pachon,
//! Trefethen, 2009), without a linear system; that is why f64 is enough: E comes out with an
//! absolute error of a few 2^-53, and all errors that are of use here are above 2^-20.

use std::f64::consts::PI;

use anyhow::ensure;

/// More exchanges than ever needed: they converge quadratically.
const MAX_EXCHANGES: usize = 100;
/// Enough halvings of an interval within [0, 1].
const BISECTIONS: usize = 60;
/// Golden sections until the flat top of an extremum is reached.
const SECTIONS: usize = 45;

/// An odd polynomial near 1 on [a, 1] and near -1 on [-1, -a].
pub struct Minimax {
    /// The factors of the Chebyshev polynomials T_1, T_3, T_5, ...
    pub odd_coefficients: Vec<f64>,
    /// The largest error, the same at all alternating points.
    pub error: f64,
}

impl Minimax {
    /// The best approximation of an odd `degree` for arguments of absolute value `least` to 1.
    pub fn new(degree: usize, least: f64) -> anyhow::Result<Self> {
        ensure!(degree % 2 == 1, "the degree {degree} is not odd");
        ensure!(0.0 < least && least < 1.0, "{least} is not between 0 and 1");
        let last = degree.div_ceil(2);
        let start = |i| least + (1.0 - least) * (0.5 * PI * i as f64 / last as f64).sin();
        let mut reference = Reference::new((0..last).map(start).chain([1.0]).collect());
        for _ in 0..MAX_EXCHANGES {
            let next = reference.exchanged();
            let largest = next
                .iter()
                .fold(0.0, |m: f64, &x| m.max(reference.error_at(x).abs()));
            let excess = largest - reference.error.abs();
            if excess <= 1e-13 + 1e-9 * largest {
                return Ok(Self {
                    odd_coefficients: reference.odd_coefficients(degree),
                    error: largest,
                });
            }
            reference = Reference::new(next);
        }
        anyhow::bail!("no convergence at degree {degree} from {least}");
    }
}

/// Points at which the error is `error` with alternating signs.
struct Reference {
    points: Vec<f64>,
    /// Of the barycentric formula in y = x^2.
    weights: Vec<f64>,
    error: f64,
}

impl Reference {
    fn new(points: Vec<f64>) -> Self {
        let span = points[points.len() - 1].powi(2) - points[0].powi(2);
        let weights: Vec<f64> = points
            .iter()
            .enumerate()
            .map(|(i, x)| {
                let others = points.iter().enumerate().filter(|&(j, _)| j != i);
                // Times four over the length, the capacity, so that nothing overflows.
                let product: f64 = others
                    .map(|(_, z)| (x - z) * (x + z) * 4.0 / span)
                    .product();
                1.0 / product
            })
            .collect();
        // q(y_i) = (1 - (-1)^i E) / x_i has degree m if its divided difference vanishes.
        let difference = |sign: f64| -> f64 {
            let pairs = weights.iter().zip(&points).enumerate();
            pairs.map(|(i, (w, x))| sign.powi(i as i32) * w / x).sum()
        };
        let error = difference(1.0) / difference(-1.0);
        Self {
            points,
            weights,
            error,
        }
    }

    /// 1 - p(x).
    fn error_at(&self, x: f64) -> f64 {
        let levelled = |i: usize| {
            if i.is_multiple_of(2) {
                self.error
            } else {
                -self.error
            }
        };
        let (mut above, mut below) = (0.0, 0.0);
        for (i, (point, weight)) in self.points.iter().zip(&self.weights).enumerate() {
            if x == *point {
                return levelled(i);
            }
            let term = weight / ((x - point) * (x + point));
            above += term * (1.0 - levelled(i)) / point;
            below += term;
        }
        1.0 - x * above / below
    }

    /// The extrema of the error on the interval: its ends, and one between any two neighbours of
    /// the m + 1 zeros. There are no others, because p' has no more than these m zeros above 0.
    fn exchanged(&self) -> Vec<f64> {
        let zeros: Vec<f64> = self
            .points
            .windows(2)
            .map(|pair| self.zero_between(pair[0], pair[1]))
            .collect();
        let inner = zeros
            .windows(2)
            .map(|pair| self.extremum_between(pair[0], pair[1]));
        let ends = (self.points[0], self.points[self.points.len() - 1]);
        [ends.0].into_iter().chain(inner).chain([ends.1]).collect()
    }

    fn zero_between(&self, mut low: f64, mut high: f64) -> f64 {
        let positive = self.error_at(low) > 0.0;
        for _ in 0..BISECTIONS {
            let middle = 0.5 * (low + high);
            if (self.error_at(middle) > 0.0) == positive {
                low = middle;
            } else {
                high = middle;
            }
        }
        0.5 * (low + high)
    }

    /// By golden sections: the absolute error rises to it and falls after it.
    fn extremum_between(&self, mut low: f64, mut high: f64) -> f64 {
        let golden = 0.5 * (5f64.sqrt() - 1.0);
        let size = |x| self.error_at(x).abs();
        let inner =
            |low: f64, high: f64| (high - golden * (high - low), low + golden * (high - low));
        let (mut left, mut right) = inner(low, high);
        let (mut at_left, mut at_right) = (size(left), size(right));
        for _ in 0..SECTIONS {
            if at_left > at_right {
                high = right;
                (right, at_right) = (left, at_left);
                left = inner(low, high).0;
                at_left = size(left);
            } else {
                low = left;
                (left, at_left) = (right, at_right);
                right = inner(low, high).1;
                at_right = size(right);
            }
        }
        0.5 * (low + high)
    }

    /// By interpolation at the Chebyshev nodes of [-1, 1]; p is odd, so half of them will do.
    fn odd_coefficients(&self, degree: usize) -> Vec<f64> {
        let count = degree + 1;
        let angle = |i: usize| PI * (2 * i + 1) as f64 / (2 * count) as f64;
        let values: Vec<f64> = (0..count / 2)
            .map(|i| 1.0 - self.error_at(angle(i).cos()))
            .collect();
        (1..=degree)
            .step_by(2)
            .map(|k| {
                let terms = values.iter().enumerate();
                let sum: f64 = terms.map(|(i, v)| v * (k as f64 * angle(i)).cos()).sum();
                4.0 * sum / count as f64
            })
            .collect()
    }
}

/// The sum of c_k T_k(x) over odd k, by T_(k+2) = 2 T_2 T_k - T_(k-2).
#[cfg(test)]
pub fn evaluate_odd(odd_coefficients: &[f64], x: f64) -> f64 {
    let twice = 2.0 * (2.0 * x * x - 1.0);
    let mut pair = (x, x);
    let mut sum = 0.0;
    for c in odd_coefficients {
        sum += c * pair.1;
        pair = (pair.1, twice * pair.1 - pair.0);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// a x is best for |x| in [l, 1] if 1 - a l = a - 1.
    #[test]
    fn degree_one_is_known() {
        for least in [0.01, 0.25, 0.5, 0.9] {
            let line = Minimax::new(1, least).unwrap();
            let slope = 2.0 / (1.0 + least);
            assert!((line.odd_coefficients[0] - slope).abs() < 1e-12);
            assert!((line.error - (slope - 1.0)).abs() < 1e-12);
        }
    }

    /// What makes a polynomial the best one is its alternation (Chebyshev): as many changes of
    /// sign at the full error as there are coefficients, and no larger error anywhere.
    #[test]
    fn errors_alternate_and_are_never_larger() {
        for (degree, least) in [
            (3, 0.1),
            (7, 1.0 / 256.0),
            (15, 0.05),
            (31, 1.0 / 16.0),
            (15, 0.6),
        ] {
            let best = Minimax::new(degree, least).unwrap();
            let error = |x| 1.0 - evaluate_odd(&best.odd_coefficients, x);
            let steps = 200_000;
            let mut alternations = 0;
            let mut side = 0.0;
            for i in 0..=steps {
                let e = error(least + (1.0 - least) * i as f64 / steps as f64);
                assert!(e.abs() <= best.error * (1.0 + 1e-6), "degree {degree}: {e}");
                if e.abs() > 0.999 * best.error && e.signum() != side {
                    side = e.signum();
                    alternations += 1;
                }
            }
            assert_eq!(alternations, degree.div_ceil(2) + 1, "degree {degree}");
        }
    }

    #[test]
    fn what_has_no_answer_is_refused() {
        for (degree, least) in [(4, 0.1), (3, 0.0), (3, 1.0), (3, f64::NAN)] {
            assert!(Minimax::new(degree, least).is_err());
        }
    }
}
