//! Sums of samples as a bundle: machines that each add up a share of the samples hand on what they made.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tapetum_ckks::wire::Bundle;

use super::fit::Solver;
use super::gram::Sums;
use crate::bundle;
use crate::error::{LearnError, Result, check_equal};
use crate::labels::ClassLabels;
use crate::origin::Origin;
use crate::passes::{Form, check_forms};
use crate::task::LabelKind;

/// The kind of bundle that holds sums.
pub(crate) const KIND: &str = "training-sums";
/// Most parts that sums can be of.
const MAX_PARTS: u32 = 1 << 24;

/// What has become of the parts.
pub(super) struct Summed {
    pub sums: Sums,
    pub batches: usize,
    /// That of the first part.
    pub level: Option<usize>,
    /// The classes in labels that are not encrypted.
    pub seen: BTreeSet<u8>,
}

/// What the ciphertexts do not say.
#[derive(Serialize, Deserialize)]
struct Shape {
    features: u32,
    block_cols: u32,
    classes: u16,
    encrypted_labels: bool,
    samples: u32,
    parts: u32,
    level: u8,
    /// The classes in clear labels.
    seen: Vec<u8>,
}

/// Whether the labels in a bundle of [`Session::into_sums`](crate::Session::into_sums) are encrypted.
///
/// # Errors
/// [`LearnError`] if the bundle holds something else.
pub fn label_kind_of_sums(sums: &Bundle<'_>) -> Result<LabelKind> {
    let shape: Shape = bundle::shape_of(sums.metadata(), KIND)?;
    Ok(label_kind_of(&shape))
}

fn label_kind_of(shape: &Shape) -> LabelKind {
    match shape.encrypted_labels {
        true => LabelKind::Encrypted,
        false => LabelKind::Clear,
    }
}

/// The sums of some samples, of the same `origin`.
pub(super) fn write(
    solver: &Solver<'_>,
    summed: Summed,
    origin: &Origin,
) -> Result<Bundle<'static>> {
    let level = summed.level.ok_or(LearnError::Empty("samples"))?;
    let shape = Shape {
        features: solver.shape.features as u32,
        block_cols: solver.shape.width as u32,
        classes: solver.task.classes as u16,
        encrypted_labels: solver.task.labels == LabelKind::Encrypted,
        samples: u32::try_from(summed.sums.samples()).map_err(|_| malformed("it is too large"))?,
        parts: u32::try_from(summed.batches).map_err(|_| malformed("it is too large"))?,
        level: level as u8,
        seen: summed.seen.into_iter().collect(),
    };
    let ciphertexts = summed.sums.into_ciphertexts()?;
    let metadata = bundle::encode(KIND, (&shape, origin))?;
    let parameters = solver.evaluator.parameters();
    Ok(Bundle::new(parameters, KIND, metadata, ciphertexts)?)
}

/// Sums that fit the training of this solver, and their origin. All parts are checked, because they may come from
/// outside.
pub(super) fn read(solver: &Solver<'_>, sums: Bundle<'_>) -> Result<(Summed, Origin)> {
    let (shape, origin, ciphertexts): (Shape, _, _) = bundle::read(sums, KIND)?;
    let task = solver.task;
    check_equal(
        "features of the sums",
        solver.shape.features,
        shape.features as usize,
    )?;
    check_equal(
        "columns of a block of the sums",
        solver.shape.width,
        shape.block_cols as usize,
    )?;
    check_equal("classes of the sums", task.classes, shape.classes.into())?;
    if label_kind_of(&shape) != task.labels {
        return Err(malformed(
            "some parts have encrypted labels, and some have clear ones",
        ));
    }
    if shape.samples == 0 || !(1..=MAX_PARTS).contains(&shape.parts) {
        return Err(malformed("it is of no samples, or of more than 2^24 parts"));
    }
    let level = usize::from(shape.level);
    check_equal("level of the sums", solver.start_level(level)?, level)?;
    match task.labels {
        LabelKind::Clear => drop(ClassLabels::of_classes(shape.seen.clone(), task.classes)?),
        LabelKind::Encrypted => check_equal("classes of encrypted labels", 0, shape.seen.len())?,
    }
    if !shape.seen.is_sorted_by(|a, b| a < b) {
        return Err(malformed("its classes are not in their order"));
    }
    let mut sums = Sums::new(solver.shape, Some(task));
    let forms = forms(solver, level, sums.count());
    check_forms(solver.evaluator.parameters(), &ciphertexts, &forms)?;
    sums.restore(ciphertexts, shape.samples as usize)?;
    let summed = Summed {
        sums,
        batches: shape.parts as usize,
        level: Some(level),
        seen: shape.seen.into_iter().collect(),
    };
    Ok((summed, origin))
}

/// Products of ciphertexts are not relinearised; those with clear labels are not rescaled.
fn forms(solver: &Solver<'_>, level: usize, count: usize) -> Vec<Form> {
    let of_labels = match solver.task.labels {
        LabelKind::Clear => Form::plain_product(level),
        LabelKind::Encrypted => Form::product(level),
    };
    let mut forms = vec![Form::product(level); solver.shape.count()];
    forms.resize(count, of_labels);
    forms
}

fn malformed(reason: &'static str) -> LearnError {
    LearnError::Malformed {
        what: "a set of sums",
        reason,
    }
}
