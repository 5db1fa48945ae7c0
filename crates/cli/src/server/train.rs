//! Training on ciphertexts.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use tapetum_learn::LinearModel;

use super::{Server, descent, refuse_secret_key, sums};
use crate::args::Train;
use crate::failure::Failure;
use crate::progress::Steps;
use crate::{files, training_set};

/// What was trained.
#[derive(Debug, Serialize)]
pub struct Trained {
    /// How.
    pub learner: String,
    /// On how many samples.
    pub samples: usize,
    /// Whether the server saw the labels.
    pub labels_encrypted: bool,
    /// The level that is left to the model.
    pub level: usize,
    /// Bytes of the model.
    pub bytes: u64,
    /// Iterations that were done in all, if training was in mini-batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iterations: Option<usize>,
    /// The iteration that it went on from, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<usize>,
}

/// Trains a model on the samples of a file.
pub fn run(args: &Train, steps: Steps) -> Result<Trained> {
    refuse_secret_key(&args.data)?;
    files::check_target(&args.out)?;
    let server = Server::open(&args.server, steps)?;
    if let Some(descent) = server.plan.learner.descent()? {
        return descent::run(args, &server, descent, steps);
    }
    if args.checkpoint.is_some() || args.snapshot.is_some() || args.until.is_some() {
        let message = "--checkpoint, --snapshot and --until are for training in mini-batches: make \
                       keys with `tapetum keygen --batch`";
        return Err(Failure::Input(message.to_owned()).into());
    }
    if let Some(regression) = server.plan.learner.regression()? {
        return sums::run(args, &server, &regression, steps);
    }
    let step = steps.begin("reading encrypted samples");
    let (matrix, labels) = training_set::read(&args.data, server.parameters(), &step)?;
    step.finish();

    let samples = matrix.layout().rows();
    let step = steps.begin(&format!("training on {samples} encrypted samples"));
    let estimator = server.plan.learner.estimator()?;
    let model = estimator.fit(
        &server.evaluator,
        &server.encoder,
        &matrix,
        &labels,
        &mut |p| step.advance(p.done, p.total),
    )?;
    let bytes = write(&model, &args.out)?;
    step.finish();
    Ok(Trained {
        learner: server.plan.learner.describe(),
        samples,
        labels_encrypted: matches!(labels, tapetum_learn::Labels::Encrypted(_)),
        level: model.level(),
        bytes,
        iterations: None,
        resumed_from: None,
    })
}

/// Writes an encrypted model.
pub fn write(model: &LinearModel, path: &Path) -> Result<u64> {
    let bundle = model.to_bundle()?;
    files::write_atomically(path, |file| bundle.write(file))
}
