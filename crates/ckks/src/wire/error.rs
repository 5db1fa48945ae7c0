//! What is wrong with a file.

use std::io;

use tapetum_ring::packing::PackingError;
use thiserror::Error;

use super::file_type::FileType;
use crate::parameters::{Digest, ParametersError};

/// Why bytes are not the object that was asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WireError {
    /// The reader failed.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
    /// The first bytes are not those of a Tapetum file.
    #[error("this is not a Tapetum file")]
    NotTapetum,
    /// The format is newer than this code.
    #[error(
        "this file was made by a newer version: it has format {found}, and this version reads \
         up to format {supported}"
    )]
    NewerVersion {
        /// The format of the file.
        found: u16,
        /// The newest format that this code reads.
        supported: u16,
    },
    /// There has never been such a format.
    #[error("format {0} does not exist: the file is damaged")]
    UnknownVersion(u16),
    /// The file says that it holds something that this code does not know.
    #[error("file type {0} is unknown: the file is damaged, or was made by a newer version")]
    UnknownType(u16),
    /// The file holds something else.
    #[error("this file holds {found}, where {expected} is expected")]
    WrongType {
        /// What was asked for.
        expected: FileType,
        /// What the file holds.
        found: FileType,
    },
    /// The file belongs to other parameters.
    #[error(
        "this file belongs to parameters {found}, where parameters {expected} are expected: use it with the keys \
         that it was made for, or make it again under these"
    )]
    WrongParameters {
        /// The digest of the parameters in use.
        expected: Digest,
        /// The digest in the file.
        found: Digest,
    },
    /// The parameters written out in the file are not those that its digest names.
    #[error("this file names parameters {stated}, but contains parameters {computed}")]
    DigestMismatch {
        /// The digest in the file.
        stated: Digest,
        /// The digest of the parameters in the file.
        computed: Digest,
    },
    /// The parameters written out in the file are refused.
    #[error("the parameters in this file are refused: {0}")]
    Parameters(#[from] ParametersError),
    /// The file ends early.
    #[error("this file is truncated: it ends within its {0}")]
    Truncated(&'static str),
    /// The file goes on after its end.
    #[error("{0} bytes follow the end of the object")]
    TrailingBytes(u64),
    /// A part of the file is larger than allowed.
    #[error("the {part} would have a size of {found}, but at most {allowed} is allowed")]
    Oversized {
        /// Which part.
        part: &'static str,
        /// Its size.
        found: u64,
        /// The largest size.
        allowed: u64,
    },
    /// The header is not one of this type of file.
    #[error("the header is malformed: {0}")]
    Header(&'static str),
    /// The parameters have no such level.
    #[error("level {found} does not exist: these parameters have levels 0 to {max}")]
    Level {
        /// The level in the file.
        found: u32,
        /// The highest level of the parameters.
        max: usize,
    },
    /// The scale is not a number of at least 1 that fits under the modulus.
    #[error("a scale of {scale:e} is not between 1 and the modulus of 2^{log_q:.1}")]
    Scale {
        /// The scale in the file.
        scale: f64,
        /// log2 of the modulus at the level in the file.
        log_q: f64,
    },
    /// The exponent of a Galois key is no automorphism of the ring.
    #[error("{0} is not the exponent of an automorphism of this ring")]
    GaloisElement(u32),
    /// The payload has another length than the header implies.
    #[error("the payload has {found} bytes, but what the header describes takes {expected}")]
    PayloadLength {
        /// What the header implies.
        expected: u64,
        /// What the file says.
        found: u64,
    },
    /// Something is wrong with one key of a set.
    #[error("the {key}: {source}")]
    Key {
        /// Which key.
        key: String,
        /// What is wrong with it.
        source: Box<WireError>,
    },
    /// A residue is not below its prime.
    #[error(transparent)]
    Residue(#[from] PackingError),
    /// The file is not a secret key. The message does not say where it fails to be one.
    #[error("a coefficient of the secret key is not -1, 0 or 1")]
    SecretCoefficient,
    /// The bytes are not those that were written.
    #[error("the checksum does not match: this file is damaged")]
    Checksum,
    /// The bundle was written for another purpose.
    #[error("this bundle holds '{found}', where '{expected}' is expected")]
    WrongKind {
        /// The kind that was asked for.
        expected: String,
        /// The kind of the bundle.
        found: String,
    },
    /// The name of a bundle's kind is malformed.
    #[error("the kind of a bundle must be 1 to 64 lower-case letters, digits and hyphens")]
    Kind,
}

impl WireError {
    /// Whether nothing can be read after it.
    pub(super) fn ends_reading(&self) -> bool {
        match self {
            Self::Io(_) | Self::Truncated(_) => true,
            Self::Key { source, .. } => source.ends_reading(),
            _ => false,
        }
    }
}
