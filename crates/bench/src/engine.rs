//! `tapetum bench engine`: the operations on ciphertexts, and the transforms below them.

use std::fmt;

use clap::Args;
use tapetum::{Progress, Result};

use super::operations::{self, Row};
use super::options::{Runs, Threads};
use super::report::{Report, Rows};
use super::sets::Set;
use super::table::{self, Column};

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
    #[command(flatten)]
    pub threads: Threads,
    #[command(flatten)]
    pub runs: Runs,
}

const COLUMNS: [Column<Row>; 5] = [
    ("operation", -20, |row| row.op.to_owned()),
    ("primes", 6, |row| row.primes.to_string()),
    ("CPU ms", 12, |row| format!("{:.3}", row.cpu_ms)),
    ("least CPU ms", 12, |row| format!("{:.3}", row.least_cpu_ms)),
    ("wall ms", 12, |row| format!("{:.3}", row.wall_ms)),
];

/// Measures every operation with every parameter set.
pub fn measure(args: &Engine, steps: &dyn Progress) -> Result<Report<Rows<Row>>> {
    let threads = args.threads.threads;
    let measure = |&set: &Set| {
        let measure = || operations::measure(set, args.runs.meter(), threads, steps);
        args.threads.run(measure)
    };
    Report::measure(|| {
        let rows = args.sets.iter().map(measure).collect::<Result<Vec<_>>>()?;
        Ok(Rows {
            rows: rows.into_iter().flatten().collect(),
        })
    })
}

impl fmt::Display for Rows<Row> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rows in self
            .rows
            .chunk_by(|a, b| (a.log_n, a.threads) == (b.log_n, b.threads))
        {
            let first = &rows[0];
            let threads = if first.threads == 1 {
                "thread"
            } else {
                "threads"
            };
            writeln!(
                f,
                "\nN = 2^{}, log QP = {:.0}, {} digits, {} {threads}, {} runs\n{}",
                first.log_n,
                first.log_qp,
                first.dnum,
                first.threads,
                first.runs,
                table::head(&COLUMNS)
            )?;
            for row in rows {
                writeln!(f, "{}", table::row(&COLUMNS, row))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::keys;
    use super::*;

    #[test]
    fn every_operation_is_measured_once() {
        let args = Engine {
            sets: vec![Set::N13],
            threads: Threads { threads: 2 },
            runs: Runs { runs: 1 },
        };
        let report = measure(&args, &tapetum::Silent).unwrap();
        let operations: Vec<_> = report.found.rows.iter().map(|row| row.op).collect();
        let expected = "ntt_forward ntt_inverse encode encrypt decrypt_decode add mul_plain mul_relin \
                        rescale rotate rotate_hoisted_8 combinations_16x16 combinations_8_bit \
                        residue_matrices linear_transform_64";
        assert_eq!(operations.join(" "), expected);
        for row in &report.found.rows {
            assert!(row.cpu_ms > 0.0 && row.wall_ms > 0.0, "{}", row.op);
            assert!(row.least_cpu_ms <= row.cpu_ms, "{}", row.op);
            assert_eq!((row.log_n, row.threads, row.runs), (13, 2, 1));
        }
    }

    fn report() -> Report<Rows<Row>> {
        let row = |op, log_n| Row {
            op,
            log_n,
            primes: 16,
            log_qp: 844.0,
            dnum: 4,
            threads: 1,
            cpu_ms: 1.25,
            wall_ms: 1.5,
            runs: 9,
            least_cpu_ms: 1.0,
        };
        Report {
            machine: "a machine".to_owned(),
            kernel: "portable".to_owned(),
            found: Rows {
                rows: vec![row("add", 14), row("rotate", 14), row("add", 15)],
            },
        }
    }

    #[test]
    fn json_has_exactly_the_agreed_fields() {
        let value = serde_json::to_value(report()).unwrap();
        assert_eq!(keys(&value), "kernel machine rows");
        assert_eq!(
            keys(&value["rows"][0]),
            "cpu_ms dnum log_n log_qp op primes runs threads wall_ms"
        );
    }

    #[test]
    fn the_table_has_a_head_for_each_set() {
        let text = report().to_string();
        assert_eq!(text.matches("log QP").count(), 2);
        assert_eq!(text.matches("\nadd ").count(), 2);
        assert!(
            text.contains("rotate                   16        1.250        1.000        1.500")
        );
    }
}
