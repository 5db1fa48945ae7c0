//! Time, precision and memory of bootstrapping.

mod estimate;
mod parties;

use std::fmt;
use std::process::Command;
use std::time::Instant;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use cpu_time::ProcessTime;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::{Deserialize, Serialize};
use tapetum::{Context, Error, Result};
use tapetum_ckks::{BootstrappingPlan, Parameters, Preset, SlotKind};

use self::parties::{Errors, Numbers, Parties};
use super::meter::median;
use super::options::up_to;
use super::report::{Report, peak_rss};
use super::table::{self, Column};
use tapetum::progress::Progress;
use tapetum::units::bytes;

pub use self::estimate::estimate;

/// Arguments of `bench bootstrap`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum bench bootstrap --plan
  tapetum bench bootstrap
  tapetum bench bootstrap --slots 4096 --kind real --runs 100
  tapetum bench bootstrap --slots 32768 --threads 1,2
  tapetum bench bootstrap --slots 32768 --chain 50 --json > chain.json

Every run takes other random numbers in [-1, 1]. Times are medians over the runs, after a warm-up;
bits are those of the mean and of the worst error over all runs and slots. It needs about 10 GB of
memory.")]
pub struct Bootstrap {
    /// How many slots the vectors have; those with fewer than 32768 repeat.
    #[arg(long, value_delimiter = ',', default_value = "32768,4096", value_parser = RangedU64ValueParser::<usize>::new().range(2..=32768))]
    pub slots: Vec<usize>,
    /// What is in the slots.
    #[arg(long, value_enum, default_value = "complex")]
    pub kind: Kind,
    /// How many threads compute. Several numbers take turns in each run.
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = up_to(1024))]
    pub threads: Vec<usize>,
    /// How many random vectors are refreshed.
    #[arg(long, default_value_t = 5, value_parser = up_to(10_000))]
    pub runs: usize,
    /// Refresh one ciphertext this often in a row, and tell its error after each time.
    #[arg(long, value_name = "TIMES", value_parser = up_to(10_000))]
    pub chain: Option<usize>,
    /// Only count what it will cost: keys, memory, time.
    #[arg(long)]
    pub plan: bool,
}

/// What is in the slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Real numbers: half of the work of EvalMod.
    Real,
    /// Complex numbers.
    Complex,
}

impl Kind {
    fn slot_kind(self) -> SlotKind {
        match self {
            Self::Real => SlotKind::Real,
            Self::Complex => SlotKind::Complex,
        }
    }
}

/// What was measured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Measurements {
    rows: Vec<Row>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chain: Vec<Link>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    log_n: u32,
    slots: usize,
    threads: usize,
    cpu_s: f64,
    wall_s: f64,
    /// Between the level of a refreshed ciphertext and the lowest that can be refreshed again.
    levels_left: usize,
    bits_mean: f64,
    bits_worst: f64,
    keys_bytes: u64,
    peak_rss_bytes: u64,
    security_bits: u32,
    /// How many random vectors that is from.
    runs: usize,
}

/// The error after some bootstrappings in a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Link {
    slots: usize,
    times: usize,
    bits_mean: f64,
    bits_worst: f64,
}

/// Measures, each number of slots in a process of its own: so that each has its own peak of
/// memory.
pub fn run(args: &Bootstrap, steps: &dyn Progress) -> Result<Report<Measurements>> {
    Report::measure(|| {
        if let &[slots] = &args.slots[..] {
            return measure(args, slots, steps);
        }
        let mut all = Measurements::default();
        for slots in &args.slots {
            let step = steps.begin(&format!("{slots} slots"));
            let part = in_own_process(args, *slots)?.found;
            step.finish();
            all.rows.extend(part.rows);
            all.chain.extend(part.chain);
        }
        Ok(all)
    })
}

fn in_own_process(args: &Bootstrap, slots: usize) -> Result<Report<Measurements>> {
    let kind = args
        .kind
        .to_possible_value()
        .context("every kind has a name")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--json", "--quiet", "bench", "bootstrap"]);
    command.args(["--kind", kind.get_name(), "--slots", &slots.to_string()]);
    let threads: Vec<String> = args.threads.iter().map(usize::to_string).collect();
    command.args(["--threads", &threads.join(",")]);
    command.args(["--runs", &args.runs.to_string()]);
    if let Some(times) = args.chain {
        command.args(["--chain", &times.to_string()]);
    }
    let output = command
        .output()
        .context("cannot start the measuring process")?;
    if !output.status.success() {
        return Err(Error::computation(format!(
            "the measurement of {slots} slots failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The bootstrappings with one number of threads.
struct Turn {
    pool: ThreadPool,
    errors: Errors,
    cpu: Vec<f64>,
    wall: Vec<f64>,
}

fn measure(args: &Bootstrap, slots: usize, steps: &dyn Progress) -> Result<Measurements> {
    let plan = plan(args, slots)?;
    let parameters = plan.parameters();
    let parties = Parties::new(&plan, steps)?;
    let mut numbers = Numbers::new(slots as u64);

    let turn = |&threads: &usize| {
        Ok(Turn {
            pool: ThreadPoolBuilder::new().num_threads(threads).build()?,
            errors: Errors::default(),
            cpu: Vec::new(),
            wall: Vec::new(),
        })
    };
    let mut turns = args.threads.iter().map(turn).collect::<Result<Vec<_>>>()?;
    let step = steps.begin("bootstrapping");
    for run in 0..=args.runs {
        for turn in &mut turns {
            let values = numbers.vector(&plan);
            let fresh = parties.encrypt(&values)?;
            let (wall_start, cpu_start) = (Instant::now(), ProcessTime::now());
            let refreshed = turn
                .pool
                .install(|| parties.evaluator.bootstrap(&fresh, &parties.bootstrapper))?;
            // The first is for caches, page tables and the allocator.
            if run > 0 {
                turn.cpu.push(cpu_start.elapsed().as_secs_f64());
                turn.wall.push(wall_start.elapsed().as_secs_f64());
            }
            turn.errors.join(parties.errors(&refreshed, &values)?);
        }
        step.advance(run, args.runs);
    }
    step.finish();

    let mut chain = Vec::new();
    if let Some(times) = args.chain {
        let step = steps.begin("bootstrapping in a row");
        let values = numbers.vector(&plan);
        let mut ciphertext = parties.encrypt(&values)?;
        for done in 1..=times {
            ciphertext = parties
                .evaluator
                .bootstrap(&ciphertext, &parties.bootstrapper)?;
            let errors = parties.errors(&ciphertext, &values)?;
            chain.push(Link {
                slots,
                times: done,
                bits_mean: errors.bits_mean(),
                bits_worst: errors.bits_worst(),
            });
            step.advance(done, times);
        }
        step.finish();
    }
    let row = |turn: &mut Turn| {
        Ok(Row {
            log_n: parameters.log_n(),
            slots,
            threads: turn.pool.current_num_threads(),
            cpu_s: median(&mut turn.cpu),
            wall_s: median(&mut turn.wall),
            levels_left: plan.output_level() - plan.input_level(),
            bits_mean: turn.errors.bits_mean(),
            bits_worst: turn.errors.bits_worst(),
            keys_bytes: plan.keys().file_bytes(parameters)?,
            peak_rss_bytes: peak_rss().context("this system does not tell the peak of memory")?,
            security_bits: parameters.security().bits(),
            runs: args.runs,
        })
    };
    let rows = turns.iter_mut().map(row).collect::<Result<_>>()?;
    Ok(Measurements { rows, chain })
}

fn plan(args: &Bootstrap, slots: usize) -> Result<BootstrappingPlan> {
    let parameters = Parameters::preset(Preset::N16Bootstrapping);
    if !(slots.is_power_of_two()) {
        return Err(Error::computation(format!(
            "{slots} slots: vectors repeat after a power of two"
        )));
    }
    Ok(BootstrappingPlan::new(
        &parameters,
        slots,
        args.kind.slot_kind(),
    )?)
}

const COLUMNS: [Column<Row>; 10] = [
    ("log N", 5, |row| row.log_n.to_string()),
    ("slots", 6, |row| row.slots.to_string()),
    ("threads", 7, |row| row.threads.to_string()),
    ("CPU s", 7, |row| format!("{:.2}", row.cpu_s)),
    ("wall s", 7, |row| format!("{:.2}", row.wall_s)),
    ("levels", 6, |row| row.levels_left.to_string()),
    ("mean bits", 9, |row| format!("{:.2}", row.bits_mean)),
    ("worst bits", 10, |row| format!("{:.2}", row.bits_worst)),
    ("keys", 9, |row| bytes(row.keys_bytes)),
    ("peak", 9, |row| bytes(row.peak_rss_bytes)),
];

impl fmt::Display for Measurements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", table::head(&COLUMNS))?;
        for row in &self.rows {
            writeln!(f, "{}", table::row(&COLUMNS, row))?;
        }
        for link in &self.chain {
            writeln!(
                f,
                "{} slots, {} in a row: {:.2} bits mean, {:.2} worst",
                link.slots, link.times, link.bits_mean, link.bits_worst
            )?;
        }
        Ok(())
    }
}
