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
///     bootstrapping: None,
/// })?;
/// assert_eq!(parameters.max_level(), 3);
/// assert_eq!(parameters.slots(), 4096);
/// # Ok::<(), tapetum_ckks::ParametersError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "stored::Literal", into = "stored::Literal")]
pub struct ParametersLiteral {
    /// log2 of the ring degree N: 12 to 17.
    pub log_n: u32,
    /// The bits of the primes of Q that messages live under. The first stays to the end and must
    /// hold the result; each of the others is one level.
    pub q_bits: Vec<u32>,
    /// The bits of the special primes P, which exist in evaluation keys only. Their number is the
    /// number of primes in a digit of a key switch: more of them make keys smaller and switches
    /// faster, but take from the modulus that the security table allows.
    pub p_bits: Vec<u32>,
    /// log2 of the scale by which messages are multiplied before they are rounded.
    pub log_scale: u32,
    /// The distribution of the secret key.
    pub secret: SecretDistribution,
    /// The levels above those of messages that bootstrapping uses up, if there is to be any.
    pub bootstrapping: Option<BootstrappingLiteral>,
}

/// What bootstrapping adds to parameters: primes of Q above those of `q_bits`, which no message
/// ever sees, and the place of the message in the modulus while it is bootstrapped.
///
/// From the top down there are the levels of CoeffsToSlots, one for each factor of the transform,
/// and the [`EVAL_MOD_LEVELS`](Self::EVAL_MOD_LEVELS) levels of EvalMod. SlotsToCoeffs comes first
/// and uses the lowest levels of the messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrappingLiteral {
    /// The levels of the messages that SlotsToCoeffs takes: a ciphertext is bootstrapped at this
    /// level or above.
    pub slots_to_coeffs_levels: u32,
    /// The bits of the primes of CoeffsToSlots. They are the precision of the transform's matrix.
    pub coeffs_to_slots_bits: Vec<u32>,
    /// The bits of the primes of EvalMod, which are its precision.
    pub eval_mod_bits: u32,
    /// log2 of q_0 over a message of magnitude 1 when the modulus is raised: each bit more makes
    /// the error of the sine 4 times smaller and that of the arithmetic 2 times larger.
    pub log_message_ratio: u32,
}

impl BootstrappingLiteral {
    /// The levels of EvalMod: a cosine of degree 30 and three doublings of its angle.
    pub const EVAL_MOD_LEVELS: usize = 8;

    /// The levels above those of messages.
    pub fn levels(&self) -> usize {
        Self::EVAL_MOD_LEVELS + self.coeffs_to_slots_bits.len()
    }

    /// The bits of their primes, the lowest level first.
    pub(super) fn bits(&self) -> impl Iterator<Item = u32> {
        let eval_mod = std::iter::repeat_n(self.eval_mod_bits, Self::EVAL_MOD_LEVELS);
        eval_mod.chain(self.coeffs_to_slots_bits.iter().copied())
    }
}

impl ParametersLiteral {
    /// The bits of all primes of Q, that of level 0 first.
    pub(super) fn chain_bits(&self) -> impl Iterator<Item = u32> {
        let raised = self.bootstrapping.iter().flat_map(|b| b.bits());
        self.q_bits.iter().copied().chain(raised)
    }

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
                bootstrapping: None,
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
    /// N = 2^16: 18 levels of 38 bits, 15 of them between one bootstrapping and the next.
    N16Bootstrapping,
}

impl Preset {
    /// All presets, the smallest first.
    pub const ALL: [Self; 6] = [
        Self::N12,
        Self::N13,
        Self::N14,
        Self::N15,
        Self::N16,
        Self::N16Bootstrapping,
    ];

    /// The name under which the preset is written: `n12`, `n13`, ...
    pub fn name(self) -> &'static str {
        match self {
            Self::N12 => "n12",
            Self::N13 => "n13",
            Self::N14 => "n14",
            Self::N15 => "n15",
            Self::N16 => "n16",
            Self::N16Bootstrapping => "n16-bootstrapping",
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
            Self::N16Bootstrapping => (16, 48, 18, 38, 8),
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
            bootstrapping: self.bootstrapping(),
        }
    }

    fn bootstrapping(self) -> Option<BootstrappingLiteral> {
        (self == Self::N16Bootstrapping).then(|| BootstrappingLiteral {
            slots_to_coeffs_levels: 3,
            coeffs_to_slots_bits: vec![46; 5],
            eval_mod_bits: 49,
            log_message_ratio: 10,
        })
    }
}

/// The literal in files: bootstrapping is a case of the last field, so that parameters without it
/// are written as they were before there was any.
mod stored {
    use super::{BootstrappingLiteral, ParametersLiteral, SecretDistribution};
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    pub(super) struct Literal {
        log_n: u32,
        q_bits: Vec<u32>,
        p_bits: Vec<u32>,
        log_scale: u32,
        secret: Kind,
    }

    #[derive(Serialize, Deserialize)]
    enum Kind {
        UniformTernary,
        UniformTernaryWithBootstrapping(BootstrappingLiteral),
    }

    impl From<ParametersLiteral> for Literal {
        fn from(literal: ParametersLiteral) -> Self {
            let SecretDistribution::UniformTernary = literal.secret;
            Self {
                log_n: literal.log_n,
                q_bits: literal.q_bits,
                p_bits: literal.p_bits,
                log_scale: literal.log_scale,
                secret: match literal.bootstrapping {
                    None => Kind::UniformTernary,
                    Some(b) => Kind::UniformTernaryWithBootstrapping(b),
                },
            }
        }
    }

    impl From<Literal> for ParametersLiteral {
        fn from(literal: Literal) -> Self {
            Self {
                log_n: literal.log_n,
                q_bits: literal.q_bits,
                p_bits: literal.p_bits,
                log_scale: literal.log_scale,
                secret: SecretDistribution::UniformTernary,
                bootstrapping: match literal.secret {
                    Kind::UniformTernary => None,
                    Kind::UniformTernaryWithBootstrapping(b) => Some(b),
                },
            }
        }
    }
}
