//! Training in mini-batches: the data stream by, and what is reached is kept after every iteration.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use tapetum_ckks::Bootstrapper;
use tapetum_ckks::wire::Bundle;
use tapetum_learn::{Bootstrap, GradientDescent, LabelKind, Labels, Task, Training};

use super::batches::{Batches, checksum_of};
use super::options::{TrainOptions, Trained, write};
use super::{Server, refuse_secret_key};
use crate::error::{Context, Error, Result};
use crate::folders::{EVALUATION_KEYS, files};
use crate::progress::Progress;

/// Units of progress of an iteration.
const UNITS: usize = 1000;

/// Trains on mini-batches.
pub fn run(
    args: &TrainOptions,
    server: &Server,
    data: &Batches,
    descent: GradientDescent,
    progress: &dyn Progress,
) -> Result<Trained> {
    for target in args.checkpoint.iter().chain(&args.snapshot) {
        files::check_target(target)?;
    }
    let parameters = server.parameters();
    let labels = data.read(0)?.1;
    let labels_encrypted = matches!(labels, Labels::Encrypted(_));
    let inputs = inputs(server, data)?;

    let spec = server.plan.training_spec()?;
    let bootstrapper = match spec.bootstrapping(parameters)? {
        Some(plan) => {
            let step = progress.begin("preparing to bootstrap");
            let bootstrapper = Bootstrapper::new(&plan)?;
            step.finish();
            Some(bootstrapper)
        }
        None => None,
    };
    let bootstrap = bootstrapper.as_ref().map(|b| b as &dyn Bootstrap);
    let layout = spec.batch_layout(parameters)?;
    let task = Task {
        classes: labels.classes(),
        labels: match labels_encrypted {
            true => LabelKind::Encrypted,
            false => LabelKind::Clear,
        },
    };
    let evaluator = &server.evaluator;
    let mut training = match kept(args)? {
        Some(path) => {
            refuse_secret_key(path)?;
            let unusable = || format!("cannot resume from {}", path.display());
            let mut file = files::open(path)?;
            let bundle = Bundle::read(parameters, &mut file).with_context(unusable)?;
            files::check_end(file, path)?;
            let (start, context) = ((descent, layout, task), evaluator);
            resume(start, context, bootstrap, inputs, bundle).with_context(unusable)?
        }
        None => Training::new(descent, evaluator, &layout, task, bootstrap)?,
    };
    let resumed_from = args.resume.then_some(training.iteration());

    let (batches, iterations) = (data.len(), training.gradient_descent().iterations());
    let until = args.until.unwrap_or(iterations).min(iterations);
    let what = format!("training, {until} iterations on {batches} mini-batches");
    let step = progress.begin(&what);
    let begin = training.iteration();
    let mut rows_of = BTreeMap::new();
    if begin < until {
        let order: Vec<_> = (begin..until)
            .map(|iteration| training.gradient_descent().batch_of(iteration, batches))
            .collect();
        data.stream(order.clone().into_iter(), |matrix, labels| {
            rows_of.insert(order[training.iteration() - begin], matrix.layout().rows());
            let done = (training.iteration() - begin) * UNITS;
            training.step(matrix, labels, &mut |p| {
                let part = p.done * UNITS / p.total.max(1);
                step.advance(done + part, (until - begin) * UNITS);
            })?;
            if let Some(path) = &args.checkpoint {
                let state = training.checkpoint(inputs)?;
                files::write_atomically(path, |file| state.write(file))?;
            }
            if let Some(path) = &args.snapshot {
                write(&training.model()?, path)?;
            }
            Ok(training.iteration() < until)
        })?;
    }
    for iteration in 0..begin.min(until) {
        // Those that were read before the training was resumed.
        let batch = training.gradient_descent().batch_of(iteration, batches);
        if let Entry::Vacant(rows) = rows_of.entry(batch) {
            rows.insert(data.read(batch)?.0.layout().rows());
        }
    }
    let model = training.model()?;
    let bytes = write(&model, &args.out)?;
    step.finish();
    Ok(Trained {
        learner: server.plan.purpose.describe(),
        samples: rows_of.values().sum(),
        contributors: data.contributors(),
        labels_encrypted,
        level: model.level(),
        bytes,
        iterations: Some(training.iteration()),
        resumed_from,
    })
}

/// The checkpoint to go on from.
fn kept(args: &TrainOptions) -> Result<Option<&Path>> {
    let Some(path) = &args.checkpoint else {
        return Ok(None);
    };
    match (args.resume, path.exists()) {
        (true, true) => Ok(Some(path)),
        (false, true) => {
            let message = format!(
                "{} is there already: go on from it with --resume, or remove it to begin anew",
                path.display()
            );
            Err(Error::input(message))
        }
        (_, false) => Ok(None),
    }
}

fn resume<'a>(
    (descent, layout, task): (GradientDescent, tapetum_learn::Layout, Task),
    evaluator: &'a tapetum_ckks::Evaluator,
    bootstrap: Option<&'a dyn Bootstrap>,
    inputs: [u8; 32],
    bundle: Bundle<'_>,
) -> Result<Training<'a>> {
    Ok(Training::resume(
        descent, evaluator, &layout, task, bootstrap, inputs, bundle,
    )?)
}

/// A hash of all that the weights depend on: plan, keys and data.
fn inputs(server: &Server, data: &Batches) -> Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&serde_json::to_vec(&server.plan)?);
    hasher.update(&checksum_of(&server.dir()?.join(EVALUATION_KEYS))?);
    hasher.update(&data.checksum());
    Ok(*hasher.finalize().as_bytes())
}
