//! The transform between the coefficients of a real polynomial and its slots.
//!
//! With zeta = exp(2 pi i / 2N), slot j of a polynomial p is p(zeta^(5^j)), j < n = N/2; the other
//! half of the roots of X^N + 1 are the conjugates of these (Cheon, Kim, Kim, Song, 2017, section
//! 3.2). Because zeta^(n 5^j) = i for every j, the N real coefficients fold into the n complex
//! numbers w_k = p_k + i p_(k+n), and slot j is the sum of w_k zeta^(5^j k): a transform of size n
//! that splits by halves like the usual one (Cheon, Han, Kim, Kim, Song, 2018, EUROCRYPT, section
//! 4), in O(n log n).

use std::f64::consts::TAU;
use std::sync::OnceLock;

use num_complex::Complex64;
use tapetum_ring::Interpolation;

/// The transform of one size, with its roots of unity.
pub(crate) struct SpecialFft {
    slots: usize,
    /// For the layers with blocks of 2, 4, ..., n: exp(2 pi i 5^j / (4 block)) for j < block / 2.
    roots: Vec<Complex64>,
    /// Made when it is first needed.
    interpolation: OnceLock<Interpolation>,
}

impl SpecialFft {
    /// For N/2 slots of a ring of degree N = 2^log_n, or for vectors of that period in a larger
    /// ring.
    pub(crate) fn new(log_n: u32) -> Self {
        let slots = 1usize << (log_n - 1);
        let mut roots = Vec::with_capacity(slots - 1);
        for log_block in 1..log_n {
            let order = 4usize << log_block;
            let mut power = 1;
            for _ in 0..1usize << (log_block - 1) {
                roots.push(root_of_unity(power, order));
                power = power * 5 % order;
            }
        }
        Self {
            slots,
            roots,
            interpolation: OnceLock::new(),
        }
    }

    /// From w_k to slots, in place.
    pub(crate) fn to_slots(&self, values: &mut [Complex64]) {
        reverse_bits(values);
        let mut block = 2;
        while block <= self.slots {
            let roots = self.layer(block);
            for chunk in values.chunks_exact_mut(block) {
                let (low, high) = chunk.split_at_mut(block / 2);
                for ((x, y), root) in low.iter_mut().zip(high).zip(roots) {
                    let (u, v) = (*x, *y * root);
                    (*x, *y) = (u + v, u - v);
                }
            }
            block *= 2;
        }
    }

    /// From slots to the coefficients.
    pub(crate) fn interpolation(&self) -> &Interpolation {
        self.interpolation.get_or_init(|| {
            let roots = self.roots.iter();
            Interpolation::new(roots.map(|root| (root.re, root.im)))
        })
    }

    /// The roots of the layer with blocks of this size.
    pub(crate) fn layer(&self, block: usize) -> &[Complex64] {
        // The layers before it hold 1 + 2 + ... + block / 4 roots.
        let half = block / 2;
        &self.roots[half - 1..2 * half - 1]
    }
}

/// exp(2 pi i power / order), for a power of two `order` of at least 8.
///
/// The angle is reduced to an eighth of the circle in integers, so the error stays at the last bit
/// all the way round.
fn root_of_unity(power: usize, order: usize) -> Complex64 {
    let power = power % order;
    let (eighth, rest) = (power / (order / 8), power % (order / 8));
    // In odd eighths, measure back from the next multiple of 45 degrees: the octant is mirrored.
    let steps = if eighth % 2 == 0 {
        rest
    } else {
        order / 8 - rest
    };
    let (sin, cos) = (TAU * (steps as f64 / order as f64)).sin_cos();
    let (re, im) = match eighth {
        0 => (cos, sin),
        1 => (sin, cos),
        2 => (-sin, cos),
        3 => (-cos, sin),
        4 => (-cos, -sin),
        5 => (-sin, -cos),
        6 => (sin, -cos),
        _ => (cos, -sin),
    };
    Complex64::new(re, im)
}

fn reverse_bits(values: &mut [Complex64]) {
    let shift = usize::BITS - values.len().trailing_zeros();
    for i in 0..values.len() {
        let j = i.reverse_bits() >> shift;
        if i < j {
            values.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn complex(n: usize) -> impl Strategy<Value = Vec<Complex64>> {
        let one = (-1.0..1.0, -1.0..1.0).prop_map(|(re, im)| Complex64::new(re, im));
        prop::collection::vec(one, n).no_shrink()
    }

    /// The value at zeta^(5^j) of the real polynomial that folds into `w`, by the definition.
    fn evaluate(w: &[Complex64], j: u32) -> Complex64 {
        let order = 4 * w.len();
        let power = (0..j).fold(1, |p, _| p * 5 % order);
        let coefficients = w.iter().map(|w| w.re).chain(w.iter().map(|w| w.im));
        coefficients
            .enumerate()
            .map(|(k, c)| c * Complex64::cis(TAU * (k * power % order) as f64 / order as f64))
            .sum()
    }

    #[test]
    fn roots_of_unity_are_accurate() {
        for order in [8usize, 16, 64, 1 << 18] {
            for power in (0..order).step_by((order / 64).max(1)) {
                let expected = Complex64::cis(TAU * power as f64 / order as f64);
                let root = root_of_unity(power, order);
                assert!((root - expected).norm() < 1e-15, "{power} of {order}");
                assert!((root.norm() - 1.0).abs() < 3e-16);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn agrees_with_the_definition(w in complex(1 << 6), large in complex(1 << 11)) {
            for (w, slots) in [(&w, vec![0, 1, 2, 31, 62, 63]), (&large, vec![0, 1, 777, 2047])] {
                let fft = SpecialFft::new(w.len().trailing_zeros() + 1);
                let mut values = w.clone();
                fft.to_slots(&mut values);
                for j in slots {
                    let error = (values[j as usize] - evaluate(w, j)).norm();
                    prop_assert!(error < 1e-12, "slot {j}: {error:e}");
                }
                let scale = 2f64.powi(40);
                let back = fft.interpolation().coefficients(scale, |real, imaginary| {
                    for ((re, im), z) in real.iter_mut().zip(imaginary).zip(&values) {
                        (*re, *im) = (z.re, z.im);
                    }
                });
                let coefficients = w.iter().map(|w| w.re).chain(w.iter().map(|w| w.im));
                for (back, c) in back.values().zip(coefficients) {
                    prop_assert!((back - c * scale).abs() <= 0.51);
                }
            }
        }
    }
}
