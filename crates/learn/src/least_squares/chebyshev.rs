//! The inverse of a symmetric matrix as a polynomial, in the basis of Chebyshev.

use std::f64::consts::PI;

/// Coefficients c_0, ..., c_(K-1) of the polynomial p of degree K - 1 that K steps of the Chebyshev
/// iteration from zero apply to the right-hand side, for a spectrum in [`low`, `high`]: p(x) is
/// the sum of c_k T_k(y) with y = (2 x - low - high) / (high - low), and nearly 1 / x.
///
/// The residual 1 - x p(x) is T_K(y) / T_K(y at x = 0), of all polynomials of degree K with value
/// 1 at zero the one with the smallest maximum on the interval (Golub, Varga, 1961).
pub(super) fn inverse(low: f64, high: f64, steps: usize) -> Vec<f64> {
    let at_zero = chebyshev(steps, -(low + high) / (high - low));
    let p = |y: f64| {
        let x = (low + high + (high - low) * y) / 2.0;
        (1.0 - chebyshev(steps, y) / at_zero) / x
    };
    // Interpolation in as many nodes is exact for this degree.
    let nodes = steps as f64;
    let angles: Vec<_> = (0..steps).map(|i| PI * (i as f64 + 0.5) / nodes).collect();
    let values: Vec<_> = angles.iter().map(|angle| p(angle.cos())).collect();
    (0..steps)
        .map(|k| {
            let terms = angles.iter().zip(&values);
            let sum: f64 = terms.map(|(angle, p)| p * (k as f64 * angle).cos()).sum();
            sum * if k == 0 { 1.0 } else { 2.0 } / nodes
        })
        .collect()
}

/// T_k(y), on the interval [-1, 1] and outside of it.
fn chebyshev(k: usize, y: f64) -> f64 {
    let (mut last, mut now) = (1.0, y);
    if k == 0 {
        return last;
    }
    for _ in 1..k {
        (last, now) = (now, 2.0 * y * now - last);
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_residual_is_as_small_as_it_can_be() {
        let (low, high) = (0.1, 1.3);
        for steps in [1, 2, 5, 12] {
            let coefficients = inverse(low, high, steps);
            assert_eq!(coefficients.len(), steps);
            let bound = 1.0 / chebyshev(steps, (low + high) / (high - low));
            let mut largest = 0.0f64;
            for i in 0..=1000 {
                let x = low + (high - low) * f64::from(i) / 1000.0;
                let y = (2.0 * x - low - high) / (high - low);
                let terms = coefficients.iter().enumerate();
                let p: f64 = terms.map(|(k, c)| c * chebyshev(k, y)).sum();
                largest = largest.max((1.0 - x * p).abs());
            }
            assert!((largest / bound - 1.0).abs() < 1e-3, "{largest} {bound}");
        }
    }
}
