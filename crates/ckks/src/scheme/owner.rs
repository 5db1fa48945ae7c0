//! The sides that see values: the owner, who decrypts, and contributors, who only encrypt.

use std::fmt;
use std::sync::Arc;

use super::settings::{Settings, Setup};
use super::{EncryptedVector, SchemeError, Server};
use crate::decrypt::Decryptor;
use crate::encrypt::Encryptor;
use crate::keys::{EvaluationKeys, KeyGenerator, PublicKey, SecretKey};
use crate::parameters::Parameters;

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

    /// Decrypts a result, for the owner's eyes: passed on to others, its last digits may tell
    /// about the secret key (see [`NoiseFlooding`](crate::NoiseFlooding)).
    ///
    /// # Errors
    /// [`SchemeError::EncryptedVector`] if it is not an encrypted vector of these settings.
    pub fn decrypt(&self, sealed: &EncryptedVector) -> Result<Vec<f64>, SchemeError> {
        let (setup, decryptor) = (&self.contributor.setup, &self.decryptor);
        let decrypted = decryptor.decrypt(sealed.open(setup)?)?;
        let mut slots = decryptor.encoder().decode(&decrypted);
        slots.truncate(setup.length);
        slots.iter_mut().for_each(|slot| *slot *= setup.unit);
        Ok(slots)
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
        Ok(EncryptedVector::from_ciphertext(
            self.encryptor.encrypt(&plaintext)?,
        ))
    }
}

impl fmt::Debug for Contributor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Contributor").field(&self.setup).finish()
    }
}
