//! The plaintext reference.

use super::GradientDescent;
use crate::error::Result;
use crate::features::Features;
use crate::labels::ClassLabels;
use crate::plain_model::{PlainModel, RangeReport, Simulation};
use crate::task::outputs;

/// Runs all iterations in the clear: on mini-batches, or on all samples at once.
pub(crate) fn simulate(
    descent: &GradientDescent,
    features: &Features<'_>,
    labels: &ClassLabels,
    in_batches: bool,
) -> Result<Simulation> {
    labels.check_trainable(features.rows())?;
    descent.check_classes(labels.classes())?;
    let (cols, outputs) = (features.cols(), outputs(labels.classes()));
    let centre = if outputs > 1 { 0.5 } else { 0.0 };
    let targets = labels.targets();
    let rows = match in_batches {
        true => descent.batches.rows,
        false => features.rows(),
    };
    let batches = features.rows().div_ceil(rows);

    let mut v = vec![0.0; outputs * cols];
    let mut w = v.clone();
    let (mut largest, mut weight) = (Vec::new(), 0.0);
    for (k, step) in descent.steps.iter().enumerate() {
        let first = descent.batch_of(k, batches) * rows;
        let batch = features.part(first..(first + rows).min(features.rows()));
        let samples = batch.rows() as f64;
        let mut range = 0.0;
        for (head, targets) in targets.iter().enumerate() {
            let part = head * cols..(head + 1) * cols;
            let (v, w) = (&mut v[part.clone()], &mut w[part]);
            let z = batch.times(v);
            range = z.iter().fold(range, larger);
            let residual: Vec<_> = targets[first..]
                .iter()
                .zip(&z)
                .map(|(y, &z)| y - centre - descent.sigmoid.odd_part(z))
                .collect();
            let gradient = batch.transposed_times(&residual);
            for ((v, w), g) in v.iter_mut().zip(w).zip(gradient) {
                let next = *v + step.rate / samples * g;
                *v = (1.0 + step.momentum) * next - step.momentum * *w;
                *w = next;
            }
        }
        // The first iteration starts from zero and evaluates nothing.
        if k > 0 {
            largest.push(range);
        }
        weight = v.iter().chain(&w).fold(weight, larger);
    }
    Ok(Simulation {
        model: PlainModel {
            weights: w,
            intercepts: vec![0.0; outputs],
        },
        ranges: RangeReport {
            largest,
            interval: descent.sigmoid.interval(),
            weight,
            weight_bound: match in_batches {
                true => descent.batches.weight_bound,
                false => f64::INFINITY,
            },
        },
    })
}

/// f64::max would pass over a NaN.
fn larger(max: f64, x: &f64) -> f64 {
    if max >= x.abs() { max } else { x.abs() }
}
