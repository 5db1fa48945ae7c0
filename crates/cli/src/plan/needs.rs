//! Levels, keys and layouts that training and classification take.

use anyhow::Result;
use tapetum_learn::{Layout, LinearModel, PlainModel, Requirements, Verdict};

use super::{Learner, task};

/// For training with encrypted labels, which needs most, and any classification.
pub(super) fn requirements(
    learner: &Learner,
    layout: &Layout,
    classes: usize,
    verdicts: Option<&Verdict>,
) -> Result<Requirements> {
    if matches!(learner, Learner::ClassifyOnly) {
        let single = single(layout, classes)?;
        return Ok(Requirements {
            levels: PlainModel::SAMPLE_LEVEL,
            ..PlainModel::key_requirements(&single)
        });
    }
    let training = learner.estimator()?.requirements(layout, task(classes));
    let verdicts = verdicts.map(Verdict::requirements).unwrap_or_default();
    Ok(training
        .then(classification(layout, classes)?)
        .then(verdicts))
}

/// For single samples, whose blocks are the widest and need the most.
pub(super) fn classification(layout: &Layout, classes: usize) -> Result<Requirements> {
    let single = single(layout, classes)?;
    Ok(LinearModel::requirements(
        &single,
        layout.block_cols(),
        classes,
    )?)
}

fn single(layout: &Layout, classes: usize) -> Result<Layout> {
    let (cols, slots, block_cols) = (layout.cols(), layout.slots(), layout.block_cols());
    Ok(Layout::for_samples_of(classes, 1, cols, slots, block_cols)?)
}
