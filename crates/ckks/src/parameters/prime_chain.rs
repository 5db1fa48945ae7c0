//! Which primes a modulus has.

use std::f64::consts::TAU;

use tapetum_ring::primes;

use super::literal::{BootstrappingLiteral, ParametersLiteral};
use super::shape::ParametersError;

/// The primes of Q and of P, and the canonical scale of each level.
pub(super) struct PrimeChain {
    /// The primes of Q, the one that stays to the end first.
    pub q: Vec<u64>,
    /// The special primes.
    pub p: Vec<u64>,
    /// The scales, that of level 0 first.
    pub scales: Vec<f64>,
}

impl PrimeChain {
    /// From the highest level of messages down, a prime as large as the scale is the one nearest to
    /// what brings the scale of the next level back to 2^log_scale; the others are the nearest to a
    /// power of two.
    ///
    /// In EvalMod the scale of a level is such that the square of a number of that scale, rescaled,
    /// has the scale of the level below. At the end stands sin(2 pi m / R) for a message m, with R
    /// the message ratio, so its scale times 2 pi / R is that of the message. CoeffsToSlots keeps
    /// the scale.
    pub(super) fn choose(literal: &ParametersLiteral) -> Result<Self, ParametersError> {
        let mut taken = Vec::new();
        let mut take = |target: f64, bits: u32| {
            let prime = primes::near(target, literal.log_n)
                .map(|m| m.value())
                .find(|p| !taken.contains(p))
                .filter(|&p| ((p as f64).log2() - bits as f64).abs() < 0.5)
                .ok_or(ParametersError::TooFewPrimes(bits))?;
            taken.push(prime);
            Ok::<_, ParametersError>(prime)
        };
        let nominal = 2f64.powi(literal.log_scale as i32);
        let mut scale = nominal;
        let mut scales = vec![scale];
        let mut q = Vec::new();
        for &bits in literal.q_bits[1..].iter().rev() {
            if bits == literal.log_scale {
                let prime = take(scale * scale / nominal, bits)?;
                scale = scale * scale / prime as f64;
                q.push(prime);
            } else {
                q.push(take(2f64.powi(bits as i32), bits)?);
            }
            scales.push(scale);
        }
        q.push(take(
            2f64.powi(literal.q_bits[0] as i32),
            literal.q_bits[0],
        )?);
        let p = literal
            .p_bits
            .iter()
            .map(|&bits| take(2f64.powi(bits as i32), bits))
            .collect::<Result<_, _>>()?;
        q.reverse();
        scales.reverse();
        if let Some(bootstrapping) = &literal.bootstrapping {
            let ratio = 2f64.powi(bootstrapping.log_message_ratio as i32);
            let mut scale = nominal * ratio / TAU;
            for (level, bits) in bootstrapping.bits().enumerate() {
                let prime = take(2f64.powi(bits as i32), bits)?;
                if level < BootstrappingLiteral::EVAL_MOD_LEVELS {
                    scale = (scale * prime as f64).sqrt();
                }
                q.push(prime);
                scales.push(scale);
            }
        }
        Ok(Self { q, p, scales })
    }
}
