//! Training on ciphertexts.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use tapetum_learn::{EncryptedMatrix, Labels, LinearModel};

use super::batches::Batches;
use super::{Server, descent, sums};
use crate::args::Train;
use crate::failure::Failure;
use crate::files;
use crate::progress::Steps;

/// What was trained.
#[derive(Debug, Serialize)]
pub struct Trained {
    /// How.
    pub learner: String,
    /// On how many samples.
    pub samples: usize,
    /// Whose samples these are.
    pub contributors: Vec<String>,
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

/// Trains a model on the samples of one contributor or several.
pub fn run(args: &Train, steps: Steps) -> Result<Trained> {
    files::check_target(&args.out)?;
    let server = Server::open(&args.server, args.key_memory, steps)?;
    let learner = server.plan.training_spec()?.learner;
    let estimator = learner.estimator()?;
    let (parameters, classes) = (server.parameters(), server.plan.classes);
    let data = Batches::open(&args.data, &args.without, parameters, classes)?;
    if let Some(descent) = learner.gradient_descent()? {
        return descent::run(args, &server, &data, descent, steps);
    }
    if args.checkpoint.is_some() || args.snapshot.is_some() || args.until.is_some() {
        let message = "--checkpoint, --snapshot and --until are for training in mini-batches: make \
                       keys with `tapetum keygen --batch`";
        return Err(Failure::Input(message.to_owned()).into());
    }
    if let Some(regression) = learner.ridge()? {
        return sums::run(args, &server, &data, &regression, steps);
    }
    let step = steps.begin("reading encrypted samples");
    let (mut matrices, mut labels) = (Vec::new(), Vec::new());
    for batch in 0..data.len() {
        step.advance(batch, data.len());
        let (matrix, of_matrix) = data.read(batch)?;
        matrices.push(matrix);
        labels.push(of_matrix);
    }
    let layouts: Vec<_> = matrices.iter().map(|matrix| *matrix.layout()).collect();
    let labels = Labels::stack(labels, &layouts)?;
    let matrix = EncryptedMatrix::stack(matrices)?;
    step.finish();

    let samples = matrix.samples();
    let step = steps.begin(&format!("training on {samples} encrypted samples"));
    let model = estimator.fit(&server.evaluator, &matrix, &labels, &mut |p| {
        step.advance(p.done, p.total)
    })?;
    let bytes = write(&model, &args.out)?;
    step.finish();
    Ok(Trained {
        learner: server.plan.purpose.describe(),
        samples,
        contributors: data.contributors(),
        labels_encrypted: matches!(labels, Labels::Encrypted(_)),
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
