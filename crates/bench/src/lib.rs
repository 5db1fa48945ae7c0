//! `tapetum bench`: how long the operations of the engine, and whole trainings, take on this
//! machine.
//!
//! Of the engine, CPU time is what is compared, because it says the same on a busy machine as on a
//! quiet one, or nearly so. `docs/benchmarks.md` says how the figures are made and what they are
//! held against.

mod argmax;
mod bootstrap;
mod engine;
mod greater_than;
mod meter;
mod nets;
mod operations;
mod options;
mod products;
mod report;
mod scaling;
#[cfg(feature = "service")]
mod service;
mod sets;
mod table;
mod training;

use std::fmt::Display;

use clap::{Args, Subcommand};
use serde::Serialize;
use tapetum::{Error, ErrorKind, Progress, Result};

use argmax::Argmax;
use bootstrap::Bootstrap;
use engine::Engine;
use greater_than::GreaterThan;
pub use greater_than::precision_bits;
use nets::Nets;
use scaling::Scaling;
#[cfg(feature = "service")]
use service::Service;
use training::Training;

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// What to measure.
    #[command(subcommand)]
    pub part: Part,
}

/// A part of Tapetum that can be measured.
#[derive(Debug, Subcommand)]
pub enum Part {
    /// Measure the operations on ciphertexts, and the transforms below them.
    Engine(Engine),
    /// Measure what further threads are worth.
    Scaling(Scaling),
    /// Measure how ciphertexts get new levels: time, precision and memory.
    Bootstrap(Bootstrap),
    /// Measure comparisons of encrypted numbers, and whether they are right.
    GreaterThan(GreaterThan),
    /// Measure encrypted labels: the largest of several scores, for many images at once.
    Argmax(Argmax),
    /// Classify encrypted images by convolutional networks.
    Nets(Nets),
    /// Train and classify encrypted public data sets.
    Training(Training),
    /// Measure a server that classifies, for one client and for many at once.
    #[cfg(feature = "service")]
    Service(Service),
}

/// What was measured, for scripts and for people.
pub struct Measured {
    /// One JSON object.
    pub json: serde_json::Value,
    /// The same as text.
    pub text: String,
    /// What could not be measured, if anything.
    pub failure: Option<String>,
}

impl Measured {
    fn new(report: &(impl Serialize + Display)) -> Result<Self> {
        Ok(Self {
            json: serde_json::to_value(report)?,
            text: report.to_string(),
            failure: None,
        })
    }

    /// Fails if something could not be measured, once the rest has been told.
    pub fn check(self) -> Result<()> {
        match self.failure {
            Some(failure) => Err(Error::new(ErrorKind::Unexpected, failure)),
            None => Ok(()),
        }
    }
}

/// Measures.
pub fn run(args: &Bench, steps: &dyn Progress) -> Result<Measured> {
    match &args.part {
        Part::Engine(args) => Measured::new(&engine::measure(args, steps)?),
        Part::Scaling(args) => Measured::new(&scaling::measure(args, steps)?),
        Part::Bootstrap(args) if args.plan => Measured::new(&bootstrap::estimate(args)?),
        Part::Bootstrap(args) => Measured::new(&bootstrap::run(args, steps)?),
        Part::GreaterThan(args) => Measured::new(&greater_than::measure(args, steps)?),
        Part::Argmax(args) => Measured::new(&argmax::measure(args, steps)?),
        Part::Nets(args) => Measured::new(&nets::measure(args, steps)?),
        #[cfg(feature = "service")]
        Part::Service(args) => {
            let report = service::measure(args, steps)?;
            Ok(Measured {
                failure: report.failure(),
                ..Measured::new(&report)?
            })
        }
        Part::Training(args) => {
            let (report, failure) = training::run(args, steps)?;
            Ok(Measured {
                failure,
                ..Measured::new(&report)?
            })
        }
    }
}
