//! Parameters: the literal that a user writes, checked once, immutable ever after.

mod digest;
mod literal;
mod prime_chain;
mod security;
mod shape;

use std::fmt;
use std::sync::{Arc, OnceLock};

use tapetum_ring::{Basis, Decomposer, Divider, MAX_LOG_N};

pub use digest::Digest;
pub use literal::{BootstrappingLiteral, ParametersLiteral, Preset, SecretDistribution};
use prime_chain::PrimeChain;

use crate::special_fft::SpecialFft;
pub use security::{
    EPHEMERAL_WEIGHT, SecurityError, SecurityLevel, security_level, sparse_security,
};
pub use shape::ParametersError;
use shape::check_shape;

/// A checked parameter set. Cheap to clone; equal if the digests are equal.
#[derive(Clone)]
pub struct Parameters(Arc<Inner>);

struct Inner {
    literal: ParametersLiteral,
    digest: Digest,
    security: SecurityLevel,
    levels: Vec<Level>,
    /// By log2 of a ring degree up to that of the parameters.
    ffts: [OnceLock<Arc<SpecialFft>>; MAX_LOG_N as usize + 1],
}

/// What the arithmetic of one level needs.
struct Level {
    q: Basis,
    qp: Basis,
    scale: f64,
    /// Absent at level 0.
    rescaler: Option<Divider>,
    mod_down: Divider,
    /// Absent at level 0.
    mod_down_rescaler: Option<Divider>,
    decomposer: Decomposer,
}

impl Parameters {
    /// Checks a literal and prepares its arithmetic.
    ///
    /// # Errors
    /// [`ParametersError`] that says what does not fit.
    pub fn new(literal: ParametersLiteral) -> Result<Self, ParametersError> {
        check_shape(&literal)?;
        let PrimeChain { q, p, scales } = PrimeChain::choose(&literal)?;
        let q = Basis::new(literal.log_n, &q)?;
        let p = Basis::new(literal.log_n, &p)?;
        // Every evaluation key lives under QP, and no key lives under more.
        let security = security_level(literal.log_n, q.join(&p).log_product())?;
        let levels = scales
            .into_iter()
            .enumerate()
            .map(|(level, scale)| Level::new(q.prefix(level + 1), &p, scale))
            .collect();
        let digest = Digest::new(&literal, &q, &p);
        Ok(Self(Arc::new(Inner {
            literal,
            digest,
            security,
            levels,
            ffts: [const { OnceLock::new() }; MAX_LOG_N as usize + 1],
        })))
    }

    /// The parameters of a preset.
    ///
    /// # Panics
    /// Never: every preset is tested.
    pub fn preset(preset: Preset) -> Self {
        Self::new(preset.literal()).expect("presets are valid")
    }

    /// What the user wrote.
    pub fn literal(&self) -> &ParametersLiteral {
        &self.0.literal
    }

    /// The hash that objects of these parameters carry.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// By the table, for the largest modulus that a key lives under.
    pub fn security(&self) -> SecurityLevel {
        self.0.security
    }

    /// log2 of the ring degree.
    pub fn log_n(&self) -> u32 {
        self.0.literal.log_n
    }

    /// The ring degree N.
    pub fn degree(&self) -> usize {
        1 << self.log_n()
    }

    /// The number of slots of a plaintext: N/2.
    pub fn slots(&self) -> usize {
        self.degree() / 2
    }

    /// The highest level that there is: that of the raised modulus with bootstrapping, and
    /// [`message_level`](Self::message_level) without.
    pub fn max_level(&self) -> usize {
        self.0.levels.len() - 1
    }

    /// The level of a fresh ciphertext: how many rescalings it can take.
    pub fn message_level(&self) -> usize {
        self.0.literal.q_bits.len() - 1
    }

    /// log2 of Q P, the modulus of evaluation keys.
    pub fn log_qp(&self) -> f64 {
        self.qp(self.max_level()).log_product()
    }

    /// log2 of Q at `level`.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn log_q(&self, level: usize) -> f64 {
        self.q(level).log_product()
    }

    /// The canonical scale at `level`: that of the product of two ciphertexts of the canonical
    /// scale one level higher, after rescaling (Kim, Papadimitriou, Polyakov, 2022). It stays
    /// within 0.1 % of 2^log_scale. Above the [`message_level`](Self::message_level) it is that of
    /// bootstrapping's own numbers.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn scale(&self, level: usize) -> f64 {
        self.0.levels[level].scale
    }

    /// The number of digits of a key switch at the highest level (dnum).
    pub fn digits(&self) -> usize {
        self.0.levels[self.max_level()].decomposer.count()
    }

    /// The transform between coefficients and slots, made when it is first needed and then shared.
    pub(crate) fn fft(&self) -> Arc<SpecialFft> {
        self.fft_of(self.log_n())
    }

    /// The same for vectors of the period 2^(`log_n` - 1), no more than there are slots: a smaller ring has as many.
    pub(crate) fn fft_of(&self, log_n: u32) -> Arc<SpecialFft> {
        let made = || Arc::new(SpecialFft::new(log_n));
        self.0.ffts[log_n as usize].get_or_init(made).clone()
    }

    pub(crate) fn q(&self, level: usize) -> &Basis {
        &self.0.levels[level].q
    }

    pub(crate) fn qp(&self, level: usize) -> &Basis {
        &self.0.levels[level].qp
    }

    pub(crate) fn rescaler(&self, level: usize) -> Option<&Divider> {
        self.0.levels[level].rescaler.as_ref()
    }

    pub(crate) fn mod_down(&self, level: usize) -> &Divider {
        &self.0.levels[level].mod_down
    }

    /// Division by P and by the last prime of Q at once: one rounding in place of two, and fewer
    /// transforms.
    pub(crate) fn mod_down_rescaler(&self, level: usize) -> Option<&Divider> {
        self.0.levels[level].mod_down_rescaler.as_ref()
    }

    pub(crate) fn decomposer(&self, level: usize) -> &Decomposer {
        &self.0.levels[level].decomposer
    }

    /// The special primes.
    pub(crate) fn special(&self) -> usize {
        self.0.literal.p_bits.len()
    }
}

impl Level {
    fn new(q: Basis, p: &Basis, scale: f64) -> Self {
        let decomposer = Decomposer::new(&q, p, p.len());
        let qp = decomposer.target().clone();
        Self {
            scale,
            rescaler: (q.len() > 1).then(|| Divider::new(&q, 1)),
            mod_down: Divider::new(&qp, p.len()),
            mod_down_rescaler: (q.len() > 1).then(|| Divider::new(&qp, p.len() + 1)),
            decomposer,
            qp,
            q,
        }
    }
}

impl PartialEq for Parameters {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.digest() == other.digest()
    }
}

impl Eq for Parameters {}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameters")
            .field("literal", self.literal())
            .field("digest", &self.digest())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid_secure_and_distinct() {
        let mut digests = Vec::new();
        for preset in Preset::ALL {
            let parameters = Parameters::preset(preset);
            assert_eq!(Preset::from_name(preset.name()), Some(preset));
            assert!(!digests.contains(&parameters.digest()));
            digests.push(parameters.digest());
            for level in 0..=parameters.max_level() {
                let nominal = 2f64.powi(parameters.literal().log_scale as i32);
                if level <= parameters.message_level() {
                    assert!((parameters.scale(level) / nominal - 1.0).abs() < 1e-3);
                }
                assert_eq!(parameters.q(level).len(), level + 1);
            }
        }
        assert_eq!(Parameters::preset(Preset::N15).digits(), 6);
        assert_eq!(Preset::from_name("n99"), None);
    }

    #[test]
    fn parameters_for_a_number_of_levels_are_the_smallest_that_are_secure() {
        let mut last = 0;
        for levels in 0..=60 {
            let literal = ParametersLiteral::for_levels(levels, 40).unwrap();
            let log_n = literal.log_n;
            assert!(log_n >= last && literal.q_bits.len() == levels + 1);
            last = log_n;
            if log_n < 16 {
                assert!(Parameters::new(literal.clone()).is_ok(), "{levels} levels");
            }
            let smaller = ParametersLiteral {
                log_n: log_n - 1,
                p_bits: vec![49],
                ..literal
            };
            assert!(
                Parameters::new(smaller).is_err(),
                "{levels} levels fit in a smaller ring"
            );
        }
        assert_eq!(ParametersLiteral::for_levels(200, 40), None);
        assert!(ParametersLiteral::for_levels(1, 49).is_some());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let good = Preset::N13.literal();
        let with = |change: &dyn Fn(&mut ParametersLiteral)| {
            let mut literal = good.clone();
            change(&mut literal);
            Parameters::new(literal).unwrap_err()
        };
        use ParametersError as E;
        assert!(matches!(
            with(&|l| l.log_n = 12),
            E::Security(SecurityError::Modulus { .. })
        ));
        assert!(matches!(
            with(&|l| l.log_n = 40),
            E::Security(SecurityError::Degree(40))
        ));
        assert!(matches!(with(&|l| l.q_bits.push(36)), E::Security(_)));
        assert!(matches!(
            with(&|l| l.q_bits.clear()),
            E::PrimeCount { which: "Q", .. }
        ));
        assert!(matches!(
            with(&|l| l.p_bits.clear()),
            E::PrimeCount { which: "P", .. }
        ));
        assert!(matches!(
            with(&|l| l.q_bits = vec![30; 65]),
            E::PrimeCount { .. }
        ));
        assert!(matches!(with(&|l| l.q_bits[1] = 50), E::PrimeBits(50)));
        assert!(matches!(with(&|l| l.q_bits[1] = 23), E::PrimeBits(23)));
        assert!(matches!(with(&|l| l.log_scale = 46), E::Scale { .. }));
        assert!(matches!(with(&|l| l.log_scale = 19), E::Scale { .. }));
        assert!(matches!(
            with(&|l| l.p_bits[0] = 40),
            E::SpecialPrimes { .. }
        ));
    }
}
