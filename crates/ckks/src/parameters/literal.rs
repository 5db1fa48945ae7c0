//! What a user writes down, before it is checked.

use serde::{Deserialize, Serialize};
use tapetum_ring::MAX_MODULUS_BITS;

use super::security::TABLE as SECURITY_TABLE;

/// The distribution of the secret key's coefficients.
///
/// Sparse secrets are not offered: they are weaker than the security table assumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SecretDistribution {
    /// Each coefficient uniform in {-1, 0, 1}.
    UniformTernary,
}

/// Parameters as one writes them; [`Parameters::new`](super::Parameters::new) checks them.
///
/// ```
/// use tapetum_ckks::{Parameters, ParametersLiteral, SecretDistribution};
///
/// let parameters = Parameters::new(ParametersLiteral {
///     log_n: 13,
///     q_bits: vec![46, 36, 36, 36],
///     p_bits: vec![49],
///     log_scale: 36,
///     secret: SecretDistribution::UniformTernary,
/// })?;
/// assert_eq!(parameters.max_level(), 3);
/// assert_eq!(parameters.slots(), 4096);
/// # Ok::<(), tapetum_ckks::ParametersError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParametersLiteral {
    /// log2 of the ring degree N: 12 to 17.
    pub log_n: u32,
    /// The bits of the primes of Q. The first stays to the end and must hold the result; each of
    /// the others is one level.
    pub q_bits: Vec<u32>,
    /// The bits of the special primes P, which exist in evaluation keys only. Their number is the
    /// number of primes in a digit of a key switch: more of them make keys smaller and switches
    /// faster, but take from the modulus that the security table allows.
    pub p_bits: Vec<u32>,
    /// log2 of the scale by which messages are multiplied before they are rounded.
    pub log_scale: u32,
    /// The distribution of the secret key.
    pub secret: SecretDistribution,
}

impl ParametersLiteral {
    /// The smallest ring with `levels` levels of `log_scale` bits at 128-bit security, with the
    /// number of special primes that makes key switches cheapest on the average over the levels.
    ///
    /// The first prime has 8 bits more than the scale, so results up to 2^7 fit.
    ///
    /// ```
    /// use tapetum_ckks::{Parameters, ParametersLiteral};
    ///
    /// let literal = ParametersLiteral::for_levels(14, 40).expect("fits into N = 2^15");
    /// let parameters = Parameters::new(literal)?;
    /// assert_eq!((parameters.log_n(), parameters.max_level(), parameters.digits()), (15, 14, 3));
    /// # Ok::<(), tapetum_ckks::ParametersError>(())
    /// ```
    pub fn for_levels(levels: usize, log_scale: u32) -> Option<Self> {
        let first = (log_scale + 8).min(MAX_MODULUS_BITS);
        let log_q = first as f64 + levels as f64 * log_scale as f64;
        let limbs = levels + 1;
        SECURITY_TABLE.iter().find_map(|&(log_n, allowed, _)| {
            // Primes are near powers of two, so their product is not exactly one.
            let room = allowed - log_q - 0.1;
            let fits = |special: usize| (special as u32 * MAX_MODULUS_BITS) as f64 <= room;
            let special = (1..=limbs)
                .filter(|&special| fits(special))
                .min_by_key(|&special| switching_cost(limbs, special));
            let p_bits = match special {
                Some(special) => vec![MAX_MODULUS_BITS; special],
                // One special prime must be larger than any other prime.
                None if room >= (first + 1) as f64 => vec![first + 1],
                None => return None,
            };
            let mut q_bits = vec![first];
            q_bits.resize(limbs, log_scale);
            Some(Self {
                log_n,
                q_bits,
                p_bits,
                log_scale,
                secret: SecretDistribution::UniformTernary,
            })
        })
    }
}

/// The transforms of one key switch at each level, summed up: every digit is raised to all primes,
/// and two polynomials are brought down again.
fn switching_cost(limbs: usize, special: usize) -> usize {
    (1..=limbs)
        .map(|q| (q.div_ceil(special) + 2) * (q + special))
        .sum()
}

/// Parameter sets that are known to fit together. All have at least 128-bit security.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Preset {
    /// N = 2^12: 1 level of 33 bits; classification with a plain linear model.
    N12,
    /// N = 2^13: 3 levels of 36 bits.
    N13,
    /// N = 2^14: 8 levels of 40 bits.
    N14,
    /// N = 2^15: 16 levels of 40 bits.
    N15,
    /// N = 2^16: 34 levels of 40 bits.
    N16,
}

impl Preset {
    /// All presets, the smallest first.
    pub const ALL: [Self; 5] = [Self::N12, Self::N13, Self::N14, Self::N15, Self::N16];

    /// The name under which the preset is written: `n12`, `n13`, ...
    pub fn name(self) -> &'static str {
        match self {
            Self::N12 => "n12",
            Self::N13 => "n13",
            Self::N14 => "n14",
            Self::N15 => "n15",
            Self::N16 => "n16",
        }
    }

    /// The preset of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// What the preset stands for.
    pub fn literal(self) -> ParametersLiteral {
        let (log_n, first, levels, log_scale, special) = match self {
            Self::N12 => (12, 36, 1, 33, 1),
            Self::N13 => (13, 46, 3, 36, 1),
            Self::N14 => (14, 48, 8, 40, 1),
            Self::N15 => (15, 48, 16, 40, 3),
            Self::N16 => (16, 48, 34, 40, 6),
        };
        let special_bits = if log_n == 12 { 37 } else { 49 };
        let mut q_bits = vec![first];
        q_bits.resize(1 + levels, log_scale);
        ParametersLiteral {
            log_n,
            q_bits,
            p_bits: vec![special_bits; special],
            log_scale,
            secret: SecretDistribution::UniformTernary,
        }
    }
}
