//! `tapetum decrypt`: encrypted scores to predictions.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tapetum::folders::{Index, files, model};
use tapetum::{Error, Owner, Predictions, Progress, Result};
use tapetum_report::draw;

use crate::console::{Console, predictions};

/// Arguments of `decrypt`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum decrypt --owner owner scores.enc
  tapetum decrypt --owner owner scores.enc --index contributor/new.index.csv --out predictions.csv
  tapetum decrypt --owner owner model.enc --out model.json

Of an encrypted model the weights are written. Scores are for the owner's eyes: with their full precision they may tell about the secret key.
--labels-only leaves them out of what is printed and written.")]
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
    /// Tell the predictions but not the scores: to be given to others.
    #[arg(long)]
    pub labels_only: bool,
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
    if let Some(out) = &args.out {
        files::check_target(out)?;
    }
    if Owner::is_model(&args.scores)? {
        let weights = weights(args, &console.steps)?;
        return console.print(&weights, || {
            format!(
                "The weights of {} features for {} classes are in {}.\n\
                 Do not give them to a server that holds anything encrypted with these keys: their last \
                 digits tell about the secret key.\n",
                weights.features,
                weights.classes.len(),
                weights.out.display()
            )
        });
    }
    let found = scores(args, &console.steps)?;
    console.print(&found, || predictions(&found))
}

fn weights<'a>(args: &'a Decrypt, progress: &dyn Progress) -> Result<Weights<'a>> {
    let Some(out) = &args.out else {
        return Err(Error::input(format!(
            "{} is a model: pass --out FILE for its weights",
            args.scores.display()
        )));
    };
    let step = progress.begin("decrypting a model");
    let (plain, classes) = Owner::open(&args.owner)?.decrypt_model(&args.scores)?;
    model::write(out, &plain, &classes)?;
    step.finish();
    Ok(Weights {
        classes,
        features: plain.features(),
        out,
    })
}

fn scores(args: &Decrypt, progress: &dyn Progress) -> Result<Predictions> {
    let index = args.index.as_deref().map(Index::read).transpose()?;
    let step = progress.begin("decrypting scores");
    let mut found = Owner::open(&args.owner)?.predictions(&args.scores, index.as_ref())?;
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
