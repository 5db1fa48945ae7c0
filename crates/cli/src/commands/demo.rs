//! `tapetum demo`: all roles on the embedded images.

use std::path::{Path, PathBuf};

use clap::Args;
use tapetum::Result;
use tapetum_bench::precision_bits;

use crate::console::Console;
use crate::demo::{self, Script};
use crate::options::{FeaturesAre, LearnerName};

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum demo
  tapetum demo --argmax
  tapetum demo --photo
  tapetum demo --photo cat.jpg
  tapetum demo --dir play --report play/report.html
  tapetum demo --json > demo.json")]
pub struct Demo {
    /// Classify a photograph with a convolutional network that does not see it, in place of training: this file, or
    /// a cat's portrait that is built in. It takes a minute or two and some gigabytes of memory.
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["dir", "learner", "argmax", "precision", "seed"])]
    pub photo: Option<Option<PathBuf>>,
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
    match &args.photo {
        Some(photo) => classify_photo(photo.as_deref(), &args.report, console),
        None => train(args, console),
    }
}

fn classify_photo(photo: Option<&Path>, report: &Path, console: &Console) -> Result<()> {
    let done = demo::photo::run(photo, report, &console.steps)?;
    console.print(&done, || {
        let scores: Vec<_> = (done.classes.iter().zip(&done.scores_encrypted))
            .map(|(class, score)| format!("{class} {score:+.2}"))
            .collect();
        format!(
            "\nThe label is {}; the same network in the clear says {}.\n\
             Scores: {}. {:.1} s of classification, {:.1} s from keys to label; {}-bit \
             security.\nThe report: {}\n",
            done.label,
            done.label_clear,
            scores.join(", "),
            done.seconds.classify,
            done.seconds.total,
            done.parameters.security_bits,
            done.report.display()
        )
    })
}

fn train(args: &Demo, console: &Console) -> Result<()> {
    let script = Script {
        dir: args.dir.as_deref(),
        report: &args.report,
        estimator: args.learner.defaults(FeaturesAre::Whitened),
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
