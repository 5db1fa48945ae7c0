//! Options that several commands share.

#[cfg(feature = "remote")]
mod connection;
mod keys;
mod memory;
mod passphrase;
mod samples;
#[cfg(feature = "server")]
mod server;

#[cfg(feature = "remote")]
pub use connection::Connection;
pub use keys::{FeaturesAre, Kind, LearnerName};
pub use memory::memory_size;
pub use passphrase::{new_passphrase, open_network_owner, open_owner};
pub use samples::{ClassWeight, Part, Parts, Source, Table};
#[cfg(feature = "server")]
pub use server::{LogFormat, Place, Power, end_wanted, failed};
