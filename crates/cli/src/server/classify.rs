//! Classifying ciphertexts with an encrypted model.

use anyhow::{Context, Result};
use serde::Serialize;
use tapetum_ckks::wire::Bundle;
use tapetum_learn::LinearModel;

use super::{Server, refuse_secret_key};
use crate::args::Classify;
use crate::progress::Steps;
use crate::{files, training_set};

/// What was classified.
#[derive(Debug, Serialize)]
pub struct Classified {
    /// How many samples.
    pub samples: usize,
    /// Bytes of the scores.
    pub bytes: u64,
}

/// Classifies the samples of a file.
pub fn run(args: &Classify, steps: Steps) -> Result<Classified> {
    for path in [&args.model, &args.data] {
        refuse_secret_key(path)?;
    }
    files::check_target(&args.out)?;
    let server = Server::open(&args.server, steps)?;
    let step = steps.begin("reading model and samples");
    let unusable = || format!("cannot use {}", args.model.display());
    let mut file = step.open(&args.model)?;
    let bundle = Bundle::read(server.parameters(), &mut file).with_context(unusable)?;
    files::check_end(file, &args.model)?;
    let model = LinearModel::from_bundle(bundle).with_context(unusable)?;
    let matrix = training_set::read_matrix(&args.data, server.parameters(), &step)?;
    step.finish();

    let samples = matrix.layout().rows();
    let step = steps.begin(&format!("classifying {samples} encrypted samples"));
    let (evaluator, encoder) = (&server.evaluator, &server.encoder);
    let mut progress = |p: tapetum_learn::Progress| step.advance(p.done, p.total);
    let bytes = match &server.plan.verdicts {
        None => {
            let scores = model.decision_function(evaluator, encoder, &matrix, &mut progress)?;
            let bundle = scores.to_bundle()?;
            files::write_atomically(&args.out, |file| bundle.write(file))?
        }
        Some(verdict) => {
            let verdicts = model.verdicts(verdict, evaluator, encoder, &matrix, &mut progress)?;
            let bundle = verdicts.to_bundle()?;
            files::write_atomically(&args.out, |file| bundle.write(file))?
        }
    };
    step.finish();
    Ok(Classified { samples, bytes })
}
