//! What a literal must be before primes are looked for, and why one is refused.

use tapetum_ring::BasisError;
use thiserror::Error;

use super::literal::{BootstrappingLiteral, ParametersLiteral, SecretDistribution};
use super::security::{SecurityError, security_level};

/// Most primes of Q or of P.
const MAX_PRIMES: usize = 64;
/// Smallest prime, in bits: below, there are too few for a transform of size 2^17.
const MIN_PRIME_BITS: u32 = 24;
/// Largest prime, in bits. Primes of this size are taken below the power of two.
const MAX_PRIME_BITS: u32 = tapetum_ring::MAX_MODULUS_BITS;

/// Why a literal is not a parameter set.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ParametersError {
    /// The keys would be too weak.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// The number of primes is out of range.
    #[error("{found} primes of {which} are not between 1 and {MAX_PRIMES}")]
    PrimeCount {
        /// `Q` or `P`.
        which: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A prime has too few or too many bits.
    #[error("a prime of {0} bits is not between {MIN_PRIME_BITS} and {MAX_PRIME_BITS} bits")]
    PrimeBits(u32),
    /// The scale does not fit under the primes.
    #[error(
        "a scale of {log_scale} bits does not fit: it must be at least 20 bits and at least one \
         bit below the first prime, which has {first_bits}"
    )]
    Scale {
        /// log2 of the scale.
        log_scale: u32,
        /// The bits of the first prime of Q.
        first_bits: u32,
    },
    /// A digit of the key switch is larger than P.
    #[error(
        "the primes of P have {p_bits} bits together, but {digit_primes} primes of Q, which make \
         one digit of a key switch, have {digit_bits}: make P larger"
    )]
    SpecialPrimes {
        /// log2 of P.
        p_bits: u32,
        /// The primes in a digit.
        digit_primes: usize,
        /// log2 of the digit.
        digit_bits: u32,
    },
    /// The part for bootstrapping does not fit.
    #[error("these parameters cannot bootstrap: {0}")]
    Bootstrapping(&'static str),
    /// There are not enough primes of the wanted size.
    #[error("there are not enough primes of {0} bits for this ring degree")]
    TooFewPrimes(u32),
    /// The primes make no basis.
    #[error(transparent)]
    Basis(#[from] BasisError),
}

/// Checks what can be checked of the numbers alone.
pub(super) fn check_shape(literal: &ParametersLiteral) -> Result<(), ParametersError> {
    let ParametersLiteral {
        log_n,
        q_bits,
        p_bits,
        log_scale,
        secret: SecretDistribution::UniformTernary,
        bootstrapping,
    } = literal;
    let chain: Vec<u32> = literal.chain_bits().collect();
    for (which, bits) in [("Q", &chain), ("P", p_bits)] {
        if !(1..=MAX_PRIMES).contains(&bits.len()) {
            return Err(ParametersError::PrimeCount {
                which,
                found: bits.len(),
            });
        }
        if let Some(&bad) = bits
            .iter()
            .find(|b| !(MIN_PRIME_BITS..=MAX_PRIME_BITS).contains(b))
        {
            return Err(ParametersError::PrimeBits(bad));
        }
    }
    if q_bits.is_empty() {
        return Err(ParametersError::PrimeCount {
            which: "Q",
            found: 0,
        });
    }
    if let Some(bootstrapping) = bootstrapping {
        check_bootstrapping(literal, bootstrapping)?;
    }
    // Before primes are looked for, so that an impossible degree costs nothing.
    security_level(*log_n, 0.0)?;
    if *log_scale < 20 || *log_scale >= q_bits[0] {
        return Err(ParametersError::Scale {
            log_scale: *log_scale,
            first_bits: q_bits[0],
        });
    }
    let log_p = p_bits.iter().sum();
    for digit in chain.chunks(p_bits.len()) {
        let log_digit = digit.iter().sum();
        if log_digit > log_p {
            return Err(ParametersError::SpecialPrimes {
                p_bits: log_p,
                digit_primes: digit.len(),
                digit_bits: log_digit,
            });
        }
    }
    Ok(())
}

fn check_bootstrapping(
    literal: &ParametersLiteral,
    bootstrapping: &BootstrappingLiteral,
) -> Result<(), ParametersError> {
    let ratio = bootstrapping.log_message_ratio;
    let reason = if !(1..literal.q_bits.len() as u32)
        .contains(&bootstrapping.slots_to_coeffs_levels)
    {
        "SlotsToCoeffs takes at least one level of the messages and leaves at least one"
    } else if bootstrapping.coeffs_to_slots_bits.is_empty() {
        "CoeffsToSlots takes at least one level"
    } else if !(4..=20).contains(&ratio) || literal.q_bits[0] < 20 + ratio {
        "the message ratio is 4 to 20 bits, and leaves 20 bits of the first prime to the message"
    } else {
        return Ok(());
    };
    Err(ParametersError::Bootstrapping(reason))
}
