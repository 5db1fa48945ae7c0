//! Training that adds up its samples: they stream by, and sums of a fixed size remain.

use tapetum_learn::{LabelKind, PartialFit, Ridge};

use super::Server;
use super::batches::Batches;
use super::options::{TrainOptions, Trained, write};
use crate::error::{Context, Result};
use crate::progress::Progress;

/// Units of progress of a part of the file.
const UNITS: usize = 1000;

/// Trains on the parts of files.
pub fn run(
    args: &TrainOptions,
    server: &Server,
    data: &Batches,
    regression: &Ridge,
    progress: &dyn Progress,
) -> Result<Trained> {
    let evaluator = &server.evaluator;
    let step = progress.begin(&format!("adding up {} parts of samples", data.len()));
    let mut training: Option<PartialFit<'_>> = None;
    let (mut parts, mut labels_encrypted) = (0, false);
    data.stream(0..data.len(), |matrix, labels| {
        let training = match &mut training {
            Some(training) => training,
            None => training.insert(PartialFit::new(
                regression,
                evaluator,
                matrix.layout(),
                labels.task(),
                None,
            )?),
        };
        labels_encrypted = labels.kind() == LabelKind::Encrypted;
        training.add(matrix, labels, &mut |p| {
            let part = p.done * UNITS / p.total.max(1);
            step.advance(parts * UNITS + part, data.len() * UNITS);
        })?;
        parts += 1;
        Ok(true)
    })?;
    step.finish();

    let training = training.context("a file without parts")?;
    let samples = training.samples();
    let step = progress.begin(&format!("training on the sums of {samples} samples"));
    let model = training.finish(&mut |p| step.advance(p.done, p.total))?;
    let bytes = write(&model, &args.out)?;
    step.finish();
    Ok(Trained {
        learner: server.plan.purpose.describe(),
        samples,
        contributors: data.contributors(),
        labels_encrypted,
        level: model.level(),
        bytes,
        iterations: None,
        resumed_from: None,
    })
}
