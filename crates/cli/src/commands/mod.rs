//! One file per command: its arguments, what it does, what it prints.

pub mod bench;
pub mod classify;
pub mod decrypt;
pub mod demo;
pub mod encrypt;
pub mod features;
pub mod inspect;
pub mod keygen;
pub mod net;
pub mod simulate;
pub mod train;

#[cfg(not(all(feature = "remote", feature = "server")))]
mod absent;
#[cfg(feature = "server")]
pub mod audit;
#[cfg(feature = "server")]
pub mod backup;
#[cfg(feature = "remote")]
pub mod remote;
#[cfg(feature = "server")]
pub mod restore;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod tenant;
#[cfg(feature = "server")]
pub mod worker;

#[cfg(not(feature = "remote"))]
pub use absent::remote;
#[cfg(not(feature = "server"))]
pub use absent::{audit, backup, restore, serve, tenant, worker};
