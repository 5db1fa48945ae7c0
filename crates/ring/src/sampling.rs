//! Random polynomials: uniform from a public seed, and secret ones from the operating system.
//!
//! Everything secret is drawn in constant time: neither branches nor addresses depend on it.

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::basis::Basis;
use crate::poly::{Evaluation, Poly};

/// The operating system gave no randomness.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the operating system's random generator failed: {0}")]
pub struct RandomnessError(getrandom::Error);

/// Fills a key or a seed from the operating system.
pub(crate) fn fill(bytes: &mut [u8; 32]) -> Result<(), RandomnessError> {
    getrandom::fill(bytes).map_err(RandomnessError)
}

/// A public seed from which a uniform polynomial is expanded on both sides of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed([u8; 32]);

impl Seed {
    /// A fresh seed from the operating system.
    ///
    /// # Errors
    /// [`RandomnessError`] if that fails.
    pub fn fresh() -> Result<Self, RandomnessError> {
        let mut bytes = [0; 32];
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// From bytes off the wire: every 32 bytes are a seed.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The seed at `index` of the family that this one generates: 32 bytes of the ChaCha20 stream
    /// number 0, which no prime has.
    pub fn child(self, index: u32) -> Self {
        let mut stream = ChaCha20Rng::from_seed(self.0);
        stream.set_word_pos(8 * index as u128);
        let mut bytes = [0; 32];
        stream.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The bytes for the wire.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

/// A generator for secrets: ChaCha20 keyed by the operating system, wiped when dropped.
pub struct SecretRng(ChaCha20Rng);

impl SecretRng {
    /// A generator with a fresh key.
    ///
    /// # Errors
    /// [`RandomnessError`] if the operating system gives none.
    pub fn from_os() -> Result<Self, RandomnessError> {
        let mut key = Zeroizing::new([0; 32]);
        fill(&mut key)?;
        Ok(Self::from_key(&key))
    }

    pub(crate) fn from_key(key: &[u8; 32]) -> Self {
        let key = Zeroizing::new(*key);
        #[cfg(feature = "constant-time")]
        let key = {
            let mut key = key;
            crate::memcheck::hide(&mut *key);
            key
        };
        Self(ChaCha20Rng::from_seed(*key))
    }

    /// A generator with a known key, for known-answer files and reproducible tests only.
    #[cfg(any(test, feature = "insecure"))]
    pub fn insecure_from_key(key: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(key))
    }

    /// A public seed for [`uniform`].
    pub fn seed(&mut self) -> Seed {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        #[cfg(feature = "constant-time")]
        crate::memcheck::reveal(&mut bytes);
        Seed(bytes)
    }

    /// N coefficients uniform in {-1, 0, 1}.
    pub fn ternary(&mut self, degree: usize) -> Zeroizing<Vec<i64>> {
        // A byte below 255 = 3 * 85 gives an unbiased trit. Which bytes are rejected does not
        // depend on those that are kept.
        let mut trits = Zeroizing::new(Vec::with_capacity(degree));
        let mut bytes = Zeroizing::new([0u8; 256]);
        while trits.len() < degree {
            self.0.fill_bytes(&mut *bytes);
            let room = degree - trits.len();
            // b / 85 by multiplication, because a division may take a time of its operands.
            let accepted = bytes.iter().filter(|&&b| b != 255);
            trits.extend(accepted.take(room).map(|&b| ((b as i64 * 772) >> 16) - 1));
        }
        trits
    }

    /// N coefficients in {-1, 0, 1}, `weight` of which are not zero, uniform among all such.
    ///
    /// Takes a time of N `weight`, because the whole list is read for each of them.
    ///
    /// # Panics
    /// If `degree` is no power of two or `weight` larger.
    pub fn sparse_ternary(&mut self, degree: usize, weight: usize) -> Zeroizing<Vec<i64>> {
        assert!(degree.is_power_of_two() && weight <= degree);
        let mut trits = Zeroizing::new(vec![0i64; degree]);
        for placed in 0..weight {
            // The zero at a uniform place among the zeros that are left becomes 1 or -1. Which
            // words are rejected does not depend on those that are kept.
            let (place, sign) = loop {
                let word = Zeroizing::new(self.0.next_u64());
                let place = (*word >> 1) & (degree as u64 - 1);
                if place < (degree - placed) as u64 {
                    break (place, ((*word & 1) as i64) * 2 - 1);
                }
            };
            let mut zeros = 0u64;
            for trit in trits.iter_mut() {
                let is_zero = 1 - *trit * *trit;
                // 1 if this is the place, by the sign of 0 - 1: no branch.
                let is_place = ((zeros ^ place).wrapping_sub(1) >> 63) as i64;
                *trit += sign * is_zero * is_place;
                zeros += is_zero as u64;
            }
        }
        trits
    }

    /// N coefficients of the discrete Gaussian with sigma = 3.19, cut at 28.
    ///
    /// The cumulative table is read whole for each sample; statistical distance from the ideal
    /// distribution is below 2^-58 a coefficient.
    pub fn gaussian(&mut self, degree: usize) -> Zeroizing<Vec<i64>> {
        let mut sample = || {
            let u = self.0.next_u64();
            // 1 for each bound that is at most u / 2: both are below 2^63, so the difference has
            // the sign.
            let reached = |bound: &u64| (bound.wrapping_sub((u >> 1) + 1) >> 63) as i64;
            let magnitude: i64 = GAUSSIAN_TABLE.iter().map(reached).sum();
            let sign = -((u & 1) as i64);
            (magnitude ^ sign) - sign
        };
        Zeroizing::new((0..degree).map(|_| sample()).collect())
    }

    /// N coefficients of a discrete Gaussian with sigma = 1.84 * 2^`log_sigma`, for noise flooding.
    ///
    /// It is the sum of 2^i x_i over independent samples x_i of [`gaussian`](Self::gaussian),
    /// i = 0, 1, ..., `log_sigma` - 1. Each partial sum smooths the next coarser lattice up to
    /// 2^-50, so the sum is a discrete Gaussian (Micciancio, Walter, 2017, theorem 2).
    ///
    /// # Panics
    /// If `log_sigma` is not in 1..=56.
    pub fn wide_gaussian(&mut self, degree: usize, log_sigma: u32) -> Zeroizing<Vec<i64>> {
        assert!((1..=56).contains(&log_sigma), "sigma out of range");
        let mut sum = self.gaussian(degree);
        for i in 1..log_sigma {
            for (sum, x) in sum.iter_mut().zip(&*self.gaussian(degree)) {
                *sum += x << i;
            }
        }
        sum
    }
}

/// The polynomial over `basis` that `seed` stands for, uniform in each residue.
///
/// The limb of a prime p is a ChaCha20 stream with the seed as key and p as stream number: 64-bit
/// little-endian words shifted right to the bits of p, those at or above p left out, in the order of the
/// evaluation form. It does not depend on the other primes of the basis.
pub fn uniform(basis: &Basis, seed: Seed) -> Poly<Evaluation> {
    Poly::from_limbs_with(basis, |i, limb| {
        let modulus = basis.modulus(i);
        let shift = 64 - modulus.bits();
        let mut stream = ChaCha20Rng::from_seed(seed.0);
        stream.set_stream(modulus.value());
        let mut bytes = [0u8; 4096];
        let mut filled = 0;
        while filled < limb.len() {
            stream.fill_bytes(&mut bytes);
            for word in bytes.as_chunks::<8>().0 {
                let word = u64::from_le_bytes(*word) >> shift;
                let Some(out) = limb.get_mut(filled) else {
                    break;
                };
                // Up to half of all words are refused, and no processor can tell which: so each is written,
                // and the next goes to the same place if this one is too large.
                *out = modulus.residue_of_unsigned(word);
                filled += usize::from(word < modulus.value());
            }
        }
    })
}

/// 2^63 times the probability that |x| <= k, for k = 0, 1, ..., x discrete Gaussian with
/// sigma = 3.19; the last entries that differ from 2^63. Made with 60 decimal digits.
const GAUSSIAN_TABLE: [u64; 29] = [
    1_153_477_452_468_229_224,
    3_349_820_430_805_593_270,
    5_245_143_829_349_442_938,
    6_727_622_992_311_224_449,
    7_778_655_094_148_702_640,
    8_454_061_963_716_837_078,
    8_847_464_427_593_976_181,
    9_055_161_697_081_982_973,
    9_154_552_593_608_142_009,
    9_197_663_240_382_149_865,
    9_214_612_259_843_553_562,
    9_220_652_117_835_847_120,
    9_222_602_999_767_745_941,
    9_223_174_159_202_072_686,
    9_223_325_726_613_166_616,
    9_223_362_183_234_700_014,
    9_223_370_131_440_734_060,
    9_223_371_702_107_022_666,
    9_223_371_983_440_126_813,
    9_223_372_029_115_264_285,
    9_223_372_035_836_683_724,
    9_223_372_036_733_212_517,
    9_223_372_036_841_602_611,
    9_223_372_036_853_480_440,
    9_223_372_036_854_660_235,
    9_223_372_036_854_766_453,
    9_223_372_036_854_775_121,
    9_223_372_036_854_775_762,
    9_223_372_036_854_775_805,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primes;

    fn rng() -> SecretRng {
        SecretRng::insecure_from_key([7; 32])
    }

    #[test]
    fn gaussian_has_the_right_histogram() {
        let samples = rng().gaussian(1 << 20);
        let sigma = 3.19f64;
        let weight = |k: i64| (-(k * k) as f64 / (2.0 * sigma * sigma)).exp();
        let total: f64 = (-40..=40).map(weight).sum();
        for k in -14..=14 {
            let expected = weight(k) / total * (1 << 20) as f64;
            let found = samples.iter().filter(|&&x| x == k).count() as f64;
            assert!(
                (found - expected).abs() < 6.0 * expected.sqrt() + 6.0,
                "{k}: {found}"
            );
        }
        assert!(samples.iter().all(|x| x.abs() <= 29));
    }

    #[test]
    fn ternary_is_even() {
        let samples = rng().ternary(300_000);
        for k in -1..=1 {
            let found = samples.iter().filter(|&&x| x == k).count() as f64;
            assert!((found - 1e5).abs() < 6.0 * 1e5f64.sqrt(), "{k}: {found}");
        }
    }

    #[test]
    fn sparse_ternary_has_its_weight_and_is_even() {
        let (mut rng, mut found) = (rng(), [[0; 2]; 64]);
        for _ in 0..20_000 {
            let samples = rng.sparse_ternary(64, 8);
            assert_eq!(samples.iter().map(|x| x.abs()).sum::<i64>(), 8);
            for (found, &x) in found.iter_mut().zip(&*samples) {
                found[0] += i64::from(x == 1);
                found[1] += i64::from(x == -1);
            }
        }
        // Each place has each sign with probability 1/16.
        let expected: f64 = 20_000.0 / 16.0;
        for found in found.as_flattened() {
            assert!((*found as f64 - expected).abs() < 6.0 * expected.sqrt());
        }
        assert!(rng.sparse_ternary(64, 0).iter().all(|&x| x == 0));
        assert!(rng.sparse_ternary(64, 64).iter().all(|&x| x != 0));
    }

    #[test]
    fn wide_gaussians_have_the_stated_deviation() {
        for log_sigma in [1, 2, 10, 40] {
            let samples = rng().wide_gaussian(1 << 16, log_sigma);
            let sigma = 3.19 * ((4f64.powi(log_sigma as i32) - 1.0) / 3.0).sqrt();
            let n = samples.len() as f64;
            let variance = samples.iter().map(|&x| (x as f64).powi(2)).sum::<f64>() / n;
            assert!((variance / sigma.powi(2) - 1.0).abs() < 6.0 * (2.0 / n).sqrt());
            let within = samples.iter().filter(|x| (x.abs() as f64) < sigma).count() as f64;
            if log_sigma > 8 {
                assert!((within / n - 0.6827).abs() < 0.01);
            }
        }
    }

    #[test]
    fn trits_by_multiplication_are_those_by_division() {
        for b in 0..255i64 {
            assert_eq!((b * 772) >> 16, b / 85);
        }
    }

    #[test]
    fn uniform_depends_on_seed_and_prime_alone() {
        let p: Vec<_> = primes::near(2f64.powi(40), 10).take(3).collect();
        let p: Vec<_> = p.iter().map(|m| m.value()).collect();
        let seed = Seed::from_bytes([1; 32]);
        let whole = uniform(&Basis::new(10, &p).unwrap(), seed);
        let last = uniform(&Basis::new(10, &p[2..]).unwrap(), seed);
        assert_eq!(whole.limb(2), last.limb(0));
        assert_ne!(whole.limb(0), whole.limb(1));
        assert_ne!(whole, uniform(whole.basis(), Seed::from_bytes([2; 32])));
        let mean: f64 = whole
            .limb(0)
            .iter()
            .map(|x| x.centered() as f64)
            .sum::<f64>()
            / 1024.0;
        assert!(mean.abs() < 6.0 * p[0] as f64 / (12.0 * 1024.0f64).sqrt());
    }

    #[test]
    fn children_are_distinct_parts_of_one_stream() {
        let seed = Seed::from_bytes([9; 32]);
        let mut stream = [0; 96];
        ChaCha20Rng::from_seed(seed.0).fill_bytes(&mut stream);
        for i in 0..3 {
            assert_eq!(seed.child(i as u32).0, stream[32 * i..32 * i + 32]);
        }
    }

    #[test]
    fn fresh_seeds_differ() {
        assert_ne!(Seed::fresh().unwrap(), Seed::fresh().unwrap());
        let (mut a, mut b) = (SecretRng::from_os().unwrap(), SecretRng::from_os().unwrap());
        assert_ne!(a.seed(), b.seed());
    }
}
