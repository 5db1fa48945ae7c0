//! What travels between the sides.

use super::settings::Setup;
use super::stamp::Stamp;
use crate::ciphertext::Ciphertext;
use crate::parameters::Parameters;
use crate::scheme::SchemeError;
use crate::wire::{Bundle, WireError};

/// The kind of the files.
const KIND: &str = "vector-1";

/// An encrypted vector as it travels: sealed for all but the owner. With it goes for which length and
/// bound it was made; neither is secret.
#[derive(Clone, Debug, PartialEq)]
pub struct EncryptedVector {
    ciphertext: Ciphertext,
    stamp: Option<Stamp>,
}

impl EncryptedVector {
    pub(super) fn new(setup: &Setup, ciphertext: Ciphertext) -> Self {
        Self {
            ciphertext,
            stamp: Some(setup.stamp()),
        }
    }

    /// From a ciphertext that arrived alone. Its settings are taken on trust: with another bound all numbers
    /// would come out too large or too small. [`from_bytes`](Self::from_bytes) checks them.
    pub fn from_ciphertext(ciphertext: Ciphertext) -> Self {
        Self {
            ciphertext,
            stamp: None,
        }
    }

    /// The ciphertext, without its settings.
    pub fn ciphertext(&self) -> &Ciphertext {
        &self.ciphertext
    }

    /// As a file: a [`Bundle`] of the kind `vector-1` with one ciphertext, and with length and bound as its metadata.
    ///
    /// # Errors
    /// [`WireError`] of the bundle.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        let metadata = postcard::to_allocvec(&self.stamp).map_err(|_| WireError::Kind)?;
        let ciphertexts = std::slice::from_ref(&self.ciphertext);
        let bundle = Bundle::new(self.ciphertext.parameters(), KIND, metadata, ciphertexts)?;
        Ok(bundle.to_bytes())
    }

    /// From the bytes of a file. Whether it fits is found out when it is loaded or decrypted.
    ///
    /// # Errors
    /// [`WireError`] if it is no such file, or of other parameters.
    pub fn from_bytes(parameters: &Parameters, bytes: &[u8]) -> Result<Self, WireError> {
        let (metadata, ciphertexts) = Bundle::from_bytes(parameters, bytes)?.into_contents(KIND)?;
        let damaged = || WireError::Header("this file does not hold one vector");
        let [ciphertext]: [Ciphertext; 1] = ciphertexts.try_into().map_err(|_| damaged())?;
        let stamp = postcard::from_bytes(&metadata).map_err(|_| damaged())?;
        Ok(Self { ciphertext, stamp })
    }

    /// The ciphertext, if it can be one of a vector of these settings.
    pub(super) fn open(&self, setup: &Setup) -> Result<&Ciphertext, SchemeError> {
        let c = &self.ciphertext;
        let fits = *c.parameters() == setup.parameters
            && c.degree() == 1
            && (c.scale() / setup.parameters.scale(c.level()) - 1.0).abs() < 1e-9;
        let expected = setup.stamp();
        match self.stamp {
            _ if !fits => Err(SchemeError::EncryptedVector),
            Some(found) if found != expected => Err(SchemeError::Settings {
                expected: (expected.length, expected.bound),
                found: (found.length, found.bound),
            }),
            _ => Ok(c),
        }
    }
}
