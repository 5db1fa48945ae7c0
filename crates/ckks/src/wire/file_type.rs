//! The types of files.

use std::fmt;

use serde::Serialize;

/// What a file holds. The discriminant is the tag on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
#[repr(u16)]
pub enum FileType {
    /// [`Parameters`](crate::Parameters).
    Parameters = 1,
    /// [`SecretKey`](crate::SecretKey): the only type that must stay with its owner.
    SecretKey = 2,
    /// [`PublicKey`](crate::PublicKey).
    PublicKey = 3,
    /// [`RelinearizationKey`](crate::RelinearizationKey).
    RelinearizationKey = 4,
    /// [`GaloisKey`](crate::GaloisKey).
    GaloisKey = 5,
    /// [`EvaluationKeys`](crate::EvaluationKeys).
    EvaluationKeys = 6,
    /// [`Plaintext`](crate::Plaintext).
    Plaintext = 7,
    /// [`Ciphertext`](crate::Ciphertext).
    Ciphertext = 8,
    /// [`Bundle`](crate::wire::Bundle).
    Bundle = 9,
}

impl FileType {
    /// Whether it must stay with its owner: a server refuses it unread.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::SecretKey)
    }

    /// All types, in the order of their tags.
    pub const ALL: [Self; 9] = [
        Self::Parameters,
        Self::SecretKey,
        Self::PublicKey,
        Self::RelinearizationKey,
        Self::GaloisKey,
        Self::EvaluationKeys,
        Self::Plaintext,
        Self::Ciphertext,
        Self::Bundle,
    ];

    /// What the type is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parameters => "parameters",
            Self::SecretKey => "a secret key",
            Self::PublicKey => "a public key",
            Self::RelinearizationKey => "a relinearisation key",
            Self::GaloisKey => "a Galois key",
            Self::EvaluationKeys => "evaluation keys",
            Self::Plaintext => "a plaintext",
            Self::Ciphertext => "a ciphertext",
            Self::Bundle => "a bundle of ciphertexts",
        }
    }

    pub(super) fn tag(self) -> u16 {
        self as u16
    }

    pub(super) fn from_tag(tag: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.tag() == tag)
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
