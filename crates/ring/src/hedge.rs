//! Randomness that does not depend on the operating system's alone.
//!
//! A virtual machine that goes back to a snapshot draws the same numbers again. Two messages encrypted
//! with the same errors tell their difference, and two keys made with the same errors tell the secret.
//! So what a generator is for goes into its key, by a hash: then equal draws give equal generators only
//! for equal uses (Bellare, Brakerski, Naor, Ristenpart, Segev, Shacham, Yilek, 2009).

use blake3::Hasher;
use zeroize::{Zeroize, Zeroizing};

use crate::poly::{Form, Poly};
use crate::sampling::{RandomnessError, SecretRng};

/// What a generator is for, taken in piece by piece: a secret key and a message, say. Wiped when dropped.
#[derive(Clone)]
pub struct Hedge(Hasher);

/// Residues that are hashed at a time.
const CHUNK: usize = 512;

impl Hedge {
    /// For uses of one kind, which `context` names and no other kind has.
    pub fn new(context: &'static str) -> Self {
        Self(Hasher::new_derive_key(context))
    }

    /// Takes in bytes. The caller makes sure that they end where they must: lengths are not taken in.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// Takes in signed coefficients.
    pub fn coefficients(&mut self, coefficients: &[i64]) -> &mut Self {
        self.words(coefficients.iter().copied())
    }

    /// Takes in all residues of a polynomial.
    pub fn poly<F: Form>(&mut self, poly: &Poly<F>) -> &mut Self {
        for i in 0..poly.basis().len() {
            self.words(poly.limb(i).iter().map(|x| x.centered()));
        }
        self
    }

    fn words(&mut self, mut words: impl Iterator<Item = i64>) -> &mut Self {
        let mut bytes = Zeroizing::new([0; 8 * CHUNK]);
        loop {
            let mut taken = 0;
            for (out, word) in bytes.chunks_exact_mut(8).zip(&mut words) {
                out.copy_from_slice(&word.to_le_bytes());
                taken += 8;
            }
            if taken == 0 {
                return self;
            }
            self.0.update(&bytes[..taken]);
        }
    }

    /// A generator whose key is a hash of all that and of fresh randomness from the operating system.
    ///
    /// # Errors
    /// [`RandomnessError`] if the operating system gives none.
    pub fn generator(self) -> Result<SecretRng, RandomnessError> {
        let mut fresh = Zeroizing::new([0; 32]);
        crate::sampling::fill(&mut fresh)?;
        Ok(self.with_fresh(&fresh))
    }

    /// The same where the operating system gives known bytes, for tests.
    #[cfg(any(test, feature = "insecure"))]
    pub fn insecure_generator(self, fresh: [u8; 32]) -> SecretRng {
        self.with_fresh(&fresh)
    }

    fn with_fresh(mut self, fresh: &[u8; 32]) -> SecretRng {
        self.0.update(fresh);
        let mut hash = self.0.finalize();
        let rng = SecretRng::from_key(hash.as_bytes());
        hash.zeroize();
        rng
    }
}

impl Drop for Hedge {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Basis, primes};

    #[test]
    fn equal_draws_of_the_system_give_equal_generators_for_equal_uses_only() {
        let primes: Vec<_> = primes::near(2f64.powi(40), 10)
            .take(2)
            .map(|m| m.value())
            .collect();
        let basis = Basis::new(10, &primes).unwrap();
        let poly = |last: i64| {
            let mut coefficients = vec![3; 1024];
            coefficients[1023] = last;
            Poly::from_coefficients(&basis, &coefficients)
        };
        let seed = |context: &'static str, key: &[i64], last: i64, fresh: u8| {
            let mut hedge = Hedge::new(context);
            hedge.coefficients(key).poly(&poly(last));
            hedge.insecure_generator([fresh; 32]).seed()
        };
        let expected = seed("a", &[1, 0, -1], 5, 0);
        assert_eq!(expected, seed("a", &[1, 0, -1], 5, 0));
        for other in [
            seed("b", &[1, 0, -1], 5, 0),
            seed("a", &[1, 0, 1], 5, 0),
            seed("a", &[1, 0, -1], 6, 0),
            seed("a", &[1, 0, -1], 5, 1),
        ] {
            assert_ne!(expected, other);
        }
        let fresh = || Hedge::new("a").generator().unwrap().seed();
        assert_ne!(fresh(), fresh());
    }
}
