//! Classifying ciphertexts with an encrypted model, or with a plain one.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use tapetum_ckks::wire::Bundle;
use tapetum_learn::{EncryptedMatrix, LinearModel, PlainModel, Progress};

use super::{Server, refuse_secret_key};
use crate::args::Classify;
use crate::failure::Failure;
use crate::progress::{Step, Steps};
use crate::{files, model_file, training_set};

/// What was classified.
#[derive(Debug, Serialize)]
pub struct Classified {
    /// How many samples.
    pub samples: usize,
    /// Bytes of the scores.
    pub bytes: u64,
}

/// What is classified with.
enum Model {
    Encrypted(LinearModel),
    Plain(PlainModel),
}

/// Classifies the samples of a file.
pub fn run(args: &Classify, steps: Steps) -> Result<Classified> {
    for path in [&args.model, &args.data] {
        refuse_secret_key(path)?;
    }
    files::check_target(&args.out)?;
    let server = Server::open(&args.server, args.key_memory, steps)?;
    let step = steps.begin("reading model and samples");
    let model = read_model(&args.model, &server, &step)?;
    let matrix = training_set::read_matrix(&args.data, server.parameters(), &step)?;
    step.finish();

    let samples = matrix.layout().rows();
    let step = steps.begin(&format!("classifying {samples} encrypted samples"));
    let bytes = classify(&server, &model, &matrix, &args.out, &mut |p| {
        step.advance(p.done, p.total);
    })?;
    step.finish();
    Ok(Classified { samples, bytes })
}

fn read_model(path: &Path, server: &Server, step: &Step) -> Result<Model> {
    if model_file::is_one(path)? {
        if server.plan.threshold.is_some() {
            let message = "a plain model gives scores, but the plan is that only predictions leave the \
                           server";
            return Err(Failure::Role(message.to_owned()).into());
        }
        return Ok(Model::Plain(model_file::read(path)?));
    }
    let unusable = || format!("cannot use {}", path.display());
    let mut file = step.open(path)?;
    let bundle = Bundle::read(server.parameters(), &mut file).with_context(unusable)?;
    files::check_end(file, path)?;
    let model = LinearModel::from_bundle(bundle).with_context(unusable)?;
    Ok(Model::Encrypted(model))
}

/// Writes the answer, and returns its size.
fn classify(
    server: &Server,
    model: &Model,
    matrix: &EncryptedMatrix,
    out: &Path,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<u64> {
    let evaluator = &server.evaluator;
    let scores = match (model, &server.plan.threshold) {
        (Model::Encrypted(model), Some(prediction)) => {
            let predictions = model.predictions(prediction, evaluator, matrix, progress)?;
            let bundle = predictions.to_bundle()?;
            return files::write_atomically(out, |file| bundle.write(file));
        }
        (Model::Encrypted(model), None) => model.decision_function(evaluator, matrix, progress)?,
        (Model::Plain(model), _) => model.score_encrypted(evaluator, matrix, progress)?,
    };
    let bundle = scores.to_bundle()?;
    files::write_atomically(out, |file| bundle.write(file))
}
