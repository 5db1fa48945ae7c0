//! Short programs to learn from, in this order:
//!
//! * `train_encrypted.rs`: train a classifier on encrypted images, and classify others with it.
//! * `three_roles.rs`: the same by owner, contributor and server, each with its own directory.
//! * `plain_model.rs`: a provider's model in the clear classifies images that it cannot see.
//! * `thermometers.rs`: the scheme below, with encrypted numbers instead of images.
//!
//! `cargo run --release -p tapetum-examples --example train_encrypted` runs the first. What the README
//! and the pages of `docs/` show of Rust is compiled here; `docs/networks.md` shows `tapetum-nets`, and is compiled there.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(doctest)]
#[doc = include_str!("../docs/learning.md")]
mod learning {}

#[cfg(doctest)]
#[doc = include_str!("../docs/architecture.md")]
mod architecture {}

#[cfg(doctest)]
#[doc = include_str!("../docs/design.md")]
mod design {}

#[cfg(doctest)]
#[doc = include_str!("../docs/bootstrapping.md")]
mod bootstrapping {}
