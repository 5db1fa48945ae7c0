//! Arithmetic and comparison of encrypted vectors, with levels, scales and keys taken care of.
//!
//! Two sides, and a third for those who only give:
//!
//! * the [`Owner`] makes keys, encrypts vectors and decrypts results;
//! * a [`Contributor`] holds the public key and encrypts, nothing else;
//! * a [`Server`] holds evaluation keys and computes on [`ServerVector`]s: `+`, `-`, `*` and
//!   [`greater_than`](ServerVector::greater_than) with encrypted and plain operands, and what can
//!   be made of them. It cannot name a secret key, and nothing that it has reveals a value.
//!
//! ```
//! use tapetum_ckks::scheme::{Owner, Settings};
//!
//! // The owner.
//! let owner = Owner::new(&Settings::new(4).levels(8).bound(10.0))?;
//! let x = owner.encrypt(&[1.0, 2.0, 3.0, 4.0])?;
//!
//! // The server.
//! let server = owner.server()?;
//! let x = server.load(&x);
//! let y = &x * &x - 2.0 * &x + [0.5, 0.5, 0.5, -8.0];
//! let result = y.finish()?;
//!
//! // The owner again.
//! let y = owner.decrypt(&result)?;
//! for (found, expected) in y.iter().zip([-0.5, 0.5, 3.5, 0.0]) {
//!     assert!((found - expected).abs() < 1e-4);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Errors are carried
//!
//! An operator must give a value, and a formula full of `?` is no formula any more. So a vector
//! that could not be computed is in an error state, which spreads to everything that is computed
//! from it, as a NaN does. It cannot be overlooked: the only way out of an
//! [`ServerVector`] is [`finish`](ServerVector::finish), which gives the first error with the
//! operation and the line of the program that caused it. (Operators on `Result`s cannot be
//! had: both the traits and the type are of the standard library.)
//!
//! # What has to be known
//!
//! * All vectors of a scheme have one length, [`Settings::new`].
//! * All values, those in between included, must stay within the [bound](Settings::bound). What
//!   is encrypted, added or subtracted is checked, and so is what is decrypted; values in between, under
//!   encryption, cannot be.
//! * A vector carries its length and bound: other settings refuse it. One that was encrypted for another
//!   owner is refused when it is decrypted.
//! * Products of encrypted numbers, and products with plain ones that are not integers, use up one
//!   [level](Settings::levels) each time that one is computed from another; comparisons use up
//!   more. When levels run out, the error says how many to ask for; or the vector is bootstrapped
//!   ([`Bootstrapping::Automatic`]), and computations may be as long as they like.
//! * Results are approximate: to about 2^-25 of the bound after a few operations, and
//!   comparisons within [`Precision`](crate::Precision). They are rounded to a step 256 times as large
//!   ([`Rounding`](crate::Rounding)), because all digits together would tell the secret key;
//!   [`decrypt_exact`](Owner::decrypt_exact) does not round.

mod arithmetic;
mod encrypted;
mod error;
mod operand;
mod operators;
mod owner;
mod server;
mod settings;
mod stamp;
mod value;
mod vector;

pub use encrypted::EncryptedVector;
pub use error::{Cause, SchemeError, VectorError};
pub use operand::Operand;
pub use owner::{Contributor, Owner};
pub use server::Server;
pub use settings::{Bootstrapping, Settings};
pub use vector::ServerVector;

/// Bits of a level.
const LOG_SCALE: u32 = 40;
