//! Polynomials from functions: Chebyshev interpolation and least squares.

use std::f64::consts::PI;

use super::interval::Interval;
use super::polynomial::{Basis, Polynomial, PolynomialError, check_degree, checked};

/// Coefficients this small beside the largest are rounding errors of the approximation, so zero:
/// the odd ones of an even function, say, which an evaluation would pay for.
const NEGLIGIBLE: f64 = 1.0 / (1u64 << 48) as f64;
/// Nodes of the quadrature beyond two for each coefficient.
const EXTRA_NODES: usize = 256;

impl Polynomial {
    /// The polynomial in the Chebyshev basis that agrees with `function` at the degree + 1
    /// Chebyshev nodes of the interval. On the interval its largest error is within a small
    /// factor, 2 + (2 / pi) ln(degree + 1), of the least possible (Trefethen, 2013, chapter 16).
    ///
    /// # Errors
    /// If the interval is none, the degree is beyond [`MAX_DEGREE`](Self::MAX_DEGREE), or the
    /// function is not finite at a node.
    ///
    /// ```
    /// use tapetum_ckks::Polynomial;
    ///
    /// let exp = Polynomial::approximate(f64::exp, (-2.0, 2.0), 11)?;
    /// assert!((exp.eval(1.0) - 1f64.exp()).abs() < 1e-7);
    /// # Ok::<(), tapetum_ckks::PolynomialError>(())
    /// ```
    pub fn approximate(
        function: impl Fn(f64) -> f64,
        interval: (f64, f64),
        degree: usize,
    ) -> Result<Self, PolynomialError> {
        let interval = of_degree(interval, degree)?;
        let count = degree + 1;
        // T_k at node i is cos(k (2i + 1) pi / 2 count): all angles are multiples of one.
        let cosine =
            |multiple: usize| (PI * (multiple % (4 * count)) as f64 / (2 * count) as f64).cos();
        let values = (0..count)
            .map(|i| finite_at(&function, interval.at_unit(cosine(2 * i + 1))))
            .collect::<Result<Vec<_>, _>>()?;
        let mut coefficients: Vec<f64> = (0..count)
            .map(|k| {
                let sum: f64 = values
                    .iter()
                    .enumerate()
                    .map(|(i, v)| v * cosine(k * (2 * i + 1)))
                    .sum();
                sum * if k == 0 { 1.0 } else { 2.0 } / count as f64
            })
            .collect();
        drop_negligible(&mut coefficients);
        Self::new(Basis::Chebyshev(interval), coefficients)
    }

    /// The polynomial, in the Chebyshev basis, with the least integral of the squared error over
    /// the interval: better on average than [`approximate`](Self::approximate), worse at the ends.
    ///
    /// # Errors
    /// As [`approximate`](Self::approximate).
    pub fn least_squares(
        function: impl Fn(f64) -> f64,
        interval: (f64, f64),
        degree: usize,
    ) -> Result<Self, PolynomialError> {
        let unit = of_degree(interval, degree)?;
        // The Legendre polynomials are orthogonal, so each coefficient is an integral of its own.
        let mut legendre = vec![0.0; degree + 1];
        for (node, weight) in gauss_legendre(2 * (degree + 1) + EXTRA_NODES) {
            let value = weight * finite_at(&function, unit.at_unit(node))?;
            for (k, (sum, p)) in legendre.iter_mut().zip(legendre_values(node)).enumerate() {
                *sum += (k as f64 + 0.5) * value * p;
            }
        }
        let projection = |x| {
            let values = legendre_values(unit.to_unit(x));
            legendre.iter().zip(values).map(|(c, p)| c * p).sum()
        };
        // Interpolation at degree + 1 nodes is exact for it.
        Self::approximate(projection, interval, degree)
    }

    /// The least-squares approximation of the logistic function 1 / (1 + exp(-x)) on
    /// [-radius, radius]: 1/2 and odd Chebyshev polynomials. On [-8, 8] the largest error is
    /// 0.114, 0.061 and 0.032 for the degrees 3, 5 and 7 (Kim, Song, Kim, Lee, Cheon, 2018).
    ///
    /// The map from the interval costs a level (unless 1 / radius is an integer).
    /// To avoid that, compute x / radius in place of the argument x, for which
    /// [`on_unit_interval`](Self::on_unit_interval) gives the polynomial; for degree 3
    /// [`to_monomial`](Self::to_monomial) is another way.
    ///
    /// # Errors
    /// If the radius is not a finite number above zero or the degree is too large.
    pub fn sigmoid(degree: usize, radius: f64) -> Result<Self, PolynomialError> {
        let interval = (-radius, radius);
        let odd_part = |x: f64| 0.5 * (0.5 * x).tanh();
        let fit = Self::least_squares(odd_part, interval, degree)?;
        let odd = |(k, &c): (usize, &f64)| if k % 2 == 1 { c } else { 0.0 };
        let mut coefficients: Vec<f64> = fit.coefficients().iter().enumerate().map(odd).collect();
        coefficients[0] = 0.5;
        Self::chebyshev(coefficients, interval)
    }
}

/// The interval of a polynomial of this degree.
fn of_degree(interval: (f64, f64), degree: usize) -> Result<Interval, PolynomialError> {
    check_degree(degree)?;
    checked(interval)
}

fn finite_at(function: impl Fn(f64) -> f64, at: f64) -> Result<f64, PolynomialError> {
    let value = function(at);
    if value.is_finite() {
        Ok(value)
    } else {
        Err(PolynomialError::Function { at })
    }
}

fn drop_negligible(coefficients: &mut [f64]) {
    let largest = coefficients.iter().fold(0.0, |m: f64, c| m.max(c.abs()));
    for c in coefficients {
        if c.abs() <= NEGLIGIBLE * largest {
            *c = 0.0;
        }
    }
}

/// P_0(u), P_1(u), ..., by the three-term recurrence.
fn legendre_values(u: f64) -> impl Iterator<Item = f64> {
    let mut pair = (1.0, u);
    (1..).map(move |k| {
        let k = k as f64;
        let (current, next) = pair;
        pair = (next, ((2.0 * k + 1.0) * u * next - k * current) / (k + 1.0));
        current
    })
}

/// The nodes and weights on [-1, 1] that integrate polynomials below degree 2 `count` exactly.
fn gauss_legendre(count: usize) -> impl Iterator<Item = (f64, f64)> {
    let n = count as f64;
    let value_and_slope = move |u: f64| {
        let mut last = legendre_values(u).skip(count - 1);
        let (before, value) = (last.next().unwrap_or(0.0), last.next().unwrap_or(0.0));
        (value, n * (before - u * value) / (1.0 - u * u))
    };
    (0..count).map(move |i| {
        // Newton's method; the first guess is within O(n^-3) (Tricomi).
        let mut node = (PI * (i as f64 + 0.75) / (n + 0.5)).cos();
        for _ in 0..4 {
            let (value, slope) = value_and_slope(node);
            node -= value / slope;
        }
        let (_, slope) = value_and_slope(node);
        (node, 2.0 / ((1.0 - node * node) * slope * slope))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quadrature_integrates_powers_exactly() {
        for count in [1, 2, 5, 64, 300] {
            for power in [0, 1, 2, 3, 7, 8, 50, 121]
                .into_iter()
                .filter(|&p| p < 2 * count)
            {
                let sum: f64 = gauss_legendre(count)
                    .map(|(node, weight)| weight * node.powi(power as i32))
                    .sum();
                let exact = if power % 2 == 0 {
                    2.0 / (power + 1) as f64
                } else {
                    0.0
                };
                assert!((sum - exact).abs() < 1e-13, "{count} nodes, power {power}");
            }
        }
    }
}
