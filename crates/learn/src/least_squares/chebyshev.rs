//! The inverse of a matrix as a polynomial that regularises, in the basis of Chebyshev.

use std::f64::consts::PI;

/// Coefficients c_0, ..., c_(K-1) of the polynomial p of degree K - 1 that K steps from zero apply to
/// the right-hand side, for a spectrum in [0, `bound`]: p(x) is the sum of c_k T_k(2 x / bound - 1),
/// and close to 1 / x for large x, bounded for small.
///
/// Its residual 1 - x p(x) is sin((2 K + 1) phi) / ((2 K + 1) sin(phi)) at x = bound sin(phi)^2, the
/// Chebyshev method of Nemirovskii and Polyak, 1984 (Brakhage's nu-method of nu = 1/2, 1987). It
/// falls off from 1 at zero within bound / K^2 and stays below 1 / ((2 K + 1) sin(phi)). So the
/// number of steps decides below which eigenvalues the solution is damped, as that of a ridge of
/// about bound / (2 K)^2 is, without a lower end of the spectrum that has to be known.
pub(super) fn inverse(bound: f64, steps: usize) -> Vec<f64> {
    let p = |angle: f64| {
        let x = bound * (1.0 + angle.cos()) / 2.0;
        (1.0 - residual(x / bound, steps)) / x
    };
    // Interpolation in as many nodes as there are coefficients is exact.
    let nodes = steps as f64;
    let angles: Vec<_> = (0..steps).map(|i| PI * (i as f64 + 0.5) / nodes).collect();
    let values: Vec<_> = angles.iter().map(|&angle| p(angle)).collect();
    (0..steps)
        .map(|k| {
            let terms = angles.iter().zip(&values);
            let sum: f64 = terms.map(|(angle, p)| p * (k as f64 * angle).cos()).sum();
            sum * if k == 0 { 1.0 } else { 2.0 } / nodes
        })
        .collect()
}

/// 1 - x p(x) at a share of the bound, in (0, 1].
fn residual(share: f64, steps: usize) -> f64 {
    let (phi, order) = (share.sqrt().asin(), (2 * steps + 1) as f64);
    (order * phi).sin() / (order * phi.sin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_polynomial_has_its_residual_everywhere() {
        let bound = 1.3;
        for steps in [1, 2, 5, 12, 64] {
            let coefficients = inverse(bound, steps);
            assert_eq!(coefficients.len(), steps);
            for i in 1..=1000 {
                let x = bound * f64::from(i) / 1000.0;
                let angle = (2.0 * x / bound - 1.0).acos();
                let terms = coefficients.iter().enumerate();
                let p: f64 = terms.map(|(k, c)| c * (k as f64 * angle).cos()).sum();
                let found = 1.0 - x * p;
                assert!((found - residual(x / bound, steps)).abs() < 1e-9);
                let decay = ((2 * steps + 1) as f64 * (x / bound).sqrt()).recip();
                assert!(found.abs() <= decay.min(1.0) + 1e-9);
            }
        }
        // One step is a gradient step of the length that suits the whole spectrum.
        assert!((inverse(3.0, 1)[0] - 4.0 / 9.0).abs() < 1e-12);
    }
}
