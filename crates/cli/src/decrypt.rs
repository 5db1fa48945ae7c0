//! The owner's last command: scores to verdicts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Decryptor, Encoder};
use tapetum_learn::EncryptedScores;

use crate::args::Decrypt;
use crate::failure::Failure;
use crate::files;
use crate::index::Index;
use crate::roles::FEATURES;
use crate::roles::owner::Owner;

/// All verdicts.
#[derive(Debug, Serialize)]
pub struct Verdicts {
    /// One for each sample.
    pub verdicts: Vec<Verdict>,
    /// The share of right verdicts, where labels are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Where they were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
}

/// The verdict on one sample.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// Where the sample came from, or its number.
    pub source: String,
    /// The class that it is found to be in.
    pub class: String,
    /// The score: positive for the positive class. Left out of what is given to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The class that it is really in, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth: Option<String>,
}

/// Decrypts scores and says what they mean.
pub fn run(args: &Decrypt) -> Result<Verdicts> {
    let scores = scores(&args.owner, &args.scores)?;
    let index = args.index.as_deref().map(Index::read).transpose()?;
    if let Some(index) = &index
        && index.entries.len() != scores.len()
    {
        let message = format!(
            "the index has {} samples, but there are {} scores: it belongs to another file",
            index.entries.len(),
            scores.len()
        );
        return Err(Failure::Input(message).into());
    }
    let classes = match &index {
        Some(index) => index.classes.clone(),
        None => trained_classes(&args.owner),
    };
    let verdicts: Vec<_> = scores
        .iter()
        .enumerate()
        .map(|(i, &score)| {
            let entry = index.as_ref().map(|index| &index.entries[i]);
            Verdict {
                source: entry.map_or_else(|| i.to_string(), |e| e.source.clone()),
                class: classes[usize::from(score > 0.0)].clone(),
                score: (!args.labels_only).then_some(score),
                truth: entry
                    .and_then(|e| e.label)
                    .map(|label| classes[usize::from(label)].clone()),
            }
        })
        .collect();
    if let Some(out) = &args.out {
        write_csv(out, &verdicts)?;
    }
    let judged: Vec<_> = verdicts
        .iter()
        .filter_map(|v| v.truth.as_ref().map(|truth| *truth == v.class))
        .collect();
    let right = judged.iter().filter(|&&right| right).count();
    Ok(Verdicts {
        accuracy: (!judged.is_empty()).then(|| right as f64 / judged.len() as f64),
        verdicts,
        out: args.out.clone(),
    })
}

/// The scores in a file, in the order of the samples.
pub fn scores(owner: &Path, path: &Path) -> Result<Vec<f64>> {
    let owner = Owner::open(owner)?;
    let parameters = owner.secret.parameters();
    let unusable = || format!("cannot use {}", path.display());
    let bundle = Bundle::read(parameters, files::open(path)?).with_context(unusable)?;
    let scores = EncryptedScores::from_bundle(bundle).with_context(unusable)?;
    Ok(scores.decrypt(&Decryptor::new(&owner.secret), &Encoder::new(parameters))?)
}

/// The classes that training data had, if they were fitted here.
fn trained_classes(owner: &Path) -> [String; 2] {
    let pipeline = files::read_text(&owner.join(FEATURES))
        .ok()
        .and_then(|text| tapetum_vision::Pipeline::from_json(&text).ok());
    match pipeline.as_ref().map(tapetum_vision::Pipeline::class_names) {
        Some([negative, positive]) => [negative.clone(), positive.clone()],
        _ => ["negative".to_owned(), "positive".to_owned()],
    }
}

fn write_csv(path: &Path, verdicts: &[Verdict]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["source", "class", "score", "truth"])?;
    for v in verdicts {
        let score = v.score.map_or_else(String::new, |s| s.to_string());
        let truth = v.truth.as_deref().unwrap_or_default();
        writer.write_record([v.source.as_str(), &v.class, &score, truth])?;
    }
    let bytes = writer.into_inner().context("cannot write the verdicts")?;
    files::write_secret(path, &bytes).map(drop)
}
