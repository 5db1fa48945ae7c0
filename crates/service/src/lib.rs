//! A server that trains and classifies encrypted images for people who do not trust it.
//!
//! The server holds evaluation keys and ciphertexts. It has no way to name a secret key: this crate does not
//! use the type, and refuses the file. Clients (`tapetum-client`) talk to it over HTTPS; `docs/service.md` has the
//! interface, the layout of the data folder and what operators can set.
//!
//! [`Server`] serves a data folder, with workers in the same process or in a [`WorkerProcess`].

mod api;
mod backup;
mod computing;
mod config;
mod connections;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod id;
mod job;
mod jobs;
mod key_cache;
mod limiter;
mod memory;
mod metrics;
mod network_cache;
mod pace;
mod server;
mod state;
mod store;
mod tls;
mod token_cache;
mod watched;

pub use backup::{BackupError, Manifest};
pub use config::{Config, Limits, PageSource, Work};
pub use error::{Error, ErrorKind, StartError};
pub use server::{Operator, Server, WorkerProcess};
pub use store::audit;
