//! `tapetum demo`: all roles on the embedded images.

use std::path::PathBuf;

use clap::Args;
use tapetum::Result;
use tapetum_bench::precision_bits;

use crate::console::Console;
use crate::demo::{self, Script};
use crate::options::LearnerName;

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum demo
  tapetum demo --argmax
  tapetum demo --dir play --report play/report.html
  tapetum demo --json > demo.json")]
pub struct Demo {
    /// Keep the three directories here instead of in a temporary place.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Where to write the report.
    #[arg(long, value_name = "FILE", default_value = "tapetum-demo.html")]
    pub report: PathBuf,
    /// The training algorithm.
    #[arg(long, value_enum, default_value_t = LearnerName::Logistic)]
    pub learner: LearnerName,
    /// Only labels leave the server, no scores: it compares them with zero under encryption. This needs
    /// larger parameters, a minute or more and about 5 GB of memory.
    #[arg(long)]
    pub argmax: bool,
    /// With --argmax: scores are compared to 2^-BITS of their bound.
    #[arg(long, value_name = "BITS", default_value_t = 10, requires = "argmax", value_parser = precision_bits())]
    pub precision: u32,
    /// The seed that chooses and splits the images.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Plays all roles, and writes a report.
pub fn run(args: &Demo, console: &Console) -> Result<()> {
    let script = Script {
        dir: args.dir.as_deref(),
        report: &args.report,
        estimator: args.learner.defaults(false),
        precision: args.argmax.then_some(args.precision),
        seed: args.seed,
    };
    let done = demo::run(&script, &console.steps)?;
    console.print(&done, || {
        format!(
            "\n{} of {} images right: {:.2} % under encryption, {:.2} % in the clear.\n\
             Trained on {} images that the trainer could not see, in {:.1} s all told; {}-bit \
             security.\nThe report: {}\n",
            (done.accuracy_encrypted * done.test_images as f64).round(),
            done.test_images,
            100.0 * done.accuracy_encrypted,
            100.0 * done.accuracy_clear,
            done.train_images,
            done.seconds.total,
            done.parameters.security_bits,
            done.report.display()
        )
    })
}
