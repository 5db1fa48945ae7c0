//! The plaintext reference.

use super::sigmoid::Sigmoid;
use super::softmax::Softmax;
use super::{GradientDescent, Link};
use crate::error::Result;
use crate::features::Features;
use crate::labels::ClassLabels;
use crate::plain_model::PlainModel;
use crate::simulation::{RangeOf, RangeReport, Simulation};
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
    let residuals = Residuals::of(descent, labels.classes())?;
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
        let mut columns: Vec<_> = v.chunks_exact(cols).map(|v| batch.times(v)).collect();
        let of_batch: Vec<_> = targets.iter().map(|y| &y[first..]).collect();
        let range = residuals.replace(&mut columns, &of_batch, k == 0);
        for (head, residual) in columns.iter().enumerate() {
            let part = head * cols..(head + 1) * cols;
            let (v, w) = (&mut v[part.clone()], &mut w[part]);
            let gradient = batch.transposed_times(residual);
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
        }
        .into(),
        ranges: RangeReport {
            of: RangeOf::Scores,
            largest,
            interval: descent.link.interval(),
            weight,
            weight_bound: match in_batches {
                true => descent.batches.weight_bound,
                false => f64::INFINITY,
            },
        },
    })
}

/// How scores are compared with labels.
enum Residuals<'a> {
    /// By the sigmoid, which is 1/2 and an odd polynomial.
    Sigmoid {
        sigmoid: &'a Sigmoid,
        centre: f64,
    },
    Softmax(Box<Softmax>),
}

impl<'a> Residuals<'a> {
    fn of(descent: &'a GradientDescent, classes: usize) -> Result<Self> {
        Ok(match &descent.link {
            Link::Sigmoid(sigmoid) => Self::Sigmoid {
                sigmoid,
                centre: if outputs(classes) > 1 { 0.5 } else { 0.0 },
            },
            &Link::Softmax(interval) => Self::Softmax(Box::new(Softmax::new(interval, classes)?)),
        })
    }

    /// Labels less probabilities in place of scores, a column for each output; how much of the interval is used.
    fn replace(&self, columns: &mut [Vec<f64>], targets: &[&[f64]], first: bool) -> f64 {
        match self {
            Self::Sigmoid { sigmoid, centre } => {
                let range = columns.iter().flatten().fold(0.0, larger);
                for (z, y) in columns.iter_mut().zip(targets) {
                    for (z, y) in z.iter_mut().zip(*y) {
                        *z = y - centre - sigmoid.odd_part(*z);
                    }
                }
                range
            }
            Self::Softmax(softmax) => {
                let mut range = 0.0;
                let mut scores = vec![1.0 / columns.len() as f64; columns.len()];
                for i in 0..columns.first().map_or(0, Vec::len) {
                    if !first {
                        scores
                            .iter_mut()
                            .zip(&*columns)
                            .for_each(|(s, z)| *s = z[i]);
                        range = larger(range, &softmax.eval(&mut scores));
                    }
                    for ((z, y), p) in columns.iter_mut().zip(targets).zip(&scores) {
                        z[i] = y[i] - p;
                    }
                }
                range
            }
        }
    }
}

/// f64::max would pass over a NaN.
fn larger(max: f64, x: &f64) -> f64 {
    if max >= x.abs() { max } else { x.abs() }
}
