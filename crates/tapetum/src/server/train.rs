//! Training on ciphertexts.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tapetum_ckks::wire::Bundle;
use tapetum_learn::files::{DataFile, FileError, FileLimits, TrainingFiles, checksum_of};
use tapetum_learn::{
    Batch, LabelKind, LearnError, Model, Observer, Origin, Phase, Progress as Units, Session,
    TrainingOptions, TrainingSpec, train,
};

use super::options::{TrainOptions, Trained, write};
use super::{Server, refuse_secret_key};
use crate::encrypted::EncryptedDataSet;
use crate::error::{Context, Error, Result};
use crate::folders::{EVALUATION_KEYS, Output, files};
use crate::progress::{Progress, Step};

/// What to say where a training has no state to keep.
const NOT_IN_BATCHES: &str = "--checkpoint, --snapshot and --until are for training in mini-batches: make keys with \
                              `tapetum keygen --batch`";

impl Server {
    /// Trains a model on encrypted samples.
    ///
    /// # Errors
    /// [`Error`] if they do not fit the plan, or keys are missing.
    pub fn fit(&self, data: &EncryptedDataSet, progress: &dyn Progress) -> Result<Model> {
        self.fit_together(&[data], progress)
    }

    /// The same on the samples of several contributors.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and if their features were fitted separately.
    pub fn fit_together(
        &self,
        data: &[&EncryptedDataSet],
        progress: &dyn Progress,
    ) -> Result<Model> {
        self.fit_in_memory(data, None, progress)
    }

    /// The same in mini-batches, from the checkpoint in this file if there is one; the state of the training is kept
    /// there after every iteration.
    ///
    /// # Errors
    /// As [`fit_together`](Self::fit_together), and if the training is not in mini-batches, or the checkpoint is of
    /// another training.
    pub fn fit_resumable(
        &self,
        data: &[&EncryptedDataSet],
        checkpoint: &Path,
        progress: &dyn Progress,
    ) -> Result<Model> {
        if self.plan.batch_rows()?.is_none() {
            return Err(Error::input(NOT_IN_BATCHES));
        }
        Output::Checkpoint.check(checkpoint, &[])?;
        let options = TrainOptions {
            checkpoint: Some(checkpoint.to_owned()),
            resume: true,
            ..TrainOptions::default()
        };
        self.fit_in_memory(data, Some(&options), progress)
    }

    fn fit_in_memory(
        &self,
        data: &[&EncryptedDataSet],
        keeps: Option<&TrainOptions>,
        progress: &dyn Progress,
    ) -> Result<Model> {
        let spec = self.plan.training_spec()?;
        let (parts, origin) = self.checked_parts(&spec, data)?;
        let mut watch = Watch::new(progress);
        let mut run = TrainingOptions::default();
        if let Some(options) = keeps {
            let inputs = self.inputs_in_memory(&parts)?;
            watch.keeps = Some((options, inputs, origin));
            if let Some(path) = kept(options)? {
                run.resume = Some((inputs, self.read_checkpoint(path)?));
            }
        }
        let trained = train(&spec, &self.evaluator, &parts, run, &mut watch)?;
        watch.finish_step();
        Ok(Model::Encrypted(trained.context("stopped")?.model))
    }

    /// The parts of these samples, which fit the plan, and where they come from.
    pub(super) fn checked_parts<'a>(
        &self,
        spec: &TrainingSpec,
        data: &[&'a EncryptedDataSet],
    ) -> Result<(Vec<&'a Batch>, Origin)> {
        let parts: Vec<_> = data.iter().flat_map(|data| &data.parts).collect();
        let mut origin = Origin::default();
        for (matrix, labels) in &parts {
            self.plan.check_origin(matrix.origin())?;
            spec.check_samples(matrix, labels)?;
            origin = origin.join(matrix.origin(), "the samples before")?;
        }
        Ok((parts, origin))
    }

    /// Trains a model on the samples of one contributor or several, in files, and writes it.
    ///
    /// # Errors
    /// [`Error`] if a file cannot be used, or does not fit the plan.
    pub fn train_files(&self, options: &TrainOptions, progress: &dyn Progress) -> Result<Trained> {
        let inputs: Vec<_> = options.data.iter().map(PathBuf::as_path).collect();
        Output::Model.check(&options.out, &inputs)?;
        let spec = self.plan.training_spec()?;
        let data = self.open_files(options, &spec)?;
        let origin = *data.origin();
        let first = || format!("cannot use {}", options.data[0].display());
        self.plan.check_origin(&origin).with_context(first)?;
        let TrainOptions {
            checkpoint,
            snapshot,
            until,
            ..
        } = options;
        let between = checkpoint.is_some() || snapshot.is_some() || until.is_some();
        let in_batches = spec.batch_rows()?.is_some();
        if between && !in_batches {
            return Err(Error::input(NOT_IN_BATCHES));
        }
        for (output, path) in [(Output::Checkpoint, checkpoint), (Output::Model, snapshot)] {
            if let Some(path) = path {
                output.check(path, &inputs)?;
            }
        }
        let mut watch = Watch::new(progress);
        if in_batches {
            watch.keeps = Some((options, self.inputs(&data)?, origin));
        }
        let resume = match (kept(options)?, &watch.keeps) {
            (Some(path), Some((_, inputs, _))) => Some((*inputs, self.read_checkpoint(path)?)),
            _ => None,
        };
        let until = *until;
        let run = TrainingOptions { until, resume };
        let trained = train(&spec, &self.evaluator, &data, run, &mut watch);
        let trained = match (watch.phase, checkpoint) {
            (Some(Phase::Resuming), Some(path)) => trained.with_context(unusable(path)),
            _ => trained,
        };
        let trained = trained?.context("stopped")?;
        let bytes = write(&trained.model, &options.out)?;
        watch.finish_step();
        let resumed_from = trained.resumed_from.unwrap_or_default();
        Ok(Trained {
            learner: self.plan.purpose.describe(),
            samples: trained.samples,
            contributors: data.contributors(),
            labels_encrypted: trained.labels == LabelKind::Encrypted,
            level: trained.model.level(),
            bytes,
            iterations: trained.iterations,
            resumed_from: options.resume.then_some(resumed_from),
            notes: self.notes(origin.features.is_some()),
        })
    }

    fn open_files(&self, options: &TrainOptions, spec: &TrainingSpec) -> Result<TrainingFiles> {
        for path in &options.data {
            refuse_secret_key(path)?;
        }
        let limits = FileLimits::default();
        let data = TrainingFiles::open(&options.data, spec, self.parameters(), limits)
            .and_then(|data| data.without(&options.without));
        data.map_err(|error| match error {
            FileError::NoLabels(file) => Error::input(format!(
                "{file} holds samples without labels: training needs labels, so encrypt labelled \
                 data with --labels encrypted or --labels clear"
            )),
            error => LearnError::from(error).into(),
        })
    }

    /// A hash of all that the weights depend on: plan, keys and data.
    fn inputs(&self, data: &TrainingFiles) -> Result<[u8; 32]> {
        let keys = DataFile::from(self.dir()?.join(EVALUATION_KEYS));
        let mut hasher = blake3::Hasher::new();
        hasher.update(&serde_json::to_vec(&self.plan)?);
        hasher.update(&checksum_of(&keys).map_err(LearnError::from)?);
        hasher.update(&data.checksum());
        Ok(*hasher.finalize().as_bytes())
    }

    /// The same where there are no files: what was encrypted is known by its ids.
    fn inputs_in_memory(&self, parts: &[&Batch]) -> Result<[u8; 32]> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&serde_json::to_vec(&self.plan)?);
        for (matrix, _) in parts {
            hasher.update(&serde_json::to_vec(&(matrix.origin(), matrix.samples()))?);
        }
        Ok(*hasher.finalize().as_bytes())
    }

    fn read_checkpoint(&self, path: &Path) -> Result<Bundle<'static>> {
        refuse_secret_key(path)?;
        let mut file = files::open(path)?;
        let state = Bundle::read(self.parameters(), &mut file).with_context(unusable(path))?;
        files::check_end(file, path)?;
        Ok(state)
    }
}

/// Shows how far a training is, and keeps what it has reached after every iteration.
struct Watch<'a> {
    progress: &'a dyn Progress,
    step: Option<Box<dyn Step>>,
    phase: Option<Phase>,
    /// Where to keep it, the hash of what it depends on, and what a model says of itself.
    keeps: Option<(&'a TrainOptions, [u8; 32], Origin)>,
}

impl<'a> Watch<'a> {
    fn new(progress: &'a dyn Progress) -> Self {
        Self {
            progress,
            step: None,
            phase: None,
            keeps: None,
        }
    }

    fn finish_step(&mut self) {
        if let Some(step) = self.step.take() {
            step.finish();
        }
    }
}

impl Observer for Watch<'_> {
    type Error = Error;

    fn phase(&mut self, phase: Phase) {
        self.finish_step();
        self.phase = Some(phase);
        if phase != Phase::Resuming {
            self.step = Some(self.progress.begin(&phase.to_string()));
        }
    }

    fn progress(&mut self, of_phase: Units, _: Units) {
        if let Some(step) = &self.step {
            step.advance(of_phase.done, of_phase.total);
        }
    }

    fn after_batch(&mut self, session: &dyn Session) -> Result<ControlFlow<()>> {
        if let Some((options, inputs, origin)) = self.keeps {
            if let Some(path) = &options.checkpoint
                && let Some(state) = session.checkpoint(inputs)?
            {
                files::write_atomically(path, |file| state.write(file))?;
            }
            if let Some(path) = &options.snapshot
                && let Some(model) = session.model()?
            {
                write(&model.with_origin(origin), path)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The checkpoint to go on from.
fn kept(options: &TrainOptions) -> Result<Option<&Path>> {
    let Some(path) = &options.checkpoint else {
        return Ok(None);
    };
    match (options.resume, path.exists()) {
        (true, true) => Ok(Some(path)),
        (false, true) => {
            let message = format!(
                "{} already exists: resume from it with --resume, or remove it to start over",
                path.display()
            );
            Err(Error::input(message))
        }
        (_, false) => Ok(None),
    }
}

fn unusable(checkpoint: &Path) -> impl FnOnce() -> String {
    move || format!("cannot resume from {}", checkpoint.display())
}
