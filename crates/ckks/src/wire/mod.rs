//! Files: everything that one side hands to another, as bytes.
//!
//! Parameters, keys, plaintexts, ciphertexts and [`Bundle`]s of ciphertexts have `to_bytes` and
//! `write`, `from_bytes` and `read`. Each file says what it holds and to which parameters it
//! belongs, and ends with a checksum. Uniform halves of keys, and of ciphertexts fresh from the
//! secret key, are written as seeds. `docs/wire-format.md` has the layout to the byte.
//!
//! Bytes to be read are hostile. Every read ends with an object whose parts all fit the
//! parameters, or with a [`WireError`]; memory grows only with bytes that have arrived, except for
//! the tables of parameters that a file brings along (at most about 600 MB, for N = 2^17).
//! A checksum is not a signature: it finds damage, not forgery.
//!
//! `read` takes what it needs from the reader and leaves the rest, so that objects can follow each
//! other; `from_bytes` refuses bytes that follow. [`inspect`] tells what a file holds without
//! reading it all.
//!
//! ```
//! use tapetum_ckks::*;
//!
//! let parameters = Parameters::preset(Preset::N12);
//! let secret = SecretKey::generate(&parameters)?;
//! let message = Encoder::new(&parameters).encode(&[0.5], 0)?;
//! let ciphertext = Encryptor::with_secret_key(&secret).encrypt(&message)?;
//!
//! let bytes = ciphertext.to_bytes();
//! assert_eq!(Ciphertext::from_bytes(&parameters, &bytes)?, ciphertext);
//!
//! let error = PublicKey::from_bytes(&bytes).unwrap_err();
//! assert_eq!(error.to_string(), "this file holds a ciphertext, where a public key is expected");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bundle;
mod ciphertext;
mod container;
mod error;
mod evaluation_keys;
mod file_type;
mod inspect;
mod key_file;
mod methods;
mod open;
mod parameters;
mod public_key;
mod residues;
mod secret_key;
mod self_contained;

pub use bundle::{Bundle, BundleHeader, CiphertextRun, MAX_CIPHERTEXTS, MAX_METADATA_LEN};
pub use ciphertext::{CiphertextHeader, PlaintextHeader};
pub use container::FORMAT_VERSION;
pub use error::WireError;
pub use evaluation_keys::{EvaluationKeysHeader, GaloisKeyHeader, RelinearizationKeyHeader};
pub use file_type::FileType;
pub use inspect::{Header, Summary, inspect};
pub(crate) use key_file::KeyFile;
use methods::{bound_methods, self_contained_methods, typed, writing_methods};
pub use parameters::{KeyHeader, ParametersHeader};
