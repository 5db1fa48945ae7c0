//! One prime modulus and the residues modulo it.
//!
//! A residue is an integer in the balanced range [-(p-1)/2, (p-1)/2], stored as an `f64`. Below
//! 2^53 every integer is exact in an `f64`; below 2^49 there is also room for lazy sums, and a
//! fused multiply-add can multiply two residues exactly (van der Hoeven, Lecerf, Quintin, 2016,
//! section 3). The balanced range has one representative per class because p is odd, and zero is
//! always `+0.0`, so equal residues have equal bits.

use thiserror::Error;
use zeroize::DefaultIsZeroes;

/// A modulus has at most this many bits.
pub const MAX_MODULUS_BITS: u32 = 49;

/// Adding and subtracting 1.5 * 2^52 rounds an `f64` of magnitude below 2^51 to an integer (ties
/// to even), and the low bits of the sum are that integer in two's complement.
pub(crate) const ROUNDING: f64 = 6_755_399_441_055_744.0;
const ROUNDING_BITS: i64 = ROUNDING.to_bits() as i64;

/// An integer modulo some [`Modulus`]: balanced, exact, opaque.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
#[repr(transparent)]
pub struct Residue(f64);

impl DefaultIsZeroes for Residue {}

impl Residue {
    /// The zero residue, the same for all moduli.
    pub const ZERO: Self = Self(0.0);

    /// The representative in [-(p-1)/2, (p-1)/2].
    #[inline(always)]
    pub fn centered(self) -> i64 {
        (self.0 + ROUNDING).to_bits() as i64 - ROUNDING_BITS
    }

    /// The caller guarantees that `x` is balanced for the modulus in question.
    #[inline(always)]
    pub(crate) fn from_centered(x: i64) -> Self {
        Self(f64::from_bits((x + ROUNDING_BITS) as u64) - ROUNDING)
    }

    /// The integer nearest to a number below 2^51 in magnitude, ties to even.
    #[inline(always)]
    pub(crate) fn rounded(x: f64) -> Self {
        Self((x + ROUNDING) - ROUNDING)
    }

    #[inline(always)]
    pub(crate) fn as_f64(self) -> f64 {
        self.0
    }
}

/// Why a number is not usable as a modulus.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{value} is not an odd prime below 2^49")]
pub struct ModulusError {
    /// The number that was offered.
    pub value: u64,
}

/// An odd prime below 2^49 with what its arithmetic needs.
#[derive(Clone, Copy, Debug)]
pub struct Modulus {
    p: i64,
    half: i64,
    as_f64: f64,
    inverse: f64,
}

impl PartialEq for Modulus {
    fn eq(&self, other: &Self) -> bool {
        self.p == other.p
    }
}

impl Eq for Modulus {}

impl Modulus {
    /// Checks that `p` is an odd prime below 2^49.
    ///
    /// # Errors
    /// [`ModulusError`] if it is not.
    pub fn new(p: u64) -> Result<Self, ModulusError> {
        if p < 3 || p >> MAX_MODULUS_BITS != 0 || !crate::primality::is_prime(p) {
            return Err(ModulusError { value: p });
        }
        Ok(Self {
            p: p as i64,
            half: (p as i64 - 1) / 2,
            as_f64: p as f64,
            inverse: 1.0 / p as f64,
        })
    }

    /// The prime itself.
    #[inline(always)]
    pub fn value(self) -> u64 {
        self.p as u64
    }

    /// The number of bits of the prime: `value() < 2^bits()`.
    pub fn bits(self) -> u32 {
        64 - self.value().leading_zeros()
    }

    /// The prime as an `f64` (exact).
    pub fn to_f64(self) -> f64 {
        self.as_f64
    }

    /// Reduces any 64-bit integer.
    #[inline(always)]
    pub fn reduce(self, x: i64) -> Residue {
        // The first quotient is off by at most 1 + 2^-51 |x| / p, which leaves a number that a
        // double holds exactly; the second step leaves one in (-p, p).
        let q = (x as f64 * self.inverse) as i64;
        let r = x.wrapping_sub(q.wrapping_mul(self.p));
        let r = r - (r as f64 * self.inverse) as i64 * self.p;
        self.fold(r)
    }

    /// Reduces any 128-bit integer. Slow: for constants and large plaintexts, not for kernels.
    pub fn reduce_i128(self, x: i128) -> Residue {
        self.reduce((x % self.p as i128) as i64)
    }

    /// The residue of an `f64` that holds an integer; `None` if it is not an integer below 2^126
    /// in magnitude.
    pub fn reduce_f64(self, x: f64) -> Option<Residue> {
        (x.fract() == 0.0 && x.abs() < 2f64.powi(126)).then(|| self.reduce_i128(x as i128))
    }

    /// The residue whose representative in [0, p) is `x`; `None` if `x >= p`.
    #[inline(always)]
    pub fn from_unsigned(self, x: u64) -> Option<Residue> {
        (x < self.value()).then(|| self.residue_of_unsigned(x))
    }

    /// The representative of `x` in [0, p).
    #[inline(always)]
    pub fn to_unsigned(self, x: Residue) -> u64 {
        let x = x.centered();
        (x + (self.p & (x >> 63))) as u64
    }

    /// The caller guarantees `x < p`.
    #[inline(always)]
    pub(crate) fn residue_of_unsigned(self, x: u64) -> Residue {
        let x = x as i64;
        Residue::from_centered(x - (self.p & ((self.half - x) >> 63)))
    }

    /// `a + b`.
    #[inline(always)]
    pub fn add(self, a: Residue, b: Residue) -> Residue {
        self.fold(a.centered() + b.centered())
    }

    /// `a - b`.
    #[inline(always)]
    pub fn sub(self, a: Residue, b: Residue) -> Residue {
        self.fold(a.centered() - b.centered())
    }

    /// `-a`.
    #[inline(always)]
    pub fn neg(self, a: Residue) -> Residue {
        Residue::from_centered(-a.centered())
    }

    /// `a * b`.
    #[inline(always)]
    pub fn mul(self, a: Residue, b: Residue) -> Residue {
        // |a b / p| < 2^47, so the rounded quotient is within 1/2 + 2^-4 of the true one and the
        // wrapping remainder, which is exact modulo 2^64, is within (1/2 + 2^-4) p.
        let q = (a.0 * b.0 * self.inverse + ROUNDING).to_bits() as i64 - ROUNDING_BITS;
        let product = a.centered().wrapping_mul(b.centered());
        self.fold(product.wrapping_sub(q.wrapping_mul(self.p)))
    }

    /// `a^exponent`.
    pub fn pow(self, a: Residue, mut exponent: u64) -> Residue {
        let mut square = a;
        let mut result = self.reduce(1);
        while exponent != 0 {
            if exponent & 1 == 1 {
                result = self.mul(result, square);
            }
            square = self.mul(square, square);
            exponent >>= 1;
        }
        result
    }

    /// `1 / a`; `None` for zero.
    pub fn inverse(self, a: Residue) -> Option<Residue> {
        (a != Residue::ZERO).then(|| self.pow(a, self.value() - 2))
    }

    /// Reduces a sum of at most 2^10 products of residues.
    #[inline(always)]
    pub(crate) fn reduce_wide(self, x: i128) -> Residue {
        // |x| < 2^106. The quotient is estimated from the bits above 2^48, so the remainder, which
        // is exact modulo 2^64, is within 2^48 + 2^8 p of zero; a second step finishes.
        const SHIFT: u32 = 48;
        let high = (x >> SHIFT) as i64;
        let q = (high as f64 * (1u64 << SHIFT) as f64 * self.inverse) as i64;
        let r = (x as i64).wrapping_sub(q.wrapping_mul(self.p));
        let q = (r as f64 * self.inverse + ROUNDING).to_bits() as i64 - ROUNDING_BITS;
        self.fold(r - q * self.p)
    }

    /// Balances a number in (-3p/2, 3p/2), without a branch.
    #[inline(always)]
    fn fold(self, x: i64) -> Residue {
        let x = x - (self.p & ((self.half - x) >> 63));
        Residue::from_centered(x + (self.p & ((x + self.half) >> 63)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRIMES: [u64; 5] = [3, 17, 786_433, (1 << 36) - 5, 562_949_953_421_231];

    fn check(p: u64, x: i128, r: Residue) {
        assert_eq!(r.centered() as i128, {
            let x = x.rem_euclid(p as i128);
            if x > (p as i128 - 1) / 2 {
                x - p as i128
            } else {
                x
            }
        });
        assert_ne!(r.as_f64().to_bits(), (-0.0f64).to_bits());
    }

    #[test]
    fn only_odd_primes_below_2_49() {
        for bad in [0, 1, 2, 4, 9, 15, 1 << 49, 562_949_953_421_381, u64::MAX] {
            assert_eq!(Modulus::new(bad), Err(ModulusError { value: bad }));
        }
    }

    #[test]
    fn edge_values() {
        for p in PRIMES {
            let m = Modulus::new(p).unwrap();
            let half = (p as i64 - 1) / 2;
            let edges = [0, 1, -1, half, -half, half - 1, 1 - half];
            for a in edges {
                for b in edges {
                    let (x, y) = (m.reduce(a), m.reduce(b));
                    let (a, b) = (a as i128, b as i128);
                    check(p, a + b, m.add(x, y));
                    check(p, a - b, m.sub(x, y));
                    check(p, a * b, m.mul(x, y));
                    check(p, -a, m.neg(x));
                    check(p, 16 * a * b, m.reduce_wide(16 * a * b));
                    if x != Residue::ZERO {
                        assert_eq!(m.mul(x, m.inverse(x).unwrap()), m.reduce(1));
                    }
                }
            }
            assert_eq!(m.inverse(Residue::ZERO), None);
            assert_eq!(m.from_unsigned(p), None);
            for x in [i64::MAX, i64::MIN, i64::MIN + 1] {
                check(p, x as i128, m.reduce(x));
            }
            assert_eq!(m.reduce_f64(0.5), None);
            assert_eq!(m.reduce_f64(f64::NAN), None);
            assert_eq!(m.reduce_f64(f64::INFINITY), None);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_integers(i in 0..PRIMES.len(), a: i64, b: i64, wide in -(1i128 << 101)..(1i128 << 101)) {
            let p = PRIMES[i];
            let m = Modulus::new(p).unwrap();
            let (x, y) = (m.reduce(a), m.reduce(b));
            check(p, a as i128, x);
            check(p, a as i128 + b as i128, m.add(x, y));
            check(p, a as i128 * b as i128, m.mul(x, y));
            check(p, wide, m.reduce_i128(wide));
            check(p, wide % (p as i128 * p as i128 * 16), m.reduce_wide(wide % (p as i128 * p as i128 * 16)));
            prop_assert_eq!(m.from_unsigned(m.to_unsigned(x)), Some(x));
        }
    }
}
