//! The plaintext twin of encrypted training.

use super::LogisticRegression;
use super::nesterov::steps;
use crate::error::LearnError;
use crate::features::Features;
use crate::labels::ClassLabels;
use crate::plain_model::{PlainModel, RangeReport, Simulation};

pub(super) fn simulate(
    estimator: &LogisticRegression,
    features: &Features<'_>,
    labels: &ClassLabels,
) -> Result<Simulation, LearnError> {
    labels.check_trainable(features.rows())?;
    let samples = features.rows() as f64;
    let sigmoid = estimator.sigmoid();
    let labels = labels.centred("logistic regression")?;
    let mut v = vec![0.0; features.cols()];
    let mut w = v.clone();
    let mut largest = Vec::new();
    for step in steps(&estimator.config().steps, estimator.config().iterations) {
        let z = features.times(&v);
        // f64::max would pass over a NaN.
        let max = |max: f64, z: &f64| if max >= z.abs() { max } else { z.abs() };
        largest.push(z.iter().fold(0.0, max));
        let residual: Vec<_> = labels
            .iter()
            .zip(&z)
            .map(|(y, &z)| y - sigmoid.odd_part(z))
            .collect();
        let gradient = features.transposed_times(&residual);
        for ((v, w), g) in v.iter_mut().zip(&mut w).zip(gradient) {
            let next = *v + step.rate / samples * g;
            *v = (1.0 + step.momentum) * next - step.momentum * *w;
            *w = next;
        }
    }
    // The first iteration starts from zero and evaluates nothing.
    largest.remove(0);
    Ok(Simulation {
        model: PlainModel {
            weights: w,
            offsets: vec![0.0],
        },
        ranges: RangeReport {
            largest,
            interval: sigmoid.interval(),
        },
    })
}
