//! The owner's last command: scores to predictions.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use tapetum_ckks::Decryptor;
use tapetum_ckks::wire::{Bundle, Header, inspect};
use tapetum_learn::{EncryptedPredictions, EncryptedScores, LearnError, LinearModel};

use crate::args::Decrypt;
use crate::failure::Failure;
use crate::index::Index;
use crate::predictions::Predictions;
use crate::progress::Steps;
use crate::roles::FEATURES;
use crate::roles::owner::Owner;
use crate::{files, model_file, plots};

/// What was decrypted.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Decrypted {
    /// Scores, and what they mean.
    Predictions(Predictions),
    /// A model.
    Model(Weights),
}

/// A model that was written down.
#[derive(Debug, Serialize)]
pub struct Weights {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// Features of a sample.
    pub features: usize,
    /// Where the weights are.
    pub out: PathBuf,
}

/// Decrypts scores and says what they mean, or a model.
pub fn run(args: &Decrypt, steps: Steps) -> Result<Decrypted> {
    if let Some(out) = &args.out {
        files::check_target(out)?;
    }
    let path = &args.scores;
    let is_model = |header| matches!(header, Header::Bundle(b) if b.kind == LinearModel::KIND);
    if inspect(files::open(path)?).is_ok_and(|summary| is_model(summary.header)) {
        return Ok(Decrypted::Model(model(args, steps)?));
    }
    Ok(Decrypted::Predictions(predictions(args, steps)?))
}

fn model(args: &Decrypt, steps: Steps) -> Result<Weights> {
    let path = &args.scores;
    let Some(out) = &args.out else {
        let message = format!(
            "{} is a model: say with --out where its weights are to be written",
            path.display()
        );
        return Err(Failure::Input(message).into());
    };
    let step = steps.begin("decrypting a model");
    let owner = Owner::open(&args.owner)?;
    let parameters = owner.secret.parameters();
    let unusable = || format!("cannot use {}", path.display());
    let mut file = files::open(path)?;
    let bundle = Bundle::read(parameters, &mut file).with_context(unusable)?;
    files::check_end(file, path)?;
    let model = LinearModel::from_bundle(bundle).with_context(unusable)?;
    let classes = trained_classes(&args.owner, model.classes());
    let plain = model.decrypt(&Decryptor::new(&owner.secret))?;
    model_file::write(out, &plain, &classes)?;
    step.finish();
    Ok(Weights {
        classes,
        features: model.features(),
        out: out.clone(),
    })
}

fn predictions(args: &Decrypt, steps: Steps) -> Result<Predictions> {
    let index = args.index.as_deref().map(Index::read).transpose()?;
    let step = steps.begin("decrypting scores");
    let answer = answer(&args.owner, &args.scores)?;
    let scores = answer.scores()?;
    step.finish();
    let samples = answer.encrypted.layout().rows();
    if let Some(index) = &index
        && (index.entries.len(), index.classes.len()) != (samples, answer.classes())
    {
        let message = format!(
            "the index has {} samples of {} classes, but there are {samples} scores of {}: it \
             belongs to another file",
            index.entries.len(),
            index.classes.len(),
            answer.classes()
        );
        return Err(Failure::Input(message).into());
    }
    let classes = match &index {
        Some(index) => index.classes.clone(),
        None => trained_classes(&args.owner, answer.classes()),
    };
    let entries = index.as_ref().map(|index| index.entries.as_slice());
    let mut found = Predictions::new(&scores, &classes, entries)?;
    if args.labels_only || answer.is_predictions {
        found = found.without_scores();
    }
    if let Some(dir) = &args.plots {
        found.plots = plots::write(dir, &found, None)?;
    }
    if let Some(out) = &args.out {
        found.write(out)?;
    }
    Ok(found)
}

/// What the server answered, decrypted.
pub struct Answer {
    encrypted: EncryptedScores,
    /// The slots of each ciphertext.
    slots: Vec<Vec<f64>>,
    /// Whether it holds predictions, 1 or 0, in place of scores.
    pub is_predictions: bool,
}

impl Answer {
    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.encrypted.classes()
    }

    /// One number for each sample, in their order: positive for the positive class. Of predictions, 1/2 or
    /// -1/2 is left. Of more than two classes there is one for each.
    pub fn scores(&self) -> Result<Vec<f64>> {
        let middle = if self.is_predictions { 0.5 } else { 0.0 };
        let scores = self.encrypted.decode(&self.slots)?;
        Ok(scores.into_iter().map(|score| score - middle).collect())
    }

    /// The largest magnitude in a slot that belongs to no sample.
    pub fn largest_elsewhere(&self) -> f64 {
        let unused_slots = self.encrypted.unused_slots();
        let slots = self
            .slots
            .iter()
            .flatten()
            .zip(unused_slots.iter().flatten());
        slots
            .filter(|(_, unused)| **unused)
            .fold(0.0, |largest, (slot, _)| largest.max(slot.abs()))
    }
}

/// Decrypts a file of scores or, if that was agreed, of predictions.
pub fn answer(owner: &Path, path: &Path) -> Result<Answer> {
    answer_for(&Owner::open(owner)?, path)
}

/// The same for an owner whose key is at hand.
pub fn answer_for(owner: &Owner, path: &Path) -> Result<Answer> {
    let parameters = owner.secret.parameters();
    let unusable = || format!("cannot use {}", path.display());
    let mut file = files::open(path)?;
    let bundle = Bundle::read(parameters, &mut file).with_context(unusable)?;
    files::check_end(file, path)?;
    let is_predictions = owner.plan.threshold.is_some();
    let scores = match is_predictions {
        false => EncryptedScores::from_bundle(bundle),
        true => {
            EncryptedPredictions::from_bundle(bundle).map(|predictions| predictions.slots().clone())
        }
    };
    let scores = scores.with_context(unusable)?;
    let decryptor = Decryptor::new(&owner.secret);
    let slots = scores.open(&decryptor).map_err(|error| match error {
        LearnError::OtherKey => Failure::Role(format!(
            "{} does not decrypt to scores: it was made with keys of another `tapetum keygen`, or \
                 values left their range in training, which `tapetum simulate` would show",
            path.display()
        ))
        .into(),
        error => anyhow::Error::new(error),
    })?;
    Ok(Answer {
        encrypted: scores,
        slots,
        is_predictions,
    })
}

/// The classes that training data had, if they were fitted here.
fn trained_classes(owner: &Path, count: usize) -> Vec<String> {
    let pipeline = files::read_text(&owner.join(FEATURES))
        .ok()
        .and_then(|text| tapetum_vision::Pipeline::from_json(&text).ok());
    match pipeline.as_ref().map(tapetum_vision::Pipeline::class_names) {
        Some(names) if names.len() == count => names.to_vec(),
        _ if count == 2 => ["negative", "positive"].map(str::to_owned).to_vec(),
        _ => (0..count).map(|class| format!("class {class}")).collect(),
    }
}
