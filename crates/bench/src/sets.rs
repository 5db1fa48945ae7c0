//! The parameter sets that are measured.

use clap::ValueEnum;
use tapetum_ckks::{Parameters, ParametersError, ParametersLiteral, SecretDistribution};

/// A parameter set for measurements. Ring degree, number of primes and security are those at which
/// other libraries are measured; the number of special primes is the one that serves each set best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Set {
    /// N = 2^13, 4 primes of Q, log QP = 203.
    N13,
    /// N = 2^14, 8 primes of Q, log QP = 426.
    N14,
    /// N = 2^15, 16 primes of Q, log QP = 844.
    N15,
    /// N = 2^16, 28 primes of Q, log QP = 1471.
    N16,
}

impl Set {
    /// The parameters.
    ///
    /// # Errors
    /// None, as a test shows.
    pub fn parameters(self) -> Result<Parameters, ParametersError> {
        // More special primes mean fewer digits, so smaller keys and fewer transforms, as long as
        // the security table leaves room for them.
        let (log_n, first, others, log_scale, special) = match self {
            Self::N13 => (13, 46, 3, 36, 1),
            Self::N14 => (14, 48, 7, 40, 2),
            Self::N15 => (15, 48, 15, 40, 4),
            Self::N16 => (16, 48, 27, 40, 7),
        };
        let mut q_bits = vec![first];
        q_bits.resize(1 + others, log_scale);
        Parameters::new(ParametersLiteral {
            log_n,
            q_bits,
            p_bits: vec![49; special],
            log_scale,
            secret: SecretDistribution::UniformTernary,
            bootstrapping: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_secure_and_what_they_are_said_to_be() {
        let shapes = Set::value_variants().iter().map(|set| {
            let parameters = set.parameters().unwrap();
            let log_qp = parameters.log_qp().round() as u32;
            let primes = parameters.max_level() + 1;
            (parameters.log_n(), primes, log_qp, parameters.digits())
        });
        let expected = [
            (13, 4, 203, 4),
            (14, 8, 426, 4),
            (15, 16, 844, 4),
            (16, 28, 1471, 4),
        ];
        assert!(shapes.eq(expected));
    }
}
