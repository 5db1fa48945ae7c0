//! The owner's side in a browser, as WebAssembly: a secret key is loaded or made, a picture becomes features and a
//! ciphertext, and the encrypted scores that come back become a prediction. It is the same way from pixels to
//! ciphertext as the command's, through the same crates.
//!
//! Nothing here reaches a network. The page around it (`page/`) runs this in a worker that may not either, and sends
//! what [`Owner::encrypt`] gives.
//!
//! [`bindings`] is what JavaScript sees; all else is plain Rust, and tested as such.

pub mod bindings;
mod error;
mod model;
mod network_key;
mod outline;
mod owner;
mod picture;
mod silhouettes;
mod training;

pub use error::PageError;
pub use model::Model;
pub use network_key::{NetworkDescription, NetworkKey, NetworkView};
pub use owner::{Owner, Prediction};
pub use picture::Picture;
pub use silhouettes::Silhouettes;
pub use training::Training;
