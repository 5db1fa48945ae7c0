//! Encryption, with the secret key (half as large on the wire) or with the public key.

use std::fmt;

use tapetum_ring::sampling::{RandomnessError, SecretRng, uniform};
use tapetum_ring::{Hedge, Poly};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::ciphertext::Ciphertext;
use crate::encoder::Encoder;
use crate::keys::{PublicKey, SecretKey};
use crate::parameters::Parameters;
use crate::plaintext::Plaintext;

/// The one use of the generators here.
const CONTEXT: &str = "tapetum encryption v1";

/// Why something could not be encrypted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum EncryptionError {
    /// Key and plaintext have different parameters.
    #[error("the plaintext belongs to other parameters than the key")]
    Parameters,
    /// The public key does not reach up to the level of the plaintext.
    #[error(
        "the plaintext is at level {level}, but a public key encrypts up to level {highest}: those \
         above are bootstrapping's own; encode at level {highest} or below"
    )]
    Level {
        /// The level of the plaintext.
        level: usize,
        /// The highest level of messages.
        highest: usize,
    },
    /// The operating system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
}

/// Encrypts plaintexts, each with fresh randomness: a hash of the operating system's, of the key and of
/// the message, so that a machine that draws the same twice does not encrypt two messages alike.
#[derive(Clone)]
pub struct Encryptor {
    key: Key,
    encoder: Encoder,
    hedge: Hedge,
}

#[derive(Clone, Debug)]
enum Key {
    Secret(SecretKey),
    Public(PublicKey),
}

impl Encryptor {
    /// For the owner: the ciphertexts carry a seed in place of their uniform half.
    pub fn with_secret_key(key: &SecretKey) -> Self {
        Self {
            key: Key::Secret(key.clone()),
            encoder: Encoder::new(key.parameters()),
            hedge: key.hedge(CONTEXT),
        }
    }

    /// For everybody who has the public key.
    pub fn with_public_key(key: &PublicKey) -> Self {
        let mut hedge = Hedge::new(CONTEXT);
        hedge.bytes(&key.seed().to_bytes()).poly(key.b());
        Self {
            key: Key::Public(key.clone()),
            encoder: Encoder::new(key.parameters()),
            hedge,
        }
    }

    /// The parameters of the key.
    pub fn parameters(&self) -> &Parameters {
        self.encoder.parameters()
    }

    /// The encoder of these parameters.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Encrypts at the level and scale of the plaintext. The error in a slot has a standard
    /// deviation of about 3.2 sqrt(N) / scale with the secret key, 2.6 N / scale with the public
    /// one.
    ///
    /// # Errors
    /// [`EncryptionError`] if the parameters differ, the level is above that of messages (with a
    /// public key), or there is no randomness.
    pub fn encrypt(&self, plaintext: &Plaintext) -> Result<Ciphertext, EncryptionError> {
        self.encrypt_from(plaintext, &mut self.hedged(plaintext).generator()?)
    }

    /// What the generator for this plaintext is for.
    fn hedged(&self, plaintext: &Plaintext) -> Hedge {
        let mut hedge = self.hedge.clone();
        hedge
            .bytes(&plaintext.scale().to_le_bytes())
            .poly(plaintext.poly());
        hedge
    }

    /// The same with given randomness, for known-answer files. A generator must not serve two
    /// encryptions from the same state.
    ///
    /// # Errors
    /// [`EncryptionError::Parameters`] if the parameters differ, [`EncryptionError::Level`] with a
    /// public key above the level of messages.
    #[cfg(any(test, feature = "insecure"))]
    pub fn encrypt_with(
        &self,
        plaintext: &Plaintext,
        rng: &mut SecretRng,
    ) -> Result<Ciphertext, EncryptionError> {
        self.encrypt_from(plaintext, rng)
    }

    fn encrypt_from(
        &self,
        plaintext: &Plaintext,
        rng: &mut SecretRng,
    ) -> Result<Ciphertext, EncryptionError> {
        if plaintext.parameters() != self.parameters() {
            return Err(EncryptionError::Parameters);
        }
        match &self.key {
            Key::Secret(key) => Ok(with_secret_key(key, plaintext, rng)),
            Key::Public(key) => {
                let (level, highest) = (plaintext.level(), self.parameters().message_level());
                if level > highest {
                    return Err(EncryptionError::Level { level, highest });
                }
                Ok(with_public_key(key, plaintext, rng))
            }
        }
    }
}

impl fmt::Debug for Encryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryptor")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// (m + e - a s, a) with a expanded from a fresh seed.
fn with_secret_key(key: &SecretKey, plaintext: &Plaintext, rng: &mut SecretRng) -> Ciphertext {
    let basis = plaintext.poly().basis();
    let seed = rng.seed();
    let c1 = uniform(basis, seed);
    let mut masked = key.restricted(basis);
    masked.mul_assign(&c1);
    let error = rng.gaussian(basis.degree());
    let mut c0 = Poly::from_coefficients(basis, &error).into_evaluation();
    c0.add_assign(plaintext.poly());
    c0.sub_assign(&masked);
    Ciphertext::new(key.parameters(), vec![c0, c1], plaintext.scale()).with_seed(seed)
}

/// (b u + e0 + m, a u + e1) with u ternary.
fn with_public_key(key: &PublicKey, plaintext: &Plaintext, rng: &mut SecretRng) -> Ciphertext {
    let basis = plaintext.poly().basis();
    let degree = basis.degree();
    // u and the errors open the ciphertext to anyone who finds them in memory, so they are wiped.
    let hidden = |coefficients: &[i64]| {
        Zeroizing::new(Poly::from_coefficients(basis, coefficients).into_evaluation())
    };
    let u = hidden(&rng.ternary(degree));
    let [mut c0, c1] = [key.b(), key.a()].map(|half| {
        let mut part = half.truncated(basis.len());
        part.mul_assign(&u);
        part.add_assign(&hidden(&rng.gaussian(degree)));
        part
    });
    c0.add_assign(plaintext.poly());
    Ciphertext::new(key.parameters(), vec![c0, c1], plaintext.scale())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyGenerator;
    use crate::parameters::Preset;

    /// A machine that goes back to a snapshot draws the same again.
    #[test]
    fn a_system_that_repeats_itself_does_not_encrypt_two_messages_alike() {
        let parameters = Parameters::preset(Preset::N12);
        let keys = [0, 1].map(|_| SecretKey::generate(&parameters).unwrap());
        let public = KeyGenerator::new(&keys[0]).unwrap().public_key().unwrap();
        let encryptors = [
            Encryptor::with_secret_key(&keys[0]),
            Encryptor::with_secret_key(&keys[1]),
            Encryptor::with_public_key(&public),
        ];
        let encoder = Encoder::new(&parameters);
        let messages = [1.0, 1.0 + 1e-9].map(|x| encoder.encode(&[x], 1).unwrap());
        let mut seeds = Vec::new();
        for encryptor in &encryptors {
            for message in &messages {
                let seed = || encryptor.hedged(message).insecure_generator([7; 32]).seed();
                assert_eq!(seed(), seed());
                assert!(!seeds.contains(&seed()));
                seeds.push(seed());
            }
        }
    }
}
