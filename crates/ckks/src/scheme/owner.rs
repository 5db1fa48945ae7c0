//! The sides that see values: the owner, who decrypts, and contributors, who only encrypt.

use std::fmt;
use std::sync::Arc;

use num_complex::Complex64;

use super::settings::{Settings, Setup};
use super::{EncryptedVector, SchemeError, Server};
use crate::decrypt::Decryptor;
use crate::encrypt::Encryptor;
use crate::keys::{EvaluationKeys, KeyGenerator, PublicKey, SecretKey};
use crate::parameters::Parameters;
use crate::rounding::Rounding;

/// Imaginary parts this large beside the real ones are no noise of a computation.
const IMAGINARY: f64 = 1.0 / 16.0;

/// The side that makes the keys, encrypts and decrypts.
pub struct Owner {
    settings: Settings,
    contributor: Contributor,
    secret: SecretKey,
    decryptor: Decryptor,
}

impl Owner {
    /// An owner with a fresh secret key.
    ///
    /// # Errors
    /// [`SchemeError`] if the settings fit no secure parameters, or there is no randomness.
    pub fn new(settings: &Settings) -> Result<Self, SchemeError> {
        let secret = SecretKey::generate(&settings.check()?.parameters)?;
        Self::with_secret_key(settings, &secret)
    }

    /// An owner with a secret key of [`parameters`](Self::parameters) that was kept.
    ///
    /// # Errors
    /// [`SchemeError`] if the key is not of these settings.
    pub fn with_secret_key(settings: &Settings, secret: &SecretKey) -> Result<Self, SchemeError> {
        let setup = settings.check()?;
        if *secret.parameters() != setup.parameters {
            return Err(SchemeError::Keys);
        }
        Ok(Self {
            settings: settings.clone(),
            contributor: Contributor::with(setup, Encryptor::with_secret_key(secret)),
            secret: secret.clone(),
            decryptor: Decryptor::new(secret),
        })
    }

    /// The parameters of all keys.
    pub fn parameters(&self) -> &Parameters {
        &self.contributor.setup.parameters
    }

    /// The secret key, to be kept.
    pub fn secret_key(&self) -> &SecretKey {
        &self.secret
    }

    /// The public key, for contributors.
    ///
    /// # Errors
    /// [`SchemeError::Key`] if there is no randomness.
    pub fn public_key(&self) -> Result<PublicKey, SchemeError> {
        Ok(KeyGenerator::new(&self.secret)?.public_key()?)
    }

    /// The evaluation keys, for a server.
    ///
    /// # Errors
    /// [`SchemeError::Key`] if there is no randomness.
    pub fn evaluation_keys(&self) -> Result<EvaluationKeys, SchemeError> {
        let plan = self.contributor.setup.key_plan();
        Ok(KeyGenerator::new(&self.secret)?.evaluation_keys(&plan)?)
    }

    /// A contributor in this process.
    ///
    /// # Errors
    /// [`SchemeError::Key`] if there is no randomness.
    pub fn contributor(&self) -> Result<Contributor, SchemeError> {
        Contributor::new(&self.settings, &self.public_key()?)
    }

    /// A server in this process, which does not get the secret key either.
    ///
    /// # Errors
    /// [`SchemeError::Key`] if there is no randomness.
    pub fn server(&self) -> Result<Server, SchemeError> {
        Server::new(&self.settings, self.evaluation_keys()?)
    }

    /// Encrypts a vector, to half the size of what a [`Contributor`] encrypts.
    ///
    /// # Errors
    /// [`SchemeError`] if its length is not that of the scheme, a value is beyond the bound, or there is
    /// no randomness.
    pub fn encrypt(&self, values: &[f64]) -> Result<EncryptedVector, SchemeError> {
        self.contributor.encrypt(values)
    }

    /// Decrypts a result, rounded to a step far above its noise ([`Rounding`]): all digits would tell about the
    /// secret key, to anyone who has the ciphertext as well.
    ///
    /// # Errors
    /// [`SchemeError`] if it is not an encrypted vector of these settings, was encrypted for another owner, or
    /// holds a number beyond the bound.
    pub fn decrypt(&self, sealed: &EncryptedVector) -> Result<Vec<f64>, SchemeError> {
        let (mut values, rounding) = self.opened(sealed)?;
        values.iter_mut().for_each(|x| *x = rounding.round(*x));
        Ok(values)
    }

    /// Decrypts a result with all its digits.
    ///
    /// **For nobody else's eyes.** Some thousand such numbers and the ciphertexts that they come from give the
    /// secret key back, in seconds. Do not print, log or store them where those who hold the ciphertexts can
    /// read; to publish results, see [`NoiseFlooding`](crate::NoiseFlooding).
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_exact(&self, sealed: &EncryptedVector) -> Result<Vec<f64>, SchemeError> {
        Ok(self.opened(sealed)?.0)
    }

    /// All digits, and how far they are to be rounded.
    fn opened(&self, sealed: &EncryptedVector) -> Result<(Vec<f64>, Rounding), SchemeError> {
        let (setup, decryptor) = (&self.contributor.setup, &self.decryptor);
        let ciphertext = sealed.open(setup)?;
        let slots = decryptor
            .encoder()
            .decode_complex(&decryptor.decrypt(ciphertext)?);
        // Under another key real and imaginary parts alike are random and huge.
        let largest = |part: fn(&Complex64) -> f64| {
            slots
                .iter()
                .map(|slot| part(slot).abs())
                .fold(0.0, f64::max)
        };
        if largest(|slot| slot.im) > IMAGINARY * largest(|slot| slot.re).max(1.0) {
            return Err(SchemeError::Noise);
        }
        let values: Vec<f64> = slots[..setup.length]
            .iter()
            .map(|slot| slot.re * setup.unit)
            .collect();
        setup.check_values(&values, setup.largest_result())?;
        let rounding = Rounding::of(&setup.parameters, ciphertext.scale(), &slots);
        Ok((values, rounding.times(setup.unit)))
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Owner").field(&self.settings).finish()
    }
}

/// A side that encrypts with the public key, and cannot decrypt, not even what it has encrypted.
#[derive(Clone)]
pub struct Contributor {
    setup: Arc<Setup>,
    encryptor: Encryptor,
}

impl Contributor {
    /// A contributor with the owner's public key.
    ///
    /// # Errors
    /// [`SchemeError`] if the key is not of these settings.
    pub fn new(settings: &Settings, key: &PublicKey) -> Result<Self, SchemeError> {
        let setup = settings.check()?;
        if *key.parameters() != setup.parameters {
            return Err(SchemeError::Keys);
        }
        Ok(Self::with(setup, Encryptor::with_public_key(key)))
    }

    fn with(setup: Setup, encryptor: Encryptor) -> Self {
        Self {
            setup: Arc::new(setup),
            encryptor,
        }
    }

    /// Encrypts a vector.
    ///
    /// # Errors
    /// [`SchemeError`] if its length is not that of the scheme, a value is beyond the bound, or there is
    /// no randomness.
    pub fn encrypt(&self, values: &[f64]) -> Result<EncryptedVector, SchemeError> {
        let setup = &self.setup;
        setup.check_values(values, setup.bound())?;
        let slots = setup.encoded(values);
        let encoder = self.encryptor.encoder();
        let plaintext = encoder.encode(&slots, setup.parameters.message_level())?;
        Ok(EncryptedVector::new(
            setup,
            self.encryptor.encrypt(&plaintext)?,
        ))
    }
}

impl fmt::Debug for Contributor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Contributor").field(&self.setup).finish()
    }
}
