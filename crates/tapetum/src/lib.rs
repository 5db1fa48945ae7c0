//! Train image classifiers on encrypted images, classify encrypted images.
//!
//! Three roles work together, and each sees what it may see: the [`Owner`] holds the secret key,
//! [`Contributor`]s encrypt images and labels, a [`Server`] trains and classifies what it cannot see.
//! A [`Plan`] is what they agree on. Roles are values in memory, or [`folders`] of files.
//!
//! ```
//! use tapetum::learn::EstimatorConfig;
//! use tapetum::vision::embedded;
//! use tapetum::{Owner, Plan, Server, Silent};
//!
//! let animals = embedded::animal_shapes()?.without_repeats().0;
//! let split = animals.one_vs_rest("cat", true, 1)?.split_counts(64, 32, 1)?;
//!
//! let plan = Plan::for_images(EstimatorConfig::LinearMeans, "pixels:4", split.train.len())?;
//! let mut owner = Owner::generate(&plan)?;
//! let server = Server::new(&plan, owner.evaluation_keys(&Silent)?)?;
//!
//! let model = server.fit(&owner.encrypt(&split.train, &Silent)?, &Silent)?;
//! let samples = owner.encrypt_samples(split.test.samples(), &Silent)?;
//! let scores = server.decision_function(&model, &samples, &Silent)?;
//! let found = owner.predict(&scores)?;
//!
//! let right = found.iter().zip(split.test.labels()).filter(|(found, label)| found == label);
//! assert!(right.count() > 16);
//! # Ok::<(), tapetum::Error>(())
//! ```

pub mod contributor;
mod encrypted;
mod error;
pub mod escape;
pub mod folders;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod networks;
pub mod owner;
pub mod plan;
pub mod pooled;
pub mod predictions;
pub mod progress;
#[cfg(feature = "remote")]
pub mod remote;
pub mod samples;
pub mod server;
mod server_side;
pub mod simulate;
pub mod units;

pub use tapetum_ckks as ckks;
pub use tapetum_learn as learn;
pub use tapetum_vision as vision;

pub use contributor::Contributor;
pub use encrypted::{EncryptedDataSet, EncryptedSamples};
pub use error::{Context, Error, ErrorKind, Result};
pub use owner::Owner;
pub use plan::{Plan, PlanOptions};
pub use predictions::Predictions;
pub use progress::{Progress, Silent, Step};
pub use server::Server;
pub use server_side::ServerSide;
