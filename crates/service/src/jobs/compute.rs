//! What a job computes. All of it runs on a thread of its own, and knows no request and no tenant.

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Bootstrapper, Parameters};
use tapetum_learn::{
    Bootstrap, EncryptedMatrix, GradientDescent, Labels, LinearModel, PartialFit, Progress, Ridge,
    ScoreThreshold, Training, TrainingSpec,
};

use super::keys::Engine;
use crate::error::{Error, Result};
use crate::store::blobs::Local;
use crate::store::content::{self, Caps, PartFile};

/// Units of progress of an iteration.
const UNITS: usize = 1000;

/// Who hears how far a computation is, and what it has reached.
pub trait Observer: Send {
    /// So much is done. To end a computation from here, unwind with [`Ended`].
    fn progress(&mut self, done: usize, total: usize, what: &'static str);

    /// Keeps the state of a training.
    ///
    /// # Errors
    /// If it cannot be kept, which ends the training.
    fn checkpoint(&mut self, state: &Bundle<'_>) -> Result<()>;
}

/// With this an [`Observer`] unwinds: computations have no other way out in the middle, and none of them
/// leaves anything behind.
#[derive(Debug)]
pub struct Ended;

/// What to train on.
pub struct TrainingInput {
    /// The files of the parts.
    pub parts: Vec<Local>,
    /// A hash of everything that the result depends on.
    pub inputs: [u8; 32],
    /// The state that an earlier attempt has reached.
    pub checkpoint: Option<Local>,
    /// What objects may be at most.
    pub caps: Caps,
}

/// What was trained.
pub struct Trained {
    /// The model.
    pub model: LinearModel,
    /// Whether labels were encrypted.
    pub labels: &'static str,
}

/// Trains by a recipe.
pub fn train(
    engine: &Engine,
    recipe: &TrainingSpec,
    input: &TrainingInput,
    observer: &mut dyn Observer,
) -> Result<Trained> {
    let parameters = engine.evaluator.parameters();
    let parts = input
        .parts
        .iter()
        .map(|path| PartFile::open(path, parameters, input.caps))
        .collect::<Result<Vec<_>>>()?;
    if let Some(descent) = recipe.learner.gradient_descent()? {
        return descend(engine, recipe, descent, &parts, input, observer);
    }
    match recipe.learner.ridge()? {
        Some(regression) => add_up(engine, &regression, &parts, observer),
        None => fit(engine, recipe, &parts, observer),
    }
}

/// Samples stream by, and sums of a fixed size remain.
fn add_up(
    engine: &Engine,
    regression: &Ridge,
    parts: &[PartFile],
    observer: &mut dyn Observer,
) -> Result<Trained> {
    let evaluator = &engine.evaluator;
    let batches: usize = parts.iter().map(PartFile::batches).sum();
    // Solving takes about as long as a batch.
    let total = (batches + 1) * UNITS;
    let mut begun: Option<PartialFit<'_>> = None;
    let (mut done, mut kind) = (0, "clear");
    for part in parts {
        for batch in 0..part.batches() {
            let (matrix, labels) = part.read(batch)?;
            kind = content::label_kind(&labels);
            let sums = match &mut begun {
                Some(sums) => sums,
                None => begun.insert(PartialFit::new(
                    regression,
                    evaluator,
                    matrix.layout(),
                    labels.task(),
                    None,
                )?),
            };
            sums.add(&matrix, &labels, &mut |p| {
                observer.progress(done + p.done * UNITS / p.total.max(1), total, p.what);
            })?;
            done += UNITS;
        }
    }
    let sums = begun.ok_or_else(|| Error::unacceptable("there is nothing to train on"))?;
    let model = sums.finish(&mut |p| {
        observer.progress(done + p.done * UNITS / p.total.max(1), total, p.what);
    })?;
    Ok(Trained {
        model,
        labels: kind,
    })
}

fn fit(
    engine: &Engine,
    recipe: &TrainingSpec,
    parts: &[PartFile],
    observer: &mut dyn Observer,
) -> Result<Trained> {
    let (mut matrices, mut labels) = (Vec::new(), Vec::new());
    for part in parts {
        for batch in 0..part.batches() {
            let (matrix, of_matrix) = part.read(batch)?;
            matrices.push(matrix);
            labels.push(of_matrix);
        }
    }
    let layouts: Vec<_> = matrices.iter().map(|matrix| *matrix.layout()).collect();
    let labels = Labels::stack(labels, &layouts)?;
    let matrix = EncryptedMatrix::stack(matrices)?;
    let mut listen = |p: Progress| observer.progress(p.done, p.total, p.what);
    let estimator = recipe.learner.estimator()?;
    let evaluator = &engine.evaluator;
    Ok(Trained {
        model: estimator.fit(evaluator, &matrix, &labels, &mut listen)?,
        labels: content::label_kind(&labels),
    })
}

fn descend(
    engine: &Engine,
    recipe: &TrainingSpec,
    descent: GradientDescent,
    parts: &[PartFile],
    input: &TrainingInput,
    observer: &mut dyn Observer,
) -> Result<Trained> {
    let evaluator = &engine.evaluator;
    let parameters = evaluator.parameters();
    let batches: Vec<_> = parts
        .iter()
        .flat_map(|part| (0..part.batches()).map(move |batch| (part, batch)))
        .collect();
    let (first, first_batch) = batches
        .first()
        .ok_or_else(|| Error::unacceptable("there is nothing to train on"))?;
    let labels = first.read(*first_batch)?.1;
    let task = labels.task();
    let kind = content::label_kind(&labels);
    drop(labels);

    let bootstrapper = bootstrapper(recipe, parameters)?;
    let bootstrap = bootstrapper.as_ref().map(|b| b as &dyn Bootstrap);
    let layout = recipe.batch_layout(parameters)?;
    let begin =
        |descent: GradientDescent| Training::new(descent, evaluator, &layout, task, bootstrap);
    let mut training = match &input.checkpoint {
        None => begin(descent)?,
        Some(path) => {
            let state = Bundle::read(parameters, content::open(path)?)?;
            let resumed = Training::resume(
                descent,
                evaluator,
                &layout,
                task,
                bootstrap,
                input.inputs,
                state,
            );
            resumed?
        }
    };
    let total = training.gradient_descent().iterations() * UNITS;
    while let Some(batch) = training.next_batch(batches.len()) {
        let (part, index) = batches[batch];
        let (matrix, labels) = part.read(index)?;
        let done = training.iteration() * UNITS;
        training.step(&matrix, &labels, &mut |p| {
            observer.progress(done + p.done * UNITS / p.total.max(1), total, p.what);
        })?;
        observer.checkpoint(&training.checkpoint(input.inputs)?)?;
    }
    Ok(Trained {
        model: training.model()?,
        labels: kind,
    })
}

fn bootstrapper(recipe: &TrainingSpec, parameters: &Parameters) -> Result<Option<Bootstrapper>> {
    let plan = recipe.bootstrapping(parameters)?;
    let made = plan.as_ref().map(Bootstrapper::new);
    made.transpose().map_err(Error::unacceptable)
}

/// What to classify.
pub struct ClassificationInput {
    /// The file of the model.
    pub model: Local,
    /// The file of the samples.
    pub samples: Local,
    /// How scores become verdicts, if they do.
    pub verdicts: Option<ScoreThreshold>,
    /// What objects may be at most.
    pub caps: Caps,
}

/// Classifies samples, and hands the bundle of scores or verdicts to `keep`.
pub fn classify<T>(
    engine: &Engine,
    input: &ClassificationInput,
    observer: &mut dyn Observer,
    keep: impl FnOnce(Bundle<'_>) -> Result<T>,
) -> Result<T> {
    let evaluator = &engine.evaluator;
    let parameters = evaluator.parameters();
    let model = content::model(&input.model, parameters)?;
    let samples = content::samples(&input.samples, parameters, input.caps)?;
    let mut listen = |p: Progress| observer.progress(p.done, p.total, p.what);
    match &input.verdicts {
        None => {
            let scores = model.decision_function(evaluator, &samples, &mut listen)?;
            keep(scores.to_bundle()?)
        }
        Some(verdict) => {
            let verdicts = model.predictions(verdict, evaluator, &samples, &mut listen)?;
            keep(verdicts.to_bundle()?)
        }
    }
}
