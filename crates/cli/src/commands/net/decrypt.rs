//! `tapetum net decrypt`: encrypted scores to a class.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tapetum::Result;

use crate::console::Console;
use crate::options::open_network_owner;

/// Arguments of `net decrypt`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum net decrypt --owner owner scores.enc
  tapetum net decrypt --owner owner scores.enc --labels-only

Scores are rounded to a step far above the noise of encryption: with all their digits they would tell the secret
key. Where the plan's answer is labels (net plan --answer labels), there are no scores.")]
pub struct Decrypt {
    /// The owner's directory.
    #[arg(long, value_name = "DIR")]
    owner: PathBuf,
    /// The encrypted scores.
    #[arg(value_name = "FILE")]
    scores: PathBuf,
    /// Print the class only, without scores (for sharing).
    #[arg(long)]
    labels_only: bool,
}

/// What the scores say.
#[derive(Debug, Serialize)]
struct Found {
    /// The class with the largest score.
    label: String,
    /// Whether the label is certain. It is a guess if two scores were too near to each other to be compared under
    /// encryption.
    decided: bool,
    /// All classes and their scores.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scores: Vec<Score>,
    /// What scores are rounded to.
    #[serde(skip_serializing_if = "Option::is_none")]
    rounding: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Score {
    class: String,
    score: f64,
}

/// Decrypts scores.
pub fn run(args: &Decrypt, console: &Console) -> Result<()> {
    let owner = open_network_owner(&args.owner)?;
    let scores = owner.decrypt_file(&args.scores)?;
    let classes = owner.plan().classes();
    let mut found = Found {
        label: classes[scores.label()].clone(),
        decided: scores.is_decided(),
        scores: Vec::new(),
        rounding: (!scores.values().is_empty()).then(|| scores.step()),
    };
    if !args.labels_only {
        let pairs = classes.iter().zip(scores.values());
        let score = |(class, &score): (&String, &f64)| Score {
            class: class.clone(),
            score,
        };
        found.scores = pairs.map(score).collect();
    }
    console.print(&found, || {
        let mut text = found.label.clone();
        if !found.decided {
            text += " (undecided: the largest scores are too near to each other to be compared under encryption, and the \
                     label is a guess)";
        }
        text.push('\n');
        for Score { class, score } in &found.scores {
            text += &format!("  {score:+.3}  {class}\n");
        }
        text
    })
}
