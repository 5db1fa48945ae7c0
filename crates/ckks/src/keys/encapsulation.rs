//! Sparse-secret encapsulation: bootstrapping under a secret that is sparse where it is cheap, and
//! only there (Bossuat, Troncoso-Pastoriza, Hubaux, 2022, section 3).
//!
//! When the modulus is raised from q_0 to Q, a ciphertext of m becomes one of m + q_0 I, and the
//! integers I are as large as the secret is dense. So before it is raised, the ciphertext is
//! switched from the secret s to a sparse secret s~, and back afterwards. The key to s~ lives under
//! q_0 p_0 alone, the smallest modulus that works, at which even a sparse secret is safe. The key
//! back to s is an ordinary one: it hides s~ under s.

use tapetum_ring::{Basis, Decomposer, Divider, Evaluation, Poly};

use super::{KeySource, KeyUnavailable};
use crate::parameters::{Parameters, SecurityError, sparse_security};

/// Leads from the secret key to an ephemeral sparse secret at level 0, and back at the highest
/// level. Nobody knows the sparse secret: it is forgotten when the key has been made.
#[derive(Clone, PartialEq)]
pub struct EncapsulationKey {
    parameters: Parameters,
    to_sparse: KeySource,
    to_dense: KeySource,
}

impl EncapsulationKey {
    /// The caller guarantees that `to_sparse` lives over [`sparse_basis`] and `to_dense` over Q P
    /// at the highest level.
    pub(crate) fn new(
        parameters: &Parameters,
        to_sparse: impl Into<KeySource>,
        to_dense: impl Into<KeySource>,
    ) -> Self {
        Self {
            parameters: parameters.clone(),
            to_sparse: to_sparse.into(),
            to_dense: to_dense.into(),
        }
    }

    /// The parameters that the key belongs to.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The switching keys: to the sparse secret, and back.
    pub(crate) fn sources(&self) -> [&KeySource; 2] {
        [&self.to_sparse, &self.to_dense]
    }

    /// A ciphertext (c0, c1) over q_0 under the secret key, switched to the sparse secret.
    ///
    /// With e the error of the key, it adds c1 e / p_0 and a rounding: in a coefficient of the
    /// plaintext an error of standard deviation sqrt(N / 12) 3.19 q_0 / p_0 + sqrt(33 / 12).
    pub(crate) fn to_sparse(
        &self,
        [c0, c1]: [&Poly<Evaluation>; 2],
    ) -> Result<[Poly<Evaluation>; 2], KeyUnavailable> {
        let whole = sparse_basis(&self.parameters);
        let (q, p) = (whole.prefix(1), whole.slice(1..2));
        let decomposer = Decomposer::new(&q, &p, 1);
        let divider = Divider::new(&whole, 1);
        let key = self.to_sparse.fetch()?;
        Ok(key.switch_and_divide(&decomposer, c1, [Some(c0), None], &divider))
    }

    /// A ciphertext over Q at the highest level under the sparse secret, switched to the secret
    /// key. The error is that of any key switch.
    pub(crate) fn to_dense(
        &self,
        [c0, c1]: [&Poly<Evaluation>; 2],
    ) -> Result<[Poly<Evaluation>; 2], KeyUnavailable> {
        let level = self.parameters.max_level();
        let decomposer = self.parameters.decomposer(level);
        let divider = self.parameters.mod_down(level);
        let key = self.to_dense.fetch()?;
        Ok(key.switch_and_divide(decomposer, c1, [Some(c0), None], divider))
    }
}

/// q_0 and p_0, the first primes of Q and of P.
pub(crate) fn sparse_basis(parameters: &Parameters) -> Basis {
    parameters.qp(0).prefix(2)
}

/// Whether the sparse secret is safe under these parameters.
pub(crate) fn check_sparse_security(parameters: &Parameters) -> Result<(), SecurityError> {
    let log_modulus = sparse_basis(parameters).log_product();
    sparse_security(parameters.log_n(), log_modulus)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{EvaluationKeys, KeyError, KeyGenerator, KeyPlan, SecretKey};
    use crate::parameters::{EPHEMERAL_WEIGHT, ParametersLiteral, Preset, SecretDistribution};
    use crate::{Encoder, Encryptor};

    fn parameters(log_n: u32, first: u32) -> Parameters {
        Parameters::new(ParametersLiteral {
            log_n,
            q_bits: vec![first, 38, 38],
            p_bits: vec![49, 40],
            log_scale: 38,
            secret: SecretDistribution::UniformTernary,
            bootstrapping: None,
        })
        .unwrap()
    }

    fn keys(parameters: &Parameters, secret: &SecretKey) -> Result<EvaluationKeys, KeyError> {
        let plan = KeyPlan::new(parameters).encapsulation();
        KeyGenerator::new(secret)?.evaluation_keys(&plan)
    }

    #[test]
    fn a_raised_ciphertext_has_few_multiples_of_the_modulus() {
        let parameters = parameters(15, 47);
        let secret = SecretKey::generate(&parameters).unwrap();
        let keys = keys(&parameters, &secret).unwrap();
        let key = keys.encapsulation().unwrap();

        let values: Vec<f64> = (0..parameters.slots())
            .map(|i| (i as f64).sin() / 4.0)
            .collect();
        let message = Encoder::new(&parameters).encode(&values, 0).unwrap();
        let encrypted = Encryptor::with_secret_key(&secret)
            .encrypt(&message)
            .unwrap();
        let decrypted = |[c0, c1]: [&Poly<Evaluation>; 2]| {
            let mut sum = c1.clone();
            sum.mul_assign(&secret.restricted(c1.basis()));
            sum.add_assign(c0);
            sum.into_coefficients().to_centered_f64()
        };
        let before = [&encrypted.parts()[0], &encrypted.parts()[1]];

        let q = parameters.q(parameters.max_level());
        let raised = key.to_sparse(before).unwrap().map(|part| {
            let part = part.into_coefficients();
            let centered: Vec<i64> = part.limb(0).iter().map(|x| x.centered()).collect();
            Poly::from_coefficients(q, &centered).into_evaluation()
        });
        let after = key.to_dense([&raised[0], &raised[1]]).unwrap();

        let (before, after) = (decrypted(before), decrypted([&after[0], &after[1]]));
        let modulus = q.modulus(0).to_f64();
        let (mut largest, mut squares) = (0.0f64, 0.0);
        for (before, after) in before.iter().zip(&after) {
            let multiples = ((after - before) / modulus).round();
            largest = largest.max(multiples.abs());
            squares += (after - before - multiples * modulus).powi(2);
        }
        // |c0 + c1 s~| <= (1 + h) q_0 / 2. Under s itself there would be more than 100.
        let bound = (1 + EPHEMERAL_WEIGHT) as f64 / 2.0;
        assert!(largest <= bound, "{largest} multiples of q_0");
        // To the sparse secret, as documented; back, two digits of at most the size of P and a
        // rounding under s.
        let n = parameters.degree() as f64;
        let p = parameters.qp(0).modulus(1).to_f64();
        let there = (n / 12.0).sqrt() * 3.19 * modulus / p + (33f64 / 12.0).sqrt();
        let back = (2.0 * n / 12.0).sqrt() * 3.19 + (n / 18.0).sqrt();
        let deviation = (squares / n).sqrt();
        assert!(deviation < there + back, "{deviation} {there} {back}");
        // Alone, the first switch is half of it: it has not been left out.
        assert!(deviation > there / 2.0, "{deviation} {there}");
    }

    #[test]
    fn sets_with_an_encapsulation_key_are_planned_and_stored() {
        let parameters = parameters(15, 47);
        let secret = SecretKey::generate(&parameters).unwrap();
        let keys = keys(&parameters, &secret).unwrap();
        let plan = KeyPlan::new(&parameters).up_to_level(1).encapsulation();
        assert!(keys.covers(&plan) && plan.len() == 1);
        assert!(!EvaluationKeys::none(&parameters).covers(&plan));
        let rotation = KeyPlan::new(&parameters).rotations([1]);
        assert!(!keys.covers(&rotation.join(&plan)) && !keys.covers(&plan.join(&rotation)));

        let bytes = keys.to_bytes();
        assert_eq!(plan.file_bytes(&parameters), Ok(bytes.len() as u64));
        // One digit of 2 primes; 2 digits of 5 primes. Two halves each.
        let residues = 2 * (2 + 2 * 5) * parameters.degree() as u64;
        assert_eq!(plan.memory_bytes(&parameters), Ok(8 * residues));
        let read = EvaluationKeys::from_bytes(&bytes).unwrap();
        assert!(read.encapsulation() == keys.encapsulation());
    }

    #[test]
    fn a_sparse_secret_that_would_be_weak_is_refused() {
        for (log_n, first, small) in [(15, 48, false), (14, 45, true)] {
            let parameters = parameters(log_n, first);
            let secret = SecretKey::generate(&parameters).unwrap();
            let error = keys(&parameters, &secret).unwrap_err();
            match &error {
                KeyError::Security(SecurityError::SparseDegree(14)) => assert!(small),
                KeyError::Security(SecurityError::SparseModulus { allowed: 96.0, .. }) => {
                    assert!(!small);
                }
                other => panic!("{other}"),
            }
            let plan = KeyPlan::new(&parameters).encapsulation();
            assert_eq!(plan.file_bytes(&parameters), Err(error.clone()));
            assert_eq!(plan.memory_bytes(&parameters), Err(error));
        }
        // What is offered for bootstrapping can have one.
        let parameters = Parameters::preset(Preset::N16Bootstrapping);
        check_sparse_security(&parameters).unwrap();
    }
}
