//! The server's side: a network in the clear on encrypted images. It has evaluation keys, and no other.

mod encoded;
mod matrix;
mod range;

pub use encoded::EncodedNetwork;
