//! Integer coefficients before they are reduced modulo any prime.

use std::fmt;

use zeroize::Zeroize;

use crate::basis::Basis;
use crate::buffer::Buffer;
use crate::modulus::Residue;
use crate::poly::{Evaluation, Poly};
use crate::simd::{self, ComplexRoots, Kernel};

/// Integer coefficients, N or a power of two below that, each a whole number in an `f64`: what many limbs are made of, one prime after
/// another and whenever they are needed. Wiped from memory when dropped.
///
/// `Debug` shows the number of coefficients, never their values.
#[derive(Clone)]
pub struct Integers {
    /// Whole numbers; residues of no modulus.
    values: Buffer,
    largest: f64,
}

impl Integers {
    /// Every coefficient is below this.
    pub const LIMIT: f64 = (1u128 << 126) as f64;

    /// From whole numbers, one for each coefficient.
    pub fn new(coefficients: &[f64]) -> Self {
        debug_assert!(
            coefficients
                .iter()
                .all(|x| x.fract() == 0.0 || !x.is_finite())
        );
        let mut values = Buffer::any(coefficients.len());
        simd::numbers_mut(&mut values).copy_from_slice(coefficients);
        Self {
            largest: largest(coefficients),
            values,
        }
    }

    /// The largest magnitude; infinite if a coefficient is not a number below [`LIMIT`](Self::LIMIT). Then no
    /// limb can be made.
    pub fn largest(&self) -> f64 {
        self.largest
    }

    /// The coefficients in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.values.iter().map(|x| x.as_f64())
    }

    /// The number of coefficients.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Writes the limb modulo the prime at index `i` of `basis`, in evaluation form.
    ///
    /// Fewer coefficients than the degree are those of a polynomial in a power of X: the limb is as long as they are
    /// many, each of its values standing for some in a row.
    ///
    /// # Panics
    /// If there are more coefficients than the degree or no power of two of them, there is no such prime, or
    /// [`largest`](Self::largest) is infinite.
    pub fn write_limb(&self, basis: &Basis, i: usize, limb: &mut [Residue]) {
        let len = self.values.len();
        assert!(
            len.is_power_of_two() && len <= basis.degree(),
            "N coefficients, or a part of that"
        );
        assert!(self.largest < Self::LIMIT, "coefficients below 2^126");
        let modulus = basis.modulus(i);
        // What is compared is the largest magnitude of all, so the branch tells nothing else about them.
        if self.largest <= (modulus.value() / 2) as f64 {
            limb.copy_from_slice(&self.values);
        } else {
            let narrow = self.largest < NARROW * modulus.to_f64();
            let steps = if narrow { 2 } else { MOST_STEPS };
            simd::reduce_integers(Kernel::selected(), modulus, limb, &self.values, steps);
        }
        let table = basis.table(i);
        match len.ilog2() {
            log_n if log_n == basis.log_n() => table.forward(limb),
            log_n => table.smaller(log_n).forward(limb),
        }
    }

    /// The polynomial with these coefficients, N of them.
    ///
    /// # Panics
    /// As [`write_limb`](Self::write_limb).
    pub fn to_poly(&self, basis: &Basis) -> Poly<Evaluation> {
        assert_eq!(self.values.len(), basis.degree(), "N coefficients");
        Poly::from_limbs_with(basis, |i, limb| self.write_limb(basis, i, limb))
    }
}

/// A quotient below this is off by at most 1/4 before it is rounded.
const NARROW: f64 = (1u64 << 50) as f64;
/// Reductions of a number below 2^126 by any prime; each takes 51 bits, the last makes it canonical.
const MOST_STEPS: usize = 4;

impl Drop for Integers {
    fn drop(&mut self) {
        self.values.zeroize();
    }
}

impl fmt::Debug for Integers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Integers({} coefficients)", self.values.len())
    }
}

/// From the values of a real polynomial at half of the roots of X^N + 1 to its coefficients, the other half
/// being conjugates: the inverse of the canonical embedding (Cheon, Kim, Kim, Song, 2017, section 3.2).
///
/// With zeta = exp(2 pi i / 2N), slot j is the value at zeta^(5^j). The coefficients are those of a complex
/// transform of half the size; see [`coefficients`](Self::coefficients).
pub struct Interpolation {
    roots: ComplexRoots,
}

impl Interpolation {
    /// For rings of degree 2n. The layer with blocks of 2, 4, ..., n slots has half as many roots of unity,
    /// `exp(2 pi i 5^j / (4 block))`, as real and imaginary part; they come layer after layer.
    ///
    /// # Panics
    /// If there are not n - 1 of them for a power of two n.
    pub fn new(roots: impl ExactSizeIterator<Item = (f64, f64)>) -> Self {
        Self {
            roots: ComplexRoots::new(roots),
        }
    }

    /// The integers nearest to `scale` times the coefficients, ties away from zero. `fill` writes the real
    /// and the imaginary parts of all N/2 slots.
    ///
    /// Kernels agree bit for bit: no sum or product is fused, and none is reordered.
    pub fn coefficients(&self, scale: f64, fill: impl FnOnce(&mut [f64], &mut [f64])) -> Integers {
        let slots = self.roots.slots();
        let mut integers = Integers {
            values: Buffer::any(2 * slots),
            largest: f64::INFINITY,
        };
        let (real, imaginary) = simd::numbers_mut(&mut integers.values).split_at_mut(slots);
        fill(real, imaginary);
        simd::interpolate(Kernel::selected(), real, imaginary, &self.roots, scale);
        integers.largest = largest(simd::numbers(&integers.values));
        integers
    }
}

impl fmt::Debug for Interpolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interpolation({} slots)", self.roots.slots())
    }
}

/// The largest magnitude, or infinity if a number is none or reaches the limit.
fn largest(values: &[f64]) -> f64 {
    const WIDTH: usize = 8;
    let mut largest = [0.0f64; WIDTH];
    // Zero times what is not finite is not a number, and stays that in every sum.
    let mut zeros = [0.0f64; WIDTH];
    let (chunks, rest) = values.as_chunks::<WIDTH>();
    debug_assert!(rest.is_empty());
    for chunk in chunks {
        for ((largest, zero), x) in largest.iter_mut().zip(&mut zeros).zip(chunk) {
            let magnitude = x.abs();
            *largest = if magnitude > *largest {
                magnitude
            } else {
                *largest
            };
            *zero += x * 0.0;
        }
    }
    let largest = largest.into_iter().fold(0.0, f64::max);
    let is_finite = zeros.iter().sum::<f64>() == 0.0;
    if is_finite && largest < Integers::LIMIT {
        largest
    } else {
        f64::INFINITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primes;

    #[test]
    fn limbs_are_those_of_the_integers() {
        let bits = [20, 36, 49];
        let primes = bits.map(|bits| primes::near(2f64.powi(bits), 5).next().unwrap().value());
        let basis = Basis::new(5, &primes).unwrap();
        for power in [0, 10, 18, 19, 35, 48, 49, 60, 69, 70, 86, 100, 125] {
            let edge = 2f64.powi(power);
            for shift in [0.0, 1.0, -1.0] {
                let value = |k: usize| match k {
                    0 => edge + shift,
                    1 => -edge - shift,
                    2 => 0.0,
                    _ => ((edge * (k as f64).sin()).round() + shift) + 0.0,
                };
                let values: Vec<_> = (0..32).map(value).collect();
                let wide: Vec<_> = values.iter().map(|&x| x as i128).collect();
                let found = Integers::new(&values).to_poly(&basis);
                let expected = Poly::from_wide_coefficients(&basis, &wide).into_evaluation();
                assert!(found == expected, "2^{power} + {shift}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_below_the_limit_is_seen() {
        let with = |x: f64| {
            let mut values = [1.0; 32];
            values[17] = x;
            largest(&values)
        };
        assert_eq!(with(-5.0), 5.0);
        assert_eq!(with(0.25), 1.0);
        for bad in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -Integers::LIMIT,
            1e300,
        ] {
            assert_eq!(with(bad), f64::INFINITY, "{bad}");
        }
        assert!(with(-Integers::LIMIT * 0.99) < Integers::LIMIT);
    }
}
