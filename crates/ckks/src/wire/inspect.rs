//! What a file holds, by its front alone.

use std::io::Read;

use serde::Serialize;

use super::container::{self, FRAME_LEN, Front};
use super::{
    BundleHeader, CiphertextHeader, EvaluationKeysHeader, FileType, GaloisKeyHeader, KeyHeader,
    ParametersHeader, PlaintextHeader, RelinearizationKeyHeader, WireError,
};
use crate::parameters::Digest;

/// What a file claims to be. Only the layout has been checked: neither the header against
/// parameters, nor payload and checksum. All of it is safe to print.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// What the file holds.
    pub file_type: FileType,
    /// The version of the format.
    pub version: u16,
    /// The parameters that the content belongs to.
    pub digest: Digest,
    /// What the payload is.
    pub header: Header,
    /// Bytes of the payload.
    pub payload_len: u64,
    /// Bytes of the whole file, if it is complete.
    pub file_len: u64,
}

/// The header of a file, by type.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Header {
    /// Of parameters.
    Parameters(ParametersHeader),
    /// Of a secret key.
    SecretKey(KeyHeader),
    /// Of a public key.
    PublicKey(KeyHeader),
    /// Of a relinearisation key.
    RelinearizationKey(RelinearizationKeyHeader),
    /// Of a Galois key.
    GaloisKey(GaloisKeyHeader),
    /// Of evaluation keys.
    EvaluationKeys(EvaluationKeysHeader),
    /// Of a plaintext.
    Plaintext(PlaintextHeader),
    /// Of a ciphertext.
    Ciphertext(CiphertextHeader),
    /// Of a bundle.
    Bundle(BundleHeader),
}

/// Reads the front of a file, about a hundred bytes as a rule, without needing its parameters.
///
/// ```
/// use tapetum_ckks::wire::{FileType, inspect};
/// use tapetum_ckks::{Parameters, Preset};
///
/// let parameters = Parameters::preset(Preset::N12);
/// let summary = inspect(parameters.to_bytes().as_slice())?;
/// assert_eq!(summary.file_type, FileType::Parameters);
/// assert_eq!(summary.digest, parameters.digest());
/// # Ok::<(), tapetum_ckks::wire::WireError>(())
/// ```
///
/// # Errors
/// [`WireError`] if this is not a Tapetum file, or one of a newer version, or its header is malformed.
pub fn inspect(reader: impl Read) -> Result<Summary, WireError> {
    let (front, _) = Front::read(reader)?;
    Ok(Summary {
        file_type: front.file_type,
        version: front.version,
        digest: front.digest,
        header: Header::decode(front.file_type, &front.header)?,
        payload_len: front.payload_len,
        file_len: (FRAME_LEN + front.header.len()) as u64 + front.payload_len,
    })
}

impl Header {
    fn decode(file_type: FileType, bytes: &[u8]) -> Result<Self, WireError> {
        use container::decode;
        Ok(match file_type {
            FileType::Parameters => Self::Parameters(decode(bytes)?),
            FileType::SecretKey => Self::SecretKey(decode(bytes)?),
            FileType::PublicKey => Self::PublicKey(decode(bytes)?),
            FileType::RelinearizationKey => Self::RelinearizationKey(decode(bytes)?),
            FileType::GaloisKey => Self::GaloisKey(decode(bytes)?),
            FileType::EvaluationKeys => Self::EvaluationKeys(decode(bytes)?),
            FileType::Plaintext => Self::Plaintext(decode(bytes)?),
            FileType::Ciphertext => Self::Ciphertext(decode(bytes)?),
            FileType::Bundle => {
                let header: BundleHeader = decode(bytes)?;
                header.check_kind()?;
                Self::Bundle(header)
            }
        })
    }
}
