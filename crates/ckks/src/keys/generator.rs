//! From a secret key to all keys that others may hold.

use tapetum_ring::sampling::{SecretRng, uniform};
use tapetum_ring::{Automorphism, Basis, Evaluation, GaloisElement, Hedge, Poly};
use zeroize::{Zeroize, Zeroizing};

use super::encapsulation::{check_sparse_security, sparse_basis};
use super::{
    EncapsulationKey, EvaluationKeys, GaloisKey, KeyError, KeyPlan, PublicKey, RelinearizationKey,
    SecretKey, SwitchingKey,
};
use crate::parameters::{EPHEMERAL_WEIGHT, Parameters, security_level};

/// Makes public and evaluation keys of one secret key.
pub struct KeyGenerator {
    secret: SecretKey,
    rng: SecretRng,
    /// From which each key gets a generator of its own, unless one was given for all.
    hedge: Option<Hedge>,
}

impl KeyGenerator {
    /// A generator with randomness from the operating system.
    ///
    /// # Errors
    /// [`KeyError::Randomness`] if there is none.
    pub fn new(secret: &SecretKey) -> Result<Self, KeyError> {
        Ok(Self {
            secret: secret.clone(),
            rng: SecretRng::from_os()?,
            hedge: Some(secret.hedge("tapetum key generation v1")),
        })
    }

    /// A generator with the given randomness, for known-answer files.
    #[cfg(any(test, feature = "insecure"))]
    pub fn with_rng(secret: &SecretKey, rng: SecretRng) -> Self {
        Self {
            secret: secret.clone(),
            rng,
            hedge: None,
        }
    }

    /// A generator for one key, into which goes which one it is: equal errors in two keys would tell
    /// the secret.
    fn begin(&mut self, name: &str, numbers: [u64; 2]) -> Result<(), KeyError> {
        if let Some(hedge) = &self.hedge {
            let mut hedge = hedge.clone();
            for number in numbers {
                hedge.bytes(&number.to_le_bytes());
            }
            hedge.bytes(name.as_bytes());
            self.rng = hedge.generator()?;
        }
        Ok(())
    }

    /// A public key, for the levels of messages.
    ///
    /// # Errors
    /// [`KeyError`] if the key would be too weak.
    pub fn public_key(&mut self) -> Result<PublicKey, KeyError> {
        let parameters = self.parameters();
        let basis = parameters.q(parameters.message_level()).clone();
        check_security(&basis)?;
        self.begin("public", [0; 2])?;
        let seed = self.rng.seed();
        let secret = self.secret.restricted(&basis);
        let b = self.hide(&secret, &uniform(&basis, seed));
        let (parameters, key_set) = (self.secret.parameters(), self.secret.key_set());
        Ok(PublicKey::new(parameters, key_set, seed, b))
    }

    /// The relinearisation key for the levels of messages.
    ///
    /// # Errors
    /// [`KeyError`] if the key would be too weak.
    pub fn relinearization_key(&mut self) -> Result<RelinearizationKey, KeyError> {
        self.relinearization_key_at(self.parameters().message_level())
    }

    /// The key for rotations by `steps` to the left, for the levels of messages.
    ///
    /// # Errors
    /// [`KeyError`] if the key would be too weak.
    pub fn rotation_key(&mut self, steps: i64) -> Result<GaloisKey, KeyError> {
        let element = GaloisElement::rotation(steps, self.parameters().log_n());
        self.galois_key_at(element, self.parameters().message_level())
    }

    /// The key for the conjugation of the slots, for the levels of messages.
    ///
    /// # Errors
    /// [`KeyError`] if the key would be too weak.
    pub fn conjugation_key(&mut self) -> Result<GaloisKey, KeyError> {
        let element = GaloisElement::conjugation(self.parameters().log_n());
        self.galois_key_at(element, self.parameters().message_level())
    }

    /// All keys of a plan.
    ///
    /// # Errors
    /// [`KeyError`] if a key would be too weak or these parameters cannot have what is planned.
    pub fn evaluation_keys(&mut self, plan: &KeyPlan) -> Result<EvaluationKeys, KeyError> {
        self.evaluation_keys_with(plan, |_| ())
    }

    /// All keys of a plan; `progress` hears the number of finished keys after each.
    ///
    /// # Errors
    /// [`KeyError`] if a key would be too weak or these parameters cannot have what is planned.
    pub fn evaluation_keys_with(
        &mut self,
        plan: &KeyPlan,
        mut progress: impl FnMut(usize),
    ) -> Result<EvaluationKeys, KeyError> {
        plan.check(self.parameters())?;
        let mut keys = EvaluationKeys::none(self.parameters()).of_key_set(self.secret.key_set());
        let mut done = 0;
        if let Some(level) = plan.relinearization_level() {
            keys.set_relinearization(self.relinearization_key_at(level)?);
            done += 1;
            progress(done);
        }
        for (element, level) in plan.galois_levels() {
            keys.insert_galois(self.galois_key_at(element, level)?);
            done += 1;
            progress(done);
        }
        if plan.wants_encapsulation() {
            keys.set_encapsulation(self.encapsulation_key()?);
            progress(done + 1);
        }
        Ok(keys)
    }

    fn parameters(&self) -> &Parameters {
        self.secret.parameters()
    }

    fn relinearization_key_at(&mut self, level: usize) -> Result<RelinearizationKey, KeyError> {
        self.begin("relinearisation", [level as u64, 0])?;
        let secret = self.secret.restricted(self.parameters().qp(level));
        let mut square = secret.clone();
        square.mul_assign(&secret);
        let key = self.switching_key(level, &square, &secret)?;
        Ok(RelinearizationKey::new(self.parameters(), key))
    }

    fn galois_key_at(
        &mut self,
        element: GaloisElement,
        level: usize,
    ) -> Result<GaloisKey, KeyError> {
        self.begin("Galois", [level as u64, element.exponent().into()])?;
        let secret = self.secret.restricted(self.parameters().qp(level));
        let image = Zeroizing::new(Automorphism::new(element.inverse()).apply(&secret));
        let key = self.switching_key(level, &secret, &image)?;
        Ok(GaloisKey::new(self.parameters(), element, key))
    }

    fn encapsulation_key(&mut self) -> Result<EncapsulationKey, KeyError> {
        let parameters = self.parameters().clone();
        check_sparse_security(&parameters)?;
        self.begin("encapsulation", [0; 2])?;
        let sparse = self
            .rng
            .sparse_ternary(parameters.degree(), EPHEMERAL_WEIGHT);
        let over = |basis| {
            let poly = Poly::from_coefficients(basis, &sparse);
            Zeroizing::new(poly.into_evaluation())
        };

        let basis = sparse_basis(&parameters);
        let seed = self.rng.seed();
        // p_0 s, which is 0 modulo p_0.
        let mut gadget = self.secret.restricted(&basis);
        let p = basis.modulus(1).value() as i64;
        gadget.scale_assign(|i| basis.modulus(i).reduce(p));
        let mut b = self.hide(&over(&basis), &uniform(&basis, seed.child(0)));
        b.add_assign(&gadget);
        let to_sparse = SwitchingKey::new(0, seed, vec![b]);

        let level = parameters.max_level();
        let basis = parameters.qp(level);
        let secret = self.secret.restricted(basis);
        let to_dense = self.switching_key(level, &over(basis), &secret)?;
        Ok(EncapsulationKey::new(&parameters, to_sparse, to_dense))
    }

    /// From the secret `from` to the secret `to`, both over Q P at `level`.
    fn switching_key(
        &mut self,
        level: usize,
        from: &Poly<Evaluation>,
        to: &Poly<Evaluation>,
    ) -> Result<SwitchingKey, KeyError> {
        let parameters = self.parameters().clone();
        let basis = parameters.qp(level);
        check_security(basis)?;
        let seed = self.rng.seed();
        let decomposer = parameters.decomposer(level);
        let b = (0..decomposer.count())
            .map(|j| {
                // P g_j s: the gadget is P modulo the primes of digit j, 0 modulo all others.
                let mut gadget = Zeroizing::new(from.clone());
                let digit = j * parameters.special()..(j + 1) * parameters.special();
                gadget.scale_assign(|i| {
                    if i <= level && digit.contains(&i) {
                        decomposer.special_product(i)
                    } else {
                        basis.modulus(i).reduce(0)
                    }
                });
                let mut b = self.hide(to, &uniform(basis, seed.child(j as u32)));
                b.add_assign(&gadget);
                b
            })
            .collect();
        Ok(SwitchingKey::new(level, seed, b))
    }

    /// e - a s: what is uniform to all who do not know s.
    fn hide(&mut self, secret: &Poly<Evaluation>, a: &Poly<Evaluation>) -> Poly<Evaluation> {
        let basis = secret.basis();
        let error = self.rng.gaussian(basis.degree());
        let mut b = Poly::from_coefficients(basis, &error).into_evaluation();
        let mut product = a.clone();
        product.mul_assign(secret);
        b.sub_assign(&product);
        product.zeroize();
        b
    }
}

/// Every key is held against the table by the modulus that it really lives under.
fn check_security(basis: &Basis) -> Result<(), KeyError> {
    security_level(basis.log_n(), basis.log_product())?;
    Ok(())
}
