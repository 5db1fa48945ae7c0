//! `tapetum bench greater-than`: 2^15 pairs of encrypted numbers compared at once, and whether all
//! decided pairs come out right.

use std::fmt;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde::Serialize;
use tapetum::Result;
use tapetum_ckks::{
    Ciphertext, Decryptor, Encoder, Encryptor, Evaluator, KeyGenerator, KeyPlan, Parameters,
    ParametersLiteral, Precision, SecretKey,
};

use super::options::{Runs, Threads};
use super::report::{Report, Rows};
use tapetum::progress::Progress;

/// Bits of a level.
const LOG_SCALE: u32 = 40;
/// Ring degree: 2^15 pairs.
const LOG_N: u32 = 16;
/// What encryption adds to the error of a comparison, at most.
const NOISE: f64 = 1.0 / 65536.0;

/// Arguments of `bench greater-than`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum bench greater-than --precision 8 --json

Half of the pairs differ by between 1/16 and 16 times the smallest difference that is decided.")]
pub struct GreaterThan {
    /// Differences from 2^-BITS on are decided.
    #[arg(long, value_name = "BITS", default_value_t = 8, value_parser = precision_bits())]
    pub precision: u32,
    #[command(flatten)]
    pub threads: Threads,
    #[command(flatten)]
    pub runs: Runs,
}

/// The precisions that there are.
pub fn precision_bits() -> RangedU64ValueParser<u32> {
    let range = u64::from(Precision::MIN_BITS)..=u64::from(Precision::MAX_BITS);
    RangedU64ValueParser::new().range(range)
}

/// One comparison of all pairs.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The operation.
    pub op: &'static str,
    /// Differences from 2^-this on are decided.
    pub precision_bits: u32,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// log2 of Q P.
    pub log_qp: f64,
    /// By the security table.
    pub security_bits: u32,
    /// Levels used up.
    pub levels: usize,
    /// Pairs compared at once.
    pub pairs: usize,
    /// Pairs whose difference is decided.
    pub decided: usize,
    /// Decided pairs that are further from the truth than is stated.
    pub wrong_decided: usize,
    /// The largest distance of a decided pair from 0 or 1.
    pub largest_error: f64,
    /// What it may be.
    pub stated_error: f64,
    /// Threads that computed.
    pub threads: usize,
    /// Runs that the times are the medians of.
    pub runs: usize,
    /// CPU time of all threads together, in milliseconds.
    pub cpu_ms: f64,
    /// Time on the wall's clock, in milliseconds.
    pub wall_ms: f64,
    /// CPU time a pair, in microseconds.
    pub cpu_us_per_pair: f64,
}

/// Measures.
pub fn measure(args: &GreaterThan, steps: &dyn Progress) -> Result<Report<Rows<Row>>> {
    Report::measure(|| {
        let row = args.threads.run(|| row(args, LOG_N, steps))?;
        Ok(Rows { rows: vec![row] })
    })
}

fn row(args: &GreaterThan, log_n: u32, steps: &dyn Progress) -> Result<Row> {
    let precision = Precision::new(args.precision)?;
    let mut literal = ParametersLiteral::for_levels(precision.levels(), LOG_SCALE)
        .expect("comparisons take few levels");
    literal.log_n = literal.log_n.max(log_n);
    let parameters = Parameters::new(literal)?;
    let secret = SecretKey::generate(&parameters)?;
    let plan = KeyPlan::new(&parameters).relinearization();
    let evaluator = Evaluator::with_keys(KeyGenerator::new(&secret)?.evaluation_keys(&plan)?);
    let encoder = Encoder::new(&parameters);
    let encryptor = Encryptor::with_secret_key(&secret);
    let (a, b) = pairs(parameters.slots(), precision);
    let encrypt = |values: &[f64]| -> Result<Ciphertext> {
        Ok(encryptor.encrypt(&encoder.encode(values, parameters.max_level())?)?)
    };
    let (x, y) = (encrypt(&a)?, encrypt(&b)?);

    let step = steps.begin(&format!("comparing {} pairs", a.len()));
    let greater = evaluator.greater_than(&x, &y, precision)?;
    let compare = |()| Ok(evaluator.greater_than(&x, &y, precision)?);
    let timing = args.runs.meter().time(|| (), compare)?;
    step.finish();

    let found = encoder.decode(&Decryptor::new(&secret).decrypt(&greater)?);
    let stated_error = 0.5 * precision.error() + NOISE;
    // Encryption moves the very threshold to either side.
    let errors: Vec<f64> = (0..a.len())
        .filter(|&i| (a[i] - b[i]).abs() >= precision.threshold() + NOISE)
        .map(|i| (found[i] - f64::from(u8::from(a[i] > b[i]))).abs())
        .collect();
    Ok(Row {
        op: "greater_than",
        precision_bits: args.precision,
        log_n: parameters.log_n(),
        log_qp: (10.0 * parameters.log_qp()).round() / 10.0,
        security_bits: parameters.security().bits(),
        levels: precision.levels(),
        pairs: a.len(),
        decided: errors.len(),
        wrong_decided: errors.iter().filter(|&&e| e > stated_error).count(),
        largest_error: errors.iter().copied().fold(0.0, f64::max),
        stated_error,
        threads: args.threads.threads,
        runs: timing.runs,
        cpu_ms: timing.cpu_ms,
        wall_ms: timing.wall_ms,
        cpu_us_per_pair: 1e3 * timing.cpu_ms / a.len() as f64,
    })
}

/// Numbers in [-1/2, 1/2]. Every other pair is as near to a tie as matters: its numbers differ by
/// between 2^-4 and 2^4 times the threshold.
fn pairs(count: usize, precision: Precision) -> (Vec<f64>, Vec<f64>) {
    let value = |i: usize, step: f64| 0.5 * (step * (i + 1) as f64).sin();
    let pair = |i: usize| {
        let a = value(i, 1.0);
        if i.is_multiple_of(2) {
            return (a, value(i, 1.7));
        }
        let octaves = 8.0 * i as f64 / count as f64 - 4.0;
        let distance = precision.threshold() * octaves.exp2();
        let up = if a > 0.0 { -distance } else { distance };
        // Towards the middle, or a little beyond the end.
        let other = if i % 4 == 1 { a + up } else { a - up };
        (a, other.clamp(-0.5, 0.5))
    };
    (0..count).map(pair).unzip()
}

impl fmt::Display for Rows<Row> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(
                f,
                "\ngreater_than, {} bits, {} pairs at once, N = 2^{}, {} levels, {} threads\n\
                 CPU {:.0} ms, wall {:.0} ms: {:.1} us of CPU a pair (medians of {} runs)\n\
                 {} pairs are decided, {} of them wrong; largest error {:.1e} of {:.1e}",
                row.precision_bits,
                row.pairs,
                row.log_n,
                row.levels,
                row.threads,
                row.cpu_ms,
                row.wall_ms,
                row.cpu_us_per_pair,
                row.runs,
                row.decided,
                row.wrong_decided,
                row.largest_error,
                row.stated_error
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_decided_pairs_are_right() {
        let args = GreaterThan {
            precision: 4,
            threads: Threads { threads: 1 },
            runs: Runs { runs: 1 },
        };
        let row = row(&args, 12, &tapetum::Silent).unwrap();
        assert_eq!((row.wrong_decided, row.levels), (0, 5));
        assert_eq!(row.pairs, 1 << (row.log_n - 1));
        assert!(row.decided > row.pairs / 2 && row.decided < row.pairs);
        assert!(row.largest_error > 0.9 * row.stated_error);
        assert!(row.cpu_us_per_pair > 0.0);
    }

    #[test]
    fn pairs_are_near_ties_on_both_sides() {
        let precision = Precision::new(8).unwrap();
        let (a, b) = pairs(1 << 15, precision);
        let near = |sign: f64| {
            let close = |d: f64| d > 0.0 && d < 2.0 * precision.threshold();
            a.iter()
                .zip(&b)
                .filter(|&(a, b)| close(sign * (a - b)))
                .count()
        };
        assert!(near(1.0) > 1000 && near(-1.0) > 1000);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1.0));
    }
}
