//! Classifying ciphertexts with an encrypted model, or with a plain one.

use std::path::Path;

use serde::Serialize;
use tapetum_ckks::wire::Bundle;
use tapetum_learn::files::samples_from;
use tapetum_learn::{EncryptedModel, EncryptedScores, Model, Origin, Progress as Units};

use super::{Server, refuse_secret_key};
use crate::encrypted::EncryptedSamples;
use crate::error::{Context, Error, Result};
use crate::folders::{Output, files, model as model_file};
use crate::progress::{self, Progress, Step};

/// What was classified.
#[derive(Debug, Serialize)]
pub struct Classified {
    /// How many samples.
    pub samples: usize,
    /// Bytes of the scores.
    pub bytes: u64,
    /// What there is to note of model and samples.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Server {
    /// The encrypted scores of samples: of two classes one each, positive for the second class; of more,
    /// one for each class.
    ///
    /// # Errors
    /// [`Error`] if samples and model do not fit, or keys are missing.
    pub fn decision_function(
        &self,
        model: &Model,
        samples: &EncryptedSamples,
        progress: &dyn Progress,
    ) -> Result<EncryptedScores> {
        let step = progress.begin(&format!(
            "classifying {} encrypted samples",
            samples.samples()
        ));
        let mut advance = |p: Units| step.advance(p.done, p.total);
        self.plan.check_origin(samples.0.origin())?;
        let scores = model.decision_function((&self.evaluator, &samples.0), &mut advance)?;
        step.finish();
        Ok(scores)
    }

    /// Classifies the samples of a file, with an encrypted model or a plain one, and writes the encrypted
    /// scores.
    ///
    /// # Errors
    /// [`Error`] if a file cannot be used, or is a secret key.
    pub fn classify_file(
        &self,
        path_of_model: &Path,
        data: &Path,
        out: &Path,
        progress: &dyn Progress,
    ) -> Result<Classified> {
        for path in [path_of_model, data] {
            refuse_secret_key(path)?;
        }
        Output::Scores.check(out, &[path_of_model, data])?;
        let step = progress.begin("reading model and samples");
        let (model, origin) = read_model(path_of_model, self, &*step)?;
        let unusable = || format!("cannot use {}", data.display());
        let matrix = samples_from(&mut progress::open(&*step, data)?, self.parameters())
            .with_context(unusable)?;
        self.plan
            .check_origin(matrix.origin())
            .with_context(unusable)?;
        let than = path_of_model.display();
        (matrix.origin().check(&origin, than)).with_context(unusable)?;
        step.finish();

        let samples = matrix.layout().rows();
        let step = progress.begin(&format!("classifying {samples} encrypted samples"));
        let bytes = model.classify(
            self.plan.threshold.as_ref(),
            (&self.evaluator, &matrix),
            &mut |p| step.advance(p.done, p.total),
            |bundle| files::write_atomically(out, |file| bundle.write(file)),
        )?;
        step.finish();
        let known = matrix.origin().features.is_some() && origin.features.is_some();
        Ok(Classified {
            samples,
            bytes,
            notes: self.notes(known),
        })
    }
}

/// A model, and what it says of itself.
fn read_model(path: &Path, server: &Server, step: &dyn Step) -> Result<(Model, Origin)> {
    if model_file::is_one(path)? {
        if server.plan.threshold.is_some() {
            let message = "a plain model gives scores, but the plan is that only predictions leave the \
                           server";
            return Err(Error::role(message));
        }
        let (model, features) = model_file::read(path)?;
        let origin = Origin {
            features,
            ..Origin::default()
        };
        return Ok((Model::Plain(model), origin));
    }
    let unusable = || format!("cannot use {}", path.display());
    let mut file = progress::open(step, path)?;
    let bundle = Bundle::read(server.parameters(), &mut file).with_context(unusable)?;
    // What else it holds matters less than that it is no model.
    let model = EncryptedModel::from_bundle(bundle).with_context(unusable)?;
    files::check_end(file, path)?;
    let origin = *model.origin();
    server.plan.check_origin(&origin).with_context(unusable)?;
    Ok((Model::Encrypted(model), origin))
}
