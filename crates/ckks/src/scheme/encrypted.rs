//! What travels between the sides.

use std::fmt;

use super::settings::Setup;
use crate::ciphertext::Ciphertext;
use crate::scheme::SchemeError;

/// An encrypted vector as it travels: sealed for all but the owner.
///
/// It holds one [`Ciphertext`], for which there is a file format ([`wire`](crate::wire)).
#[derive(Clone, PartialEq)]
pub struct EncryptedVector(Ciphertext);

impl EncryptedVector {
    /// From the ciphertext that arrived. It is looked at when it is loaded or decrypted.
    pub fn from_ciphertext(ciphertext: Ciphertext) -> Self {
        Self(ciphertext)
    }

    /// The ciphertext, to be sent.
    pub fn ciphertext(&self) -> &Ciphertext {
        &self.0
    }

    /// The ciphertext, if it can be one of a vector.
    pub(super) fn open(&self, setup: &Setup) -> Result<&Ciphertext, SchemeError> {
        let c = &self.0;
        let fits = *c.parameters() == setup.parameters
            && c.degree() == 1
            && (c.scale() / setup.parameters.scale(c.level()) - 1.0).abs() < 1e-9;
        if fits {
            Ok(c)
        } else {
            Err(SchemeError::EncryptedVector)
        }
    }
}

impl fmt::Debug for EncryptedVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EncryptedVector").field(&self.0).finish()
    }
}
