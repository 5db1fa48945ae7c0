//! What a job computes. All of it runs on a thread of its own, and knows no request and no tenant.

use tapetum_ckks::wire::Bundle;
use tapetum_learn::files::FileLimits;
use tapetum_learn::{Observer, Progress, ScoreThreshold, Trained, TrainingOptions, TrainingSpec};

use crate::error::{Error, Result};
use crate::key_cache::Engine;
use crate::network_cache::ReadyNetwork;
use crate::store::blobs::Local;
use crate::store::content::{self, Caps};
use crate::store::networks;

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
    /// Contributors whose samples are left out.
    pub without: Vec<String>,
    /// With mini-batches: it ends after so many iterations.
    pub until: Option<usize>,
}

/// Trains by a recipe, unless the observer stops it.
pub fn train(
    engine: &Engine,
    recipe: &TrainingSpec,
    input: &TrainingInput,
    observer: &mut impl Observer<Error = Error>,
) -> Result<Option<Trained>> {
    let parameters = engine.evaluator.parameters();
    let paths = input.parts.iter().map(|part| &**part);
    let limits = (input.caps, FileLimits::default().batches);
    let data = content::training_files(paths, parameters, recipe, limits)?;
    let data = data.without(&input.without)?;
    let resume = match &input.checkpoint {
        Some(path) => {
            let state = Bundle::read(parameters, content::open(path)?)?;
            Some((input.inputs, state))
        }
        None => None,
    };
    let options = TrainingOptions {
        until: input.until,
        resume,
    };
    tapetum_learn::train(recipe, &engine.evaluator, &data, options, observer)
}

/// What to classify.
pub struct ClassificationInput {
    /// The file of the model.
    pub model: Local,
    /// The file of the samples.
    pub samples: Local,
    /// Whether the model is not encrypted.
    pub plain: bool,
    /// How scores become verdicts, if they do.
    pub verdicts: Option<ScoreThreshold>,
    /// What objects may be at most.
    pub caps: Caps,
}

/// Classifies an image by a network, and hands the bundle of scores to `keep`.
pub fn classify_by_network<T>(
    engine: &Engine,
    network: &ReadyNetwork,
    image: &Local,
    observer: &mut impl Observer<Error = Error>,
    keep: impl FnOnce(Bundle<'_>) -> Result<T>,
) -> Result<T> {
    let evaluator = &engine.evaluator;
    let image = networks::image(image, evaluator.parameters(), &network.plan)?;
    let total = network.plan.layers().len();
    let scores = network.network.classify(evaluator, &image, &mut |done| {
        let progress = Progress {
            what: "layers of a network",
            done,
            total,
        };
        observer.progress(progress, progress);
    })?;
    keep(scores.to_bundle()?)
}

/// Classifies samples, and hands the bundle of scores or verdicts to `keep`.
pub fn classify<T>(
    engine: &Engine,
    input: &ClassificationInput,
    observer: &mut impl Observer<Error = Error>,
    keep: impl FnOnce(Bundle<'_>) -> Result<T>,
) -> Result<T> {
    let evaluator = &engine.evaluator;
    let parameters = evaluator.parameters();
    let plain = input.plain.then_some(input.caps);
    let model = content::model(&input.model, parameters, plain)?;
    let samples = content::samples(&input.samples, parameters, input.caps)?;
    let mut listen = |p: Progress| observer.progress(p, p);
    let what = (evaluator, &samples);
    model.classify(input.verdicts.as_ref(), what, &mut listen, keep)
}
