//! `tapetum bench`: how long the operations of the engine, and whole trainings, take on this
//! machine.
//!
//! Of the engine, CPU time is what is compared, because it says the same on a busy machine as on a
//! quiet one, or nearly so. `docs/benchmarks.md` says how the figures are made and what they are
//! held against.

mod argmax;
mod bootstrap;
mod greater_than;
mod meter;
mod operations;
mod report;
mod scaling;
#[cfg(feature = "service")]
mod service;
mod sets;
mod training;

use std::fmt::Display;

use clap::{Args, Subcommand, builder::RangedU64ValueParser};
use rayon::ThreadPoolBuilder;
use serde::Serialize;
use tapetum::{Error, ErrorKind, Progress, Result};
use tapetum_ckks::kernel::Kernel;

use argmax::Argmax;
use greater_than::GreaterThan;
pub use greater_than::precision_bits;
use meter::Meter;
use report::Report;
use scaling::Scaling;
#[cfg(feature = "service")]
use service::Service;
use sets::Set;
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
    Bootstrap(bootstrap::Bootstrap),
    /// Measure comparisons of encrypted numbers, and whether they are right.
    GreaterThan(GreaterThan),
    /// Measure encrypted labels: the largest of several scores, for many images at once.
    Argmax(Argmax),
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

/// Arguments of `bench engine`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum bench engine
  tapetum bench engine --sets n14,n15 --threads 2 --runs 21
  tapetum bench engine --json > engine.json

A figure is the median over the runs. n16 needs about 8 GB of memory.")]
pub struct Engine {
    /// The parameter sets.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "n13,n14,n15,n16"
    )]
    pub sets: Vec<Set>,
    /// How many threads compute.
    #[arg(long, default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub threads: usize,
    /// How often everything is measured; a warm-up comes on top.
    #[arg(long, default_value_t = 9, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    pub runs: usize,
}

/// Measures.
pub fn run(args: &Bench, steps: &dyn Progress) -> Result<Measured> {
    match &args.part {
        Part::Engine(args) => Measured::new(&engine(args, steps)?),
        Part::Scaling(args) => Measured::new(&scaling::measure(args, steps)?),
        Part::Bootstrap(args) if args.plan => Measured::new(&bootstrap::estimate(args)?),
        Part::Bootstrap(args) => Measured::new(&bootstrap::run(args, steps)?),
        Part::GreaterThan(args) => Measured::new(&greater_than::measure(args, steps)?),
        Part::Argmax(args) => Measured::new(&argmax::measure(args, steps)?),
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

fn engine(args: &Engine, steps: &dyn Progress) -> Result<Report> {
    let kernel = Kernel::from_environment()?;
    let pool = ThreadPoolBuilder::new().num_threads(args.threads).build()?;
    let meter = Meter::new(args.runs);
    let mut rows = Vec::new();
    for &set in &args.sets {
        rows.extend(pool.install(|| operations::measure(set, meter, args.threads, steps))?);
    }
    Ok(Report::new(kernel.name(), rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_measured_once() {
        let args = Engine {
            sets: vec![Set::N13],
            threads: 2,
            runs: 1,
        };
        let report = engine(&args, &tapetum::Silent).unwrap();
        let operations: Vec<_> = report.rows.iter().map(|row| row.op).collect();
        let expected = [
            "ntt_forward",
            "ntt_inverse",
            "encode",
            "encrypt",
            "decrypt_decode",
            "add",
            "mul_plain",
            "mul_relin",
            "rescale",
            "rotate",
            "rotate_hoisted_8",
            "linear_transform_64",
        ];
        assert_eq!(operations, expected);
        for row in &report.rows {
            assert!(row.cpu_ms > 0.0 && row.wall_ms > 0.0, "{}", row.op);
            assert!(row.least_cpu_ms <= row.cpu_ms, "{}", row.op);
            assert_eq!((row.log_n, row.threads, row.runs), (13, 2, 1));
        }
    }
}
