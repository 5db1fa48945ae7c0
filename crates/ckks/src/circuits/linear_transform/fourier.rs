//! The transform between coefficients and slots as a product of sparse matrices.
//!
//! The layers of the special FFT (`special_fft`) are matrices with two or three diagonals each; a
//! product of k layers in a row has at most 2^(k+1) - 1 (Chen, Chillotti, Song, 2019, section 4;
//! Han, Hhan, Cheon, 2019). The permutation of the FFT by reversed bits is left out: who goes
//! to the coefficients and back does not miss it.

use std::collections::BTreeMap;
use std::ops::Range;

use num_complex::Complex64;

use super::{LinearTransformError, SlotMatrix};
use crate::special_fft::SpecialFft;

/// Diagonals of a matrix on vectors of some period, by index modulo the period.
type Diagonals = BTreeMap<usize, Vec<Complex64>>;

impl SlotMatrix {
    /// The matrices whose product takes a vector w that repeats every `period` slots to the slots
    /// of the polynomial whose coefficients are w, in the order of reversed bits, the real parts
    /// before the imaginary ones: SlotsToCoeffs, the first factor to apply first. All factors have
    /// about equally many of the log2(`period`) layers of the FFT, and each is scaled by the same
    /// number such that the product is `scale` times the transform.
    ///
    /// A factor of k layers has 2^(k+1) - 1 diagonals, the last 2^k.
    ///
    /// # Errors
    /// If the period is not a power of two of at least 2 that divides the number of slots, or
    /// there are no factors or more than layers.
    pub fn slots_to_coeffs(
        slots: usize,
        period: usize,
        factors: usize,
        scale: f64,
    ) -> Result<Vec<Self>, LinearTransformError> {
        let (fft, share) = Fourier::shared(slots, period, factors, scale)?;
        fft.groups(factors)
            .map(|layers| fft.product(layers.map(|layer| fft.to_slots(layer)), share))
            .collect()
    }

    /// The matrices whose product is the inverse of that of
    /// [`slots_to_coeffs`](Self::slots_to_coeffs), times `scale`: CoeffsToSlots.
    ///
    /// The first factor of k layers has 2^k diagonals, the others 2^(k+1) - 1.
    ///
    /// # Errors
    /// As [`slots_to_coeffs`](Self::slots_to_coeffs).
    pub fn coeffs_to_slots(
        slots: usize,
        period: usize,
        factors: usize,
        scale: f64,
    ) -> Result<Vec<Self>, LinearTransformError> {
        let (fft, share) = Fourier::shared(slots, period, factors, scale / period as f64)?;
        let mut groups: Vec<_> = fft.groups(factors).collect();
        groups.reverse();
        groups
            .into_iter()
            .map(|layers| {
                let layers = layers.rev().map(|layer| fft.to_coefficients(layer));
                fft.product(layers, share)
            })
            .collect()
    }
}

/// The layers of the special FFT for vectors of a period, as matrices.
struct Fourier {
    slots: usize,
    period: usize,
    fft: SpecialFft,
}

impl Fourier {
    fn new(slots: usize, period: usize, factors: usize) -> Result<Self, LinearTransformError> {
        let layers = period.checked_ilog2().unwrap_or(0);
        let fits = period.is_power_of_two() && slots.is_multiple_of(period);
        if !fits || !(1..=layers as usize).contains(&factors) {
            return Err(LinearTransformError::Factors {
                period,
                factors,
                slots,
            });
        }
        Ok(Self {
            slots,
            period,
            fft: SpecialFft::new(layers + 1),
        })
    }

    /// Those for this number of factors, and by what each of these is scaled for a product of this scale.
    fn shared(
        slots: usize,
        period: usize,
        factors: usize,
        scale: f64,
    ) -> Result<(Self, f64), LinearTransformError> {
        let fft = Self::new(slots, period, factors)?;
        Ok((fft, scale.powf(1.0 / factors as f64)))
    }

    /// The layers of each factor; the first factors get those that are left over.
    fn groups(&self, factors: usize) -> impl Iterator<Item = Range<u32>> {
        let layers = self.period.ilog2();
        let factors = factors as u32;
        let end = move |i: u32| i * (layers / factors) + i.min(layers % factors);
        (0..factors).map(move |i| end(i)..end(i + 1))
    }

    /// Blocks of 2^(layer + 1): (x, y) -> (x + root y, x - root y).
    fn to_slots(&self, layer: u32) -> Diagonals {
        let half = 1 << layer;
        let one = Complex64::ONE;
        self.butterflies(half, |root| [[one, root], [one, -root]])
    }

    /// The inverse but for a factor of 1/2: (x, y) -> (x + y, (x - y) / root).
    fn to_coefficients(&self, layer: u32) -> Diagonals {
        let half = 1 << layer;
        let one = Complex64::ONE;
        self.butterflies(half, |root| [[one, one], [root.conj(), -root.conj()]])
    }

    /// The matrix that acts on all pairs of entries i and i + half by the 2 x 2 matrix that belongs
    /// to the root of i.
    fn butterflies(
        &self,
        half: usize,
        matrix: impl Fn(Complex64) -> [[Complex64; 2]; 2],
    ) -> Diagonals {
        let roots = self.fft.layer(2 * half);
        let mut diagonals = Diagonals::new();
        let mut set = |index: usize, row: usize, entry| {
            let zero = || vec![Complex64::ZERO; self.period];
            diagonals.entry(index).or_insert_with(zero)[row] = entry;
        };
        for low in (0..self.period).filter(|i| i & half == 0) {
            let [[a, b], [c, d]] = matrix(roots[low % half]);
            set(0, low, a);
            set(half, low, b);
            set(self.period - half, low + half, c);
            set(0, low + half, d);
        }
        diagonals
    }

    /// `scale` times the product of matrices, the first to be applied first, for all slots.
    fn product(
        &self,
        mut layers: impl Iterator<Item = Diagonals>,
        scale: f64,
    ) -> Result<SlotMatrix, LinearTransformError> {
        let mut product = layers.next().expect("every factor has a layer");
        for layer in layers {
            product = self.multiply(&layer, &product);
        }
        let diagonals = product
            .into_iter()
            .map(|(index, diagonal)| {
                let tiled = diagonal.iter().cycle().map(|&x| x * scale);
                (
                    self.nearest_to_zero(index),
                    tiled.take(self.slots).collect(),
                )
            })
            .collect();
        SlotMatrix::from_diagonals(self.slots, diagonals)
    }

    /// The matrix product a b.
    fn multiply(&self, a: &Diagonals, b: &Diagonals) -> Diagonals {
        let mut product = Diagonals::new();
        for (k, x) in a {
            for (l, y) in b {
                let sum = product
                    .entry((k + l) % self.period)
                    .or_insert_with(|| vec![Complex64::ZERO; self.period]);
                for (i, (sum, x)) in sum.iter_mut().zip(x).enumerate() {
                    *sum += x * y[(i + k) % self.period];
                }
            }
        }
        product
    }

    /// Of the rotations that do the same to vectors of the period, the shortest.
    fn nearest_to_zero(&self, index: usize) -> i64 {
        let (index, period) = (index as i64, self.period as i64);
        if index > period / 2 {
            index - period
        } else {
            index
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(period: usize, slots: usize) -> Vec<Complex64> {
        let entry = |i: usize| Complex64::new((i as f64).sin(), (1.7 * i as f64).cos());
        (0..period).cycle().take(slots).map(entry).collect()
    }

    fn apply(factors: &[SlotMatrix], v: &[Complex64]) -> Vec<Complex64> {
        factors
            .iter()
            .fold(v.to_vec(), |v, factor| factor.apply(&v).unwrap())
    }

    fn reversed_bits(v: &[Complex64]) -> Vec<Complex64> {
        let shift = usize::BITS - v.len().trailing_zeros();
        (0..v.len()).map(|i| v[i.reverse_bits() >> shift]).collect()
    }

    #[test]
    fn the_factors_make_the_special_fft() {
        for (slots, period) in [(64usize, 64usize), (64, 8), (256, 128), (64, 2)] {
            let fft = SpecialFft::new(period.ilog2() + 1);
            let w = vector(period, slots);
            let mut image = reversed_bits(&w[..period]);
            fft.to_slots(&mut image);
            for factors in 1..=period.ilog2() as usize {
                let there = SlotMatrix::slots_to_coeffs(slots, period, factors, 0.5).unwrap();
                let back = SlotMatrix::coeffs_to_slots(slots, period, factors, 3.0).unwrap();
                let found = apply(&there, &w);
                for (found, expected) in found.iter().zip(image.iter().cycle()) {
                    assert!((found - expected * 0.5).norm() < 1e-12 * period as f64);
                }
                for (found, w) in apply(&back, &found).iter().zip(&w) {
                    assert!((found - w * 1.5).norm() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn the_number_of_diagonals_is_as_stated() {
        let count = |matrices: Vec<SlotMatrix>| -> Vec<usize> {
            matrices.iter().map(|m| m.diagonals().len()).collect()
        };
        let there = SlotMatrix::slots_to_coeffs(4096, 4096, 3, 1.0).unwrap();
        assert_eq!(count(there), [31, 31, 16]);
        let back = SlotMatrix::coeffs_to_slots(4096, 1024, 3, 1.0).unwrap();
        assert_eq!(count(back), [8, 15, 31]);
    }

    #[test]
    fn what_cannot_be_factored_is_refused() {
        for (period, factors) in [(1, 1), (3, 1), (128, 1), (8, 0), (8, 4)] {
            let result = SlotMatrix::slots_to_coeffs(64, period, factors, 1.0);
            assert!(matches!(result, Err(LinearTransformError::Factors { .. })));
        }
    }
}
