//! RNS-CKKS: approximate arithmetic on encrypted vectors of real or complex numbers
//! (Cheon, Kim, Kim, Song, 2017; Cheon, Han, Kim, Kim, Song, 2018).

mod ciphertext;
mod parameters;
mod plaintext;

pub use ciphertext::Ciphertext;
pub use parameters::{
    Digest, Parameters, ParametersError, ParametersLiteral, Preset, SecretDistribution,
    SecurityError, SecurityLevel, security_level,
};
pub use plaintext::Plaintext;
