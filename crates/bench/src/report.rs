//! What was measured, as JSON and as a table.

use std::fmt;
use std::fs;
use std::thread::available_parallelism;

use serde::Serialize;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where.
    pub machine: String,
    /// The kernels that ran.
    pub kernel: &'static str,
    /// One row for each operation and parameter set.
    pub rows: Vec<Row>,
}

/// One operation with one parameter set.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The operation.
    pub op: &'static str,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// The primes that the operand has: those of Q, or 1 for transforms.
    pub primes: usize,
    /// log2 of Q P of the parameter set.
    pub log_qp: f64,
    /// The digits of its key switches.
    pub dnum: usize,
    /// Threads that computed.
    pub threads: usize,
    /// Median of the CPU time of all threads together, in milliseconds.
    pub cpu_ms: f64,
    /// Median of the time on the wall's clock, in milliseconds.
    pub wall_ms: f64,
    /// How many runs that is from.
    pub runs: usize,
    /// The least CPU time; for people only.
    #[serde(skip)]
    pub least_cpu_ms: f64,
}

impl Report {
    /// What was measured on this machine.
    pub fn new(kernel: &'static str, rows: Vec<Row>) -> Self {
        Self {
            machine: machine(),
            kernel,
            rows,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; kernel: {}", self.machine, self.kernel)?;
        let mut shape = None;
        for row in &self.rows {
            let new = Some((row.log_n, row.threads));
            if shape != new {
                shape = new;
                let threads = if row.threads == 1 {
                    "thread"
                } else {
                    "threads"
                };
                writeln!(
                    f,
                    "\nN = 2^{}, log QP = {:.0}, {} digits, {} {threads}, {} runs\n\
                     {:<20} {:>6} {:>12} {:>12} {:>12}",
                    row.log_n,
                    row.log_qp,
                    row.dnum,
                    row.threads,
                    row.runs,
                    "operation",
                    "primes",
                    "CPU ms",
                    "least CPU ms",
                    "wall ms"
                )?;
            }
            writeln!(
                f,
                "{:<20} {:>6} {:>12.3} {:>12.3} {:>12.3}",
                row.op, row.primes, row.cpu_ms, row.least_cpu_ms, row.wall_ms
            )?;
        }
        Ok(())
    }
}

/// Processor, number of threads it runs at once, and system.
pub fn machine() -> String {
    let cores = available_parallelism().map_or(1, |n| n.get());
    format!(
        "{}, {cores} cores, {} {}",
        processor().unwrap_or_else(|| "unknown processor".to_owned()),
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

/// The processor's name, where the system tells it in a file.
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.trim().to_owned())
}

/// The most memory that this process has had at once, where the system tells it in a file.
pub fn peak_rss() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
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
        Report::new(
            "portable",
            vec![row("add", 14), row("rotate", 14), row("add", 15)],
        )
    }

    #[test]
    fn json_has_exactly_the_agreed_fields() {
        let value = serde_json::to_value(report()).unwrap();
        let keys = |value: &serde_json::Value| {
            let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys.join(" ")
        };
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
