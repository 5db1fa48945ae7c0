//! Low coefficients of the orthonormal two-dimensional DCT-II.
//!
//! The transform nearly diagonalises the covariance of natural images (Ahmed, Natarajan and Rao 1974), so that
//! standardised coefficients are nearly uncorrelated and gradient methods need few steps.

use std::f64::consts::PI;

/// A table of the first `k` basis vectors over `side` points, row-major: `k` x `side`.
pub(crate) struct Dct {
    k: usize,
    side: usize,
    basis: Vec<f64>,
}

impl Dct {
    /// `k` is at most `side`.
    pub fn new(k: usize, side: usize) -> Self {
        let n = side as f64;
        let basis = (0..k)
            .flat_map(|u| {
                let norm = if u == 0 {
                    (1.0 / n).sqrt()
                } else {
                    (2.0 / n).sqrt()
                };
                (0..side)
                    .map(move |x| norm * (PI * (2 * x + 1) as f64 * u as f64 / (2.0 * n)).cos())
            })
            .collect();
        Self { k, side, basis }
    }

    /// Appends the coefficients (u, v), 0 <= u, v < k, row-major with u the vertical frequency:
    /// `c(u) c(v) sum_yx f(y, x) cos(pi (2y + 1) u / 2n) cos(pi (2x + 1) v / 2n)` with `c(0) = sqrt(1/n)`, otherwise
    /// `sqrt(2/n)`, for the n x n image `pixels`.
    pub fn append(&self, pixels: &[f64], out: &mut Vec<f64>) {
        let dot = |basis: &[f64], line: &mut dyn Iterator<Item = f64>| -> f64 {
            basis.iter().zip(line).map(|(b, p)| b * p).sum()
        };
        // rows[y * k + v]: each row of the image transformed along x.
        let mut rows = Vec::with_capacity(self.side * self.k);
        for row in pixels.chunks_exact(self.side) {
            for basis in self.basis.chunks_exact(self.side) {
                rows.push(dot(basis, &mut row.iter().copied()));
            }
        }
        for basis in self.basis.chunks_exact(self.side) {
            for v in 0..self.k {
                out.push(dot(
                    basis,
                    &mut rows.iter().skip(v).step_by(self.k).copied(),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shuffle::stream;
    use rand_core::Rng;

    fn random_image(side: usize, seed: u64) -> Vec<f64> {
        let mut rng = stream(seed, 0);
        (0..side * side)
            .map(|_| rng.next_u32() as f64 / f64::from(u32::MAX))
            .collect()
    }

    #[test]
    fn agrees_with_the_double_sum() {
        for (k, side) in [(1, 1), (3, 5), (8, 8), (14, 28)] {
            let image = random_image(side, side as u64);
            let mut found = Vec::new();
            Dct::new(k, side).append(&image, &mut found);
            let n = side as f64;
            for u in 0..k {
                for v in 0..k {
                    let c = |f: usize| {
                        if f == 0 {
                            (1.0 / n).sqrt()
                        } else {
                            (2.0 / n).sqrt()
                        }
                    };
                    let mut sum = 0.0;
                    for y in 0..side {
                        for x in 0..side {
                            sum += image[y * side + x]
                                * (PI * (2 * y + 1) as f64 * u as f64 / (2.0 * n)).cos()
                                * (PI * (2 * x + 1) as f64 * v as f64 / (2.0 * n)).cos();
                        }
                    }
                    assert!((found[u * k + v] - c(u) * c(v) * sum).abs() < 1e-10);
                }
            }
        }
    }

    #[test]
    fn the_full_transform_keeps_lengths() {
        let image = random_image(16, 9);
        let mut found = Vec::new();
        Dct::new(16, 16).append(&image, &mut found);
        let energy = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>();
        assert!((energy(&found) - energy(&image)).abs() < 1e-10);
    }
}
