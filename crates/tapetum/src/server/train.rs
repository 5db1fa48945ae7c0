//! Training on ciphertexts.

use tapetum_learn::{EncryptedMatrix, Labels};

use super::batches::Batches;
use super::classify::Model;
use super::options::{TrainOptions, Trained, write};
use super::{Server, descent, sums};
use crate::encrypted::EncryptedDataSet;
use crate::error::{Error, Result};
use crate::folders::files;
use crate::progress::Progress;

impl Server {
    /// Trains a model on the samples of files, and writes it.
    ///
    /// # Errors
    /// [`Error`] if a file cannot be used, or does not fit the plan.
    pub fn train_files(&self, options: &TrainOptions, progress: &dyn Progress) -> Result<Trained> {
        run(self, options, progress)
    }

    /// Trains a model on encrypted samples.
    ///
    /// # Errors
    /// [`Error`] if they do not fit the plan, or keys are missing.
    pub fn fit(&self, data: &EncryptedDataSet, progress: &dyn Progress) -> Result<Model> {
        let layouts: Vec<_> = data
            .parts
            .iter()
            .map(|(matrix, _)| *matrix.layout())
            .collect();
        let (matrices, labels): (Vec<_>, Vec<_>) = data.parts.iter().cloned().unzip();
        let labels = Labels::stack(labels, &layouts)?;
        let matrix = EncryptedMatrix::stack(matrices)?;
        let step = progress.begin(&format!(
            "training on {} encrypted samples",
            matrix.samples()
        ));
        let estimator = self.plan.training_spec()?.learner.estimator()?;
        let evaluator = &self.evaluator;
        let model = estimator.fit(evaluator, &matrix, &labels, &mut |p| {
            step.advance(p.done, p.total);
        })?;
        step.finish();
        Ok(Model::Encrypted(model))
    }
}

/// Trains a model on the samples of one contributor or several.
fn run(server: &Server, args: &TrainOptions, progress: &dyn Progress) -> Result<Trained> {
    files::check_target(&args.out)?;
    let learner = server.plan.training_spec()?.learner;
    let estimator = learner.estimator()?;
    let (parameters, classes) = (server.parameters(), server.plan.classes);
    let data = Batches::open(&args.data, &args.without, parameters, classes)?;
    if let Some(descent) = learner.gradient_descent()? {
        return descent::run(args, server, &data, descent, progress);
    }
    if args.checkpoint.is_some() || args.snapshot.is_some() || args.until.is_some() {
        let message = "--checkpoint, --snapshot and --until are for training in mini-batches: make \
                       keys with `tapetum keygen --batch`";
        return Err(Error::input(message));
    }
    if let Some(regression) = learner.ridge()? {
        return sums::run(args, server, &data, &regression, progress);
    }
    let step = progress.begin("reading encrypted samples");
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
    let step = progress.begin(&format!("training on {samples} encrypted samples"));
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
