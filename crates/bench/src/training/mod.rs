//! `tapetum bench training`: training on encrypted public data sets, from features to predictions.
//!
//! Each trial runs in a process of its own, so that its peak of memory is its own. All roles are
//! played through the files and functions of the commands. `docs/features.md` says where the
//! data are from.

mod report;
mod task;
mod trial;

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;
use tapetum::{Context, Error, Result};
use tapetum_vision::Error as DataError;

pub use report::Report;
use report::Row;
use task::{EstimatorName, TaskName, Trial};

use tapetum::progress::Progress;

/// Arguments of `bench training`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum bench training --data sets
  tapetum bench training --task wdbc,pneumonia --data sets --json > training.json
  tapetum bench training --task mnist-3v8 --estimator ridge,fisher --data sets

DIR holds a folder for each data set: wdbc/breast_cancer.csv, mnist/*.gz, fashion-mnist/*.gz,
pets/images/*.jpg, pneumonia/pneumoniamnist.npz, cifar10/{train,test}.tar, cats-and-dogs/photographs.tar
(or folders of the same pictures). Data that are not there are named and skipped.
If models/mobilenet_v1_0.25_128_quant.tflite is there too, and this program was built with backbones,
pets and the other photographs are told apart by its features.
Clear s is the same training on numbers that are not encrypted. Accuracy is that of held-out samples, under encryption and of the same computation in the clear.")]
pub struct Training {
    /// The tasks; all unless some are named.
    #[arg(long, value_enum, value_delimiter = ',')]
    task: Vec<TaskName>,
    /// The training algorithms; those that the settings of a task name unless some are named here.
    #[arg(long, value_enum, value_delimiter = ',')]
    estimator: Vec<EstimatorName>,
    /// Where the data sets are.
    #[arg(long, value_name = "DIR", default_value = ".")]
    data: PathBuf,
    /// Run this trial of the task here, instead of all in processes of their own.
    #[arg(long, hide = true, requires = "task")]
    trial: Option<usize>,
}

/// Runs the tasks. One that fails does not take the figures of the others with it.
pub fn run(args: &Training, steps: &dyn Progress) -> Result<(Report, Option<String>)> {
    let names = match args.task.as_slice() {
        [] => TaskName::all(),
        names => names.to_vec(),
    };
    let (mut report, mut failed) = (Report::default(), Vec::new());
    for name in names {
        for (i, trial) in name.trials(&args.data, &args.estimator).iter().enumerate() {
            match args.trial {
                Some(wanted) if wanted == i => report.rows.extend(here(trial, args, steps)?),
                Some(_) => {}
                None => match in_child(name, i, args, steps)? {
                    Some(part) => report.append(part),
                    None => failed.push(name.as_str()),
                },
            }
        }
    }
    let failure =
        (!failed.is_empty()).then(|| format!("these tasks failed: {}", failed.join(", ")));
    Ok((report, failure))
}

/// The row of one trial, unless its data are missing.
fn here(trial: &Trial, args: &Training, steps: &dyn Progress) -> Result<Option<Row>> {
    match trial::run(trial, &args.data, steps) {
        Ok(row) => Ok(Some(row)),
        Err(error) if is_missing(&error) => {
            // Not a progress message: --quiet and --json must not hide it.
            eprintln!("{}: skipped: {error}", trial.task);
            Ok(None)
        }
        Err(error) => Err(error.within(format!("the task {}", trial.task))),
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(error.cause(), Some(DataError::NoCollection { .. }))
}

/// What this program prints when it runs one trial alone, or nothing if it fails.
fn in_child(
    name: TaskName,
    trial: usize,
    args: &Training,
    steps: &dyn Progress,
) -> Result<Option<Report>> {
    let program = env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command
        .args(["bench", "training", "--json", "--task", name.as_str()])
        .args(["--trial", &trial.to_string()])
        .arg("--data")
        .arg(&args.data)
        .stderr(Stdio::inherit());
    for estimator in &args.estimator {
        command.args(["--estimator", estimator.as_str()]);
    }
    if steps.is_quiet() {
        command.arg("--quiet");
    }
    let output = command.output().context("cannot run a task")?;
    if !output.status.success() {
        // It has said why.
        return Ok(None);
    }
    let report = serde_json::from_slice(&output.stdout);
    Ok(Some(report.context(
        "a task printed something else than its result",
    )?))
}
