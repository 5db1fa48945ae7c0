//! RNS-CKKS: approximate arithmetic on encrypted vectors of real or complex numbers
//! (Cheon, Kim, Kim, Song, 2017; Cheon, Han, Kim, Kim, Song, 2018).
//!
//! Start with [`scheme`], where encrypted vectors are added, multiplied and compared with operators and
//! levels, scales and keys take care of themselves. Everything else is the layer below it, where
//! they are visible.

mod ciphertext;
mod circuits;
mod decrypt;
mod encoder;
mod encrypt;
mod error;
mod evaluator;
mod id;
pub mod kernel;
mod keys;
mod noise;
mod parameters;
mod plaintext;
mod residue_matrix;
mod rounding;
pub mod scheme;
mod special_fft;
pub mod wire;

pub use ciphertext::Ciphertext;
pub use circuits::{
    Argmax, ArgmaxError, ArgmaxPlan, BlockIndices, BlockMatrix, Bootstrapper, BootstrappingError,
    BootstrappingEstimate, BootstrappingPlan, DiagonalEntries, DiagonalForm, DiagonalSource,
    LinearTransform, LinearTransformError, LinearTransformPlan, OperationCounts, Polynomial,
    PolynomialError, Precision, PrecisionError, SlotKind, SlotMatrix,
};
pub use decrypt::{DecryptionError, Decryptor, NoiseFlooding};
pub use encoder::{EncodeError, Encoder};
pub use encrypt::{EncryptionError, Encryptor};
pub use error::CkksError;
pub use evaluator::{EvaluationError, Evaluator, KeyName, Undivided};
pub use id::{Id, IdError};
pub use keys::{
    EncapsulationKey, EvaluationKeys, GaloisKey, KeyError, KeyGenerator, KeyPlan, KeyUnavailable,
    MemoryBudget, PublicKey, RelinearizationKey, SecretKey,
};
pub use noise::NoiseBound;
pub use num_complex::Complex64;
pub use parameters::{
    BootstrappingLiteral, Digest, EPHEMERAL_WEIGHT, Parameters, ParametersError, ParametersLiteral,
    Preset, SecretDistribution, SecurityError, SecurityLevel, security_level, sparse_security,
};
pub use plaintext::Plaintext;
pub use residue_matrix::{ResidueMatrix, ResidueMatrixError};
pub use rounding::Rounding;
pub use tapetum_ring::sampling::{RandomnessError, SecretRng, Seed};
pub use tapetum_ring::{
    GaloisElement, ModulusError, idle_buffer_bytes, limit_idle_buffers, trim_idle_buffers,
};
