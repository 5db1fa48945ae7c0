//! What a Tapetum server and its clients say to each other, and the client itself.
//!
//! * [`documents`] are the requests and responses. The server uses the same types.
//! * [`Client`] moves ciphertexts and bytes over HTTPS. It knows no secret: its caller encrypts and decrypts.

pub mod documents;
#[cfg(feature = "fingerprint")]
pub mod fingerprint;
#[cfg(feature = "http")]
mod http;

pub use documents::*;
#[cfg(feature = "http")]
pub use http::*;
