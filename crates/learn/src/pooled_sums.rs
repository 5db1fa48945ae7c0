//! Numbers of several sites, of which only the sums are ever decrypted.
//!
//! Each site encrypts its numbers, whoever computes adds them up without a key, and the owner of the secret key decrypts
//! the sums alone. They are exact: a number is cut into digits, which are small integers whose sums CKKS gives back
//! without an error. So numbers of any sizes lie beside each other, as sums of squares do beside sums.

use serde::{Deserialize, Serialize};
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Ciphertext, Decryptor, Encryptor, Evaluator, Id, Parameters};

use crate::bundle;
use crate::error::{FileError, LearnError, Result, check_equal};
use crate::matrix::{check_vectors, has_ciphertexts};
use crate::origin::{Origin, has_origin};

/// Bits of a digit.
const DIGIT_BITS: i32 = 24;
/// Digits of a number.
const DIGITS: usize = 7;
/// The last digit is a multiple of 2 to this power: numbers are rounded to it.
const LAST: i32 = -72;
/// The largest number is below 2 to this power.
const LARGEST: i32 = LAST + DIGIT_BITS * DIGITS as i32 - 1;
/// Bits that are left above the scale for the sum of a digit of all sites, and its sign.
const SUM_BITS: f64 = (DIGIT_BITS + MAX_SITES.ilog2() as i32 + 2) as f64;
/// Sums of integers are as near to integers.
const NEAR: f64 = 0.25;
/// Most sites that can be pooled.
const MAX_SITES: usize = 256;
/// Most numbers of a site.
const MAX_NUMBERS: usize = 1 << 20;
/// Most bytes of what the numbers are.
const MAX_DESCRIPTION: usize = 1 << 16;

/// Encrypted numbers of one site, or the sums of several sites' numbers.
///
/// ```
/// use tapetum_ckks::{Decryptor, Encryptor, Evaluator, Parameters, Preset, SecretKey};
/// use tapetum_learn::PooledSums;
///
/// let parameters = Parameters::preset(Preset::N13);
/// let secret = SecretKey::generate(&parameters)?;
/// let encryptor = Encryptor::with_secret_key(&secret);
/// let mut pool = PooledSums::encrypt(&[1e9, 0.5], "sums", &encryptor)?;
/// let other = PooledSums::encrypt(&[1.5, -0.75], "sums", &encryptor)?;
/// pool.add(&other, &Evaluator::new(&parameters))?;
/// assert_eq!(pool.decrypt(&Decryptor::new(&secret))?, [1_000_000_001.5, -0.25]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PooledSums {
    shape: SumsShape,
    vectors: Vec<Ciphertext>,
    origin: Origin,
}

has_origin!(PooledSums);
has_ciphertexts!(PooledSums, vectors);

/// What the ciphertexts do not say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SumsShape {
    numbers: u32,
    description: String,
    sites: Vec<Id>,
}

impl PooledSums {
    /// The kind of bundle that holds them.
    pub const KIND: &'static str = "pooled-sums";

    /// Encrypts the numbers of a site; only those of the same description are added up. Each is rounded to a multiple
    /// of 2^-72.
    ///
    /// # Errors
    /// [`LearnError`] without a number, for more than 2^20 of them, for one that is not below 2^95 in magnitude, if the
    /// parameters have no level that holds the sums, or if encryption fails.
    pub fn encrypt(numbers: &[f64], description: &str, encryptor: &Encryptor) -> Result<Self> {
        let parameters = encryptor.parameters();
        let level = level(parameters)?;
        let mut digits = Vec::with_capacity(numbers.len().saturating_mul(DIGITS));
        for &number in numbers {
            digits.extend(cut(number).ok_or(LearnError::Malformed {
                what: Self::KIND,
                reason: "a sum is not a number below 2^95: divide the columns of the table by a power of ten",
            })?);
        }
        let vectors = digits
            .chunks(parameters.slots())
            .map(|slots| Ok(encryptor.encrypt(&encryptor.encoder().encode(slots, level)?)?))
            .collect::<Result<_>>()?;
        let site = Id::random().map_err(tapetum_ckks::EncryptionError::from)?;
        let shape = SumsShape {
            numbers: numbers.len().try_into().unwrap_or(u32::MAX),
            description: description.to_owned(),
            sites: vec![site],
        };
        Self::new(shape, vectors, Origin::default())
    }

    /// Checks all parts, which may come from outside.
    fn new(shape: SumsShape, vectors: Vec<Ciphertext>, origin: Origin) -> Result<Self> {
        let malformed = |reason| LearnError::Malformed {
            what: Self::KIND,
            reason,
        };
        let numbers = shape.numbers as usize;
        if !(1..=MAX_NUMBERS).contains(&numbers) {
            return Err(malformed("it has no numbers, or more than 2^20"));
        }
        if shape.description.len() > MAX_DESCRIPTION {
            return Err(malformed("its description has more than 64 kB"));
        }
        if !(1..=MAX_SITES).contains(&shape.sites.len()) {
            return Err(malformed("it is of no site, or of more than 256"));
        }
        if shape
            .sites
            .iter()
            .enumerate()
            .any(|(i, site)| shape.sites[..i].contains(site))
        {
            return Err(malformed("it has the numbers of a site twice"));
        }
        check_vectors(Self::KIND, &vectors)?;
        let sums = Self {
            shape,
            vectors,
            origin,
        };
        let slots = sums.parameters().slots();
        let needed = (numbers * DIGITS).div_ceil(slots);
        check_equal("ciphertexts of sums", needed, sums.vectors.len())?;
        check_equal("level of sums", level(sums.parameters())?, sums.level())?;
        Ok(sums)
    }

    /// How many sites' numbers are summed up.
    pub fn sites(&self) -> usize {
        self.shape.sites.len()
    }

    /// The number of ciphertexts.
    pub fn ciphertexts(&self) -> usize {
        self.vectors.len()
    }

    /// What the numbers are, as their sites say.
    pub fn description(&self) -> &str {
        &self.shape.description
    }

    /// Adds those of other sites. It takes no key.
    ///
    /// # Errors
    /// [`LearnError`] if the numbers are others or were made with other keys, a site comes twice, or there are more
    /// than 256.
    pub fn add(&mut self, other: &Self, evaluator: &Evaluator) -> Result<()> {
        if self.description() != other.description() || self.shape.numbers != other.shape.numbers {
            return Err(LearnError::Malformed {
                what: Self::KIND,
                reason: "it is of other features than those of the first site: their columns or settings differ",
            });
        }
        let origin = self.origin.join(&other.origin, "the first site")?;
        let sites: Vec<Id> = [&self.shape.sites[..], &other.shape.sites[..]].concat();
        if other
            .shape
            .sites
            .iter()
            .any(|site| self.shape.sites.contains(site))
        {
            return Err(FileError::Repeated {
                file: "a file of sums".to_owned(),
                other: "another".to_owned(),
            }
            .into());
        }
        let mut vectors = self.vectors.clone();
        for (sum, vector) in vectors.iter_mut().zip(&other.vectors) {
            evaluator.add_assign(sum, vector)?;
        }
        let shape = SumsShape {
            sites,
            ..self.shape.clone()
        };
        *self = Self::new(shape, vectors, origin)?;
        Ok(())
    }

    /// The sums, exact but for the rounding of each site's numbers to 2^-72 and that of the result.
    ///
    /// # Errors
    /// [`LearnError::OtherKey`] if they were made with other keys, [`LearnError::Decryption`] for other parameters.
    pub fn decrypt(&self, decryptor: &Decryptor) -> Result<Vec<f64>> {
        let count = self.shape.numbers as usize * DIGITS;
        let mut digits = Vec::with_capacity(self.vectors.len() * self.parameters().slots());
        for vector in &self.vectors {
            let decoded = decryptor.encoder().decode(&decryptor.decrypt(vector)?);
            for digit in decoded {
                let whole = digit.round();
                let most = (self.sites() as f64) * 2f64.powi(DIGIT_BITS);
                if (digit - whole).abs() > NEAR || whole.abs() > most {
                    return Err(LearnError::OtherKey);
                }
                digits.push(whole);
            }
        }
        Ok(digits[..count].chunks_exact(DIGITS).map(joined).collect())
    }

    /// The sums as a bundle, without a copy.
    ///
    /// # Errors
    /// [`LearnError::Wire`] if they have more ciphertexts than a bundle may hold.
    pub fn to_bundle(&self) -> Result<Bundle<'_>> {
        let described = (&self.shape, &self.origin);
        bundle::write(self.parameters(), Self::KIND, described, &self.vectors)
    }

    /// Sums from a bundle.
    ///
    /// # Errors
    /// [`LearnError`] if the bundle holds something else, or its parts do not fit together.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self> {
        let (shape, origin, vectors) = bundle::read(bundle, Self::KIND)?;
        Self::new(shape, vectors, origin)
    }
}

/// The lowest level whose modulus holds the sum of a digit of all sites.
fn level(parameters: &Parameters) -> Result<usize> {
    let holds =
        |level: &usize| parameters.log_q(*level) > parameters.scale(*level).log2() + SUM_BITS;
    (0..=parameters.max_level())
        .find(holds)
        .ok_or(LearnError::LevelExhausted {
            what: "pooling sums",
            needed: parameters.max_level() + 1,
            available: parameters.max_level(),
        })
}

/// The digits of a number, largest first, each with its sign.
fn cut(number: f64) -> Option<[f64; DIGITS]> {
    let mut rest = number.abs();
    if !(number.is_finite() && rest < 2f64.powi(LARGEST)) {
        return None;
    }
    let mut digits = [0.0; DIGITS];
    for (i, digit) in digits.iter_mut().enumerate() {
        let unit = 2f64.powi(exponent(i));
        // Both steps are exact: a digit is the front part of a number in binary.
        let whole = match i + 1 < DIGITS {
            true => (rest / unit).floor(),
            false => (rest / unit).round(),
        };
        rest -= whole * unit;
        *digit = whole.copysign(number);
    }
    Some(digits)
}

fn joined(digits: &[f64]) -> f64 {
    // From the smallest, so that little is lost.
    (0..DIGITS)
        .rev()
        .map(|i| digits[i] * 2f64.powi(exponent(i)))
        .sum()
}

fn exponent(i: usize) -> i32 {
    LAST + DIGIT_BITS * (DIGITS - 1 - i) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_is_its_digits(mantissa in -1.0f64..1.0, power in -30i32..95) {
            let number = mantissa * 2f64.powi(power);
            let digits = cut(number).unwrap();
            prop_assert!(digits.iter().all(|d| d.abs() <= 2f64.powi(DIGIT_BITS) && d.fract() == 0.0));
            prop_assert!((joined(&digits) - number).abs() <= 2f64.powi(LAST));
        }
    }

    #[test]
    fn what_has_no_digits() {
        for number in [f64::NAN, f64::INFINITY, 2f64.powi(LARGEST), -1e30] {
            assert_eq!(cut(number), None);
        }
        assert_eq!(cut(0.0).map(|digits| joined(&digits)), Some(0.0));
    }
}
