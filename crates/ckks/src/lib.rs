//! RNS-CKKS: approximate arithmetic on encrypted vectors of real or complex numbers
//! (Cheon, Kim, Kim, Song, 2017; Cheon, Han, Kim, Kim, Song, 2018).

mod ciphertext;
mod encoder;
mod parameters;
mod plaintext;
mod special_fft;

pub use ciphertext::Ciphertext;
pub use encoder::{EncodeError, Encoder};
pub use num_complex::Complex64;
pub use parameters::{
    Digest, Parameters, ParametersError, ParametersLiteral, Preset, SecretDistribution,
    SecurityError, SecurityLevel, security_level,
};
pub use plaintext::Plaintext;
