//! `tapetum decrypt`: encrypted scores to predictions.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tapetum::folders::{Index, Output, model};
use tapetum::owner::Digits;
use tapetum::{Error, Owner, Predictions, Progress, Result};
use tapetum_report::draw;

use crate::console::{Console, predictions};
use crate::options::open_owner;

/// Arguments of `decrypt`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum decrypt --owner owner scores.enc
  tapetum decrypt --owner owner scores.enc --index contributor/new.index.csv --out predictions.csv
  tapetum decrypt --owner owner model.enc --out model.json

Of an encrypted model the weights are written. Scores and weights are rounded to a step far above the noise of encryption:
with all their digits (--exact) they would tell the secret key. --labels-only leaves scores out. For scores that
everybody may see there is --publish, under keys that were made for it.")]
pub struct Decrypt {
    /// The owner's directory.
    #[arg(long, value_name = "DIR")]
    pub owner: PathBuf,
    /// The encrypted scores, or an encrypted model.
    #[arg(value_name = "FILE")]
    pub scores: PathBuf,
    /// The index that `encrypt` wrote: names of the samples and, if known, their labels.
    #[arg(long, value_name = "FILE")]
    pub index: Option<PathBuf>,
    /// Write the predictions to this CSV file, or the weights to this JSON file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Draw the confusion matrix, as an SVG file in this folder.
    #[arg(long, value_name = "DIR", requires = "index")]
    pub plots: Option<PathBuf>,
    /// Print labels only, without scores (for sharing).
    #[arg(long)]
    pub labels_only: bool,
    /// Keep all digits of scores or weights, which are rounded otherwise. Whoever sees them, and the
    /// ciphertexts, can compute the secret key: for nobody's eyes but the owner's.
    #[arg(long, conflicts_with = "labels_only")]
    pub exact: bool,
    /// Add noise that hides what scores would tell about the secret key, so that anybody may see them. Takes keys that
    /// were made for it (`keygen --classify-only --publish`) and counts the results in the owner's directory.
    #[arg(long, conflicts_with_all = ["exact", "labels_only", "plots"])]
    pub publish: bool,
}

/// What to know of all digits.
const EXACT: &str = "With all these digits anyone who holds the ciphertexts can compute the secret key: show them to \
                     nobody, least of all to the server.";

impl Decrypt {
    fn digits(&self) -> Digits {
        match self.exact {
            true => Digits::All,
            false => Digits::Rounded,
        }
    }
}

/// A model that was written down.
#[derive(Debug, Serialize)]
struct Weights<'a> {
    /// The names of the classes.
    classes: Vec<String>,
    /// Features of a sample.
    features: usize,
    /// Where the weights are.
    out: &'a Path,
}

/// Decrypts scores and says what they mean, or a model.
pub fn run(args: &Decrypt, console: &Console) -> Result<()> {
    let is_model = Owner::is_model(&args.scores)?;
    if let Some(out) = &args.out {
        let output = if is_model {
            Output::Weights
        } else {
            Output::Predictions
        };
        let inputs = [Some(&args.scores), args.index.as_ref()];
        let inputs: Vec<_> = inputs.into_iter().flatten().map(PathBuf::as_path).collect();
        output.check(out, &inputs)?;
    }
    if args.publish {
        return publish(args, is_model, console);
    }
    if is_model {
        let weights = weights(args, &console.steps)?;
        return console.print(&weights, || {
            format!(
                "The weights of {} features for {} classes are in {}.\n\
                 {}\n",
                weights.features,
                weights.classes.len(),
                weights.out.display(),
                match args.exact {
                    true => EXACT,
                    false => "They are rounded to a thousandth of the largest.",
                }
            )
        });
    }
    let found = scores(args, &console.steps)?;
    console.print(&found, || {
        let warning = if args.exact {
            EXACT.to_owned() + "\n"
        } else {
            String::new()
        };
        predictions(&found) + &warning
    })
}

/// Scores with noise, for everybody.
#[derive(Debug, Serialize)]
struct Shared {
    #[serde(flatten)]
    predictions: Predictions,
    /// The standard deviation of the noise in a score.
    noise: f64,
    /// The bits of a score of 8 that it leaves.
    bits_left: f64,
    /// Results that were published under these keys, these among them.
    published: u64,
    /// Results that may be published under these keys.
    planned: u64,
}

fn publish(args: &Decrypt, is_model: bool, console: &Console) -> Result<()> {
    if is_model {
        let message = "the weights of an encrypted model have no room for noise that hides their error: pass on rounded \
                       weights, or scores or labels, instead";
        return Err(Error::role(message));
    }
    let index = args.index.as_deref().map(Index::read).transpose()?;
    let step = console.steps.begin("decrypting scores");
    let found = open_owner(&args.owner)?.publish(&args.scores, index.as_ref())?;
    step.finish();
    let mut shared = Shared {
        predictions: found.predictions,
        noise: found.deviation,
        bits_left: found.bits_left,
        published: found.given,
        planned: found.planned,
    };
    if let Some(out) = &args.out {
        shared.predictions.write(out)?;
    }
    console.print(&shared, || {
        predictions(&shared.predictions)
            + &format!(
                "Scores have noise of standard deviation {:.4}, which leaves {:.1} bits of a score of 8; {} of {} \
                 results have been published under these keys.\n",
                shared.noise, shared.bits_left, shared.published, shared.planned
            )
    })
}

fn weights<'a>(args: &'a Decrypt, progress: &dyn Progress) -> Result<Weights<'a>> {
    let Some(out) = &args.out else {
        return Err(Error::input(format!(
            "{} is a model: pass --out FILE for its weights",
            args.scores.display()
        )));
    };
    let step = progress.begin("decrypting a model");
    let found = open_owner(&args.owner)?.decrypt_model(&args.scores, args.digits())?;
    model::write(out, &found.model, &found.classes, found.features)?;
    step.finish();
    Ok(Weights {
        features: found.model.features(),
        classes: found.classes,
        out,
    })
}

fn scores(args: &Decrypt, progress: &dyn Progress) -> Result<Predictions> {
    let index = args.index.as_deref().map(Index::read).transpose()?;
    let step = progress.begin("decrypting scores");
    let mut found =
        open_owner(&args.owner)?.predictions_with(&args.scores, index.as_ref(), args.digits())?;
    step.finish();
    if args.labels_only {
        found = found.without_scores();
    }
    if let Some(dir) = &args.plots {
        found.plots = draw(dir, &found, None)?;
    }
    if let Some(out) = &args.out {
        found.write(out)?;
    }
    Ok(found)
}
