//! Options that several parts share.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use rayon::ThreadPoolBuilder;
use tapetum::Result;

use super::meter::Meter;

/// A number from 1 to `most`.
pub fn up_to(most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=most)
}

/// The threads of a measurement.
#[derive(Debug, Args)]
pub struct Threads {
    /// How many threads compute.
    #[arg(long, default_value_t = 1, value_parser = up_to(1024))]
    pub threads: usize,
}

impl Threads {
    /// Runs something with these threads.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let pool = ThreadPoolBuilder::new().num_threads(self.threads).build()?;
        pool.install(work)
    }
}

/// The runs of a measurement.
#[derive(Debug, Args)]
pub struct Runs {
    /// How often everything is measured; a warm-up comes on top.
    #[arg(long, default_value_t = 9, value_parser = up_to(1000))]
    pub runs: usize,
}

impl Runs {
    /// A meter that takes its figures from them.
    pub fn meter(&self) -> Meter {
        Meter::new(self.runs)
    }
}
