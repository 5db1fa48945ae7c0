//! `tapetum bench scaling`: what further threads are worth.
//!
//! On a machine that is shared with others, two cores are not always worth two. So rounds of one thread, of
//! several, and of as many *independent* streams of the same operation, each with one thread, follow each other.
//! What the streams gain is what the machine gives in that moment; what the threads gain beside it is what
//! the engine makes of it.

use std::fmt;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::RangedU64ValueParser;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::Serialize;
use tapetum::Result;
use tapetum_ckks::{Ciphertext, KeyPlan, LinearTransform, SecretKey};

use super::operations::{evaluator, matrix_of_64_diagonals, pair};
use super::options::up_to;
use super::report::{Report, Rows};
use super::sets::Set;
use tapetum::progress::Progress;

/// The least that a measurement of a round takes.
const SHORTEST: Duration = Duration::from_millis(150);
/// A round is quiet if as many independent streams gain this part of what as many cores can.
const QUIET: f64 = 0.95;

/// Arguments of `bench scaling`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum bench scaling
  tapetum bench scaling --threads 4 --rounds 100 --json

Gains are medians. Those of quiet rounds are of rounds in which independent streams gain 95 % of what as many
cores can: in the others somebody else uses the machine.")]
pub struct Scaling {
    /// How many threads to compare with one.
    #[arg(long, default_value_t = 2, value_parser = RangedU64ValueParser::<usize>::new().range(2..=256))]
    pub threads: usize,
    /// How often all is measured.
    #[arg(long, default_value_t = 60, value_parser = up_to(10_000))]
    pub rounds: usize,
}

/// One operation.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The operation.
    pub op: &'static str,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// How many threads and streams.
    pub threads: usize,
    /// Median time of one thread, in milliseconds on the wall's clock.
    pub one_thread_ms: f64,
    /// Over all rounds.
    pub all: Gains,
    /// Over the quiet ones.
    pub quiet: Gains,
}

/// How many times faster than one thread.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Gains {
    /// Rounds that these are the medians of.
    pub rounds: usize,
    /// Of several threads on one operation.
    pub threads: Option<f64>,
    /// Of as many independent streams.
    pub streams: Option<f64>,
}

/// Measures.
pub fn measure(args: &Scaling, steps: &dyn Progress) -> Result<Report<Rows<Row>>> {
    Report::measure(|| {
        Ok(Rows {
            rows: vec![mul_relin(args, steps)?, linear_transform(args, steps)?],
        })
    })
}

fn mul_relin(args: &Scaling, steps: &dyn Progress) -> Result<Row> {
    let parameters = Set::N15.parameters()?;
    let secret = SecretKey::generate(&parameters)?;
    let (_, [a, b]) = pair(&secret)?;
    let plan = KeyPlan::new(&parameters).relinearization();
    let evaluator = evaluator(&secret, &plan, |_| ())?;
    let call = || Ok(evaluator.mul_relin(&a, &b)?);
    rounds("mul_relin", parameters.log_n(), args, steps, call)
}

fn linear_transform(args: &Scaling, steps: &dyn Progress) -> Result<Row> {
    let parameters = Set::N14.parameters()?;
    let secret = SecretKey::generate(&parameters)?;
    let (encoder, [a, _]) = pair(&secret)?;
    let matrix = matrix_of_64_diagonals(&parameters)?;
    let transform = LinearTransform::new(&encoder, &matrix, a.level())?;
    let plan = KeyPlan::new(&parameters).rotations(transform.rotations());
    let evaluator = evaluator(&secret, &plan, |_| ())?;
    let call = || Ok(evaluator.linear_transform(&a, &transform)?);
    rounds("linear_transform_64", parameters.log_n(), args, steps, call)
}

fn rounds(
    op: &'static str,
    log_n: u32,
    args: &Scaling,
    steps: &dyn Progress,
    call: impl Fn() -> Result<Ciphertext> + Sync,
) -> Result<Row> {
    let pool = |threads| ThreadPoolBuilder::new().num_threads(threads).build();
    let threads = args.threads;
    let several = pool(threads)?;
    let alone = (0..threads)
        .map(|_| pool(1))
        .collect::<Result<Vec<_>, _>>()?;
    // Warm, and long enough to measure.
    let once = Instant::now();
    several.install(&call)?;
    let calls = (SHORTEST.as_secs_f64() / once.elapsed().as_secs_f64()).ceil() as usize;
    let step = steps.begin(op);
    let (mut found, mut one_thread) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        let one = seconds(&alone[..1], calls, &call)?;
        let many = seconds(std::slice::from_ref(&several), calls, &call)?;
        let streams = seconds(&alone, calls, &call)?;
        found.push((one / many, threads as f64 * one / streams));
        one_thread.push(1e3 * one / calls as f64);
        step.advance(round + 1, args.rounds);
    }
    step.finish();
    let quiet = |(_, streams): &(f64, f64)| *streams >= QUIET * threads as f64;
    Ok(Row {
        op,
        log_n,
        threads,
        one_thread_ms: median(one_thread).unwrap_or(0.0),
        quiet: Gains::of(found.iter().copied().filter(quiet).collect()),
        all: Gains::of(found),
    })
}

/// How long it takes until each of these pools has finished so many calls.
fn seconds(
    pools: &[ThreadPool],
    calls: usize,
    call: &(impl Fn() -> Result<Ciphertext> + Sync),
) -> Result<f64> {
    let started = Instant::now();
    let stream = |pool: &ThreadPool| pool.install(|| (0..calls).try_for_each(|_| call().map(drop)));
    std::thread::scope(|scope| {
        let streams: Vec<_> = pools
            .iter()
            .map(|pool| scope.spawn(move || stream(pool)))
            .collect();
        let ended = streams.into_iter().map(|stream| match stream.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.collect::<Result<Vec<_>>>()
    })?;
    Ok(started.elapsed().as_secs_f64())
}

impl Gains {
    fn of(rounds: Vec<(f64, f64)>) -> Self {
        let count = rounds.len();
        let (threads, streams) = rounds.into_iter().unzip();
        Self {
            rounds: count,
            threads: median(threads),
            streams: median(streams),
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

impl fmt::Display for Gains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.2}"));
        let (threads, streams) = (number(self.threads), number(self.streams));
        write!(f, "{:>8} {threads:>8} {streams:>8}", self.rounds)
    }
}

impl fmt::Display for Rows<Row> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:<20} {:>6} {:>7} {:>10}  {:>26}  {:>26}",
            "operation", "log N", "threads", "one, ms", "all rounds", "quiet rounds"
        )?;
        let columns = "  rounds  threads  streams";
        write!(f, "{:47} {columns:>26}  {columns:>26}", "")?;
        for row in &self.rows {
            write!(
                f,
                "\n{:<20} {:>6} {:>7} {:>10.2}  {}  {}",
                row.op, row.log_n, row.threads, row.one_thread_ms, row.all, row.quiet
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_operations_are_measured() {
        let args = Scaling {
            threads: 2,
            rounds: 1,
        };
        let report = measure(&args, &tapetum::Silent).unwrap();
        let ops: Vec<_> = report
            .found
            .rows
            .iter()
            .map(|row| (row.op, row.log_n))
            .collect();
        assert_eq!(ops, [("mul_relin", 15), ("linear_transform_64", 14)]);
        for row in &report.found.rows {
            assert!(row.one_thread_ms > 0.0 && row.all.threads.unwrap() > 0.0);
            assert!(row.quiet.rounds <= row.all.rounds);
        }
        assert!(report.to_string().contains("mul_relin"));
    }
}
