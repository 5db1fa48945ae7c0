//! The training in the clear: the same steps in `f64`.

use rayon::prelude::*;

use super::config::TwoLayerConfig;
use super::plain::PlainTwoLayer;
use super::weights;
use crate::error::Result;
use crate::features::{Features, dot};
use crate::labels::ClassLabels;
use crate::simulation::{PlainClassifier, RangeOf, RangeReport, Simulation};
use crate::task::outputs;

/// One layer and its momentum, by rows.
struct Layer {
    weights: Vec<f64>,
    momentum: Vec<f64>,
}

impl Layer {
    fn new(weights: Vec<f64>) -> Self {
        Self {
            momentum: vec![0.0; weights.len()],
            weights,
        }
    }

    /// A step of Nesterov's method in the form of Sutskever, Martens, Dahl and Hinton (2013), section 2, for the weights ahead:
    /// m = mu m - eta g, then w = w + mu m - eta g.
    fn step(&mut self, gradient: &[f64], rate: f64, mu: f64) {
        let numbers = self.weights.iter_mut().zip(&mut self.momentum);
        for ((weight, momentum), g) in numbers.zip(gradient) {
            *momentum = mu * *momentum - rate * g;
            *weight += mu * *momentum - rate * g;
        }
    }

    /// The largest weight or momentum, as a packed vector holds them.
    fn largest(&self, mu: f64) -> f64 {
        let momentum = self.momentum.iter().map(|m| (1.0 + mu) * m);
        let all = self.weights.iter().copied().chain(momentum);
        all.fold(0.0, |max, x| larger(max, x.abs()))
    }
}

pub(super) fn simulate(
    config: &TwoLayerConfig,
    features: &Features<'_>,
    labels: &ClassLabels,
) -> Result<Simulation> {
    labels.check_trainable(features.rows())?;
    let (units, columns, rows) = (config.hidden_units, features.cols(), config.batches.rows);
    let (activation, mu) = (config.activation, config.momentum);
    let targets = labels.targets();
    let scores = outputs(labels.classes());
    let batches = features.rows().div_ceil(rows);

    let initial = weights::initial(config.seed, (units, columns), config.initial_scale);
    let (mut hidden, mut output) = (Layer::new(initial), Layer::new(vec![0.0; scores * units]));
    let (mut ranges, mut weight): (Vec<f64>, f64) = (Vec::new(), 0.0);
    for iteration in 0..config.iterations {
        let first = iteration % batches.max(1) * rows;
        let batch = features.part(first..(first + rows).min(features.rows()));
        let samples = batch.rows();
        // z + h, by units.
        let sums: Vec<Vec<f64>> = hidden
            .weights
            .par_chunks_exact(columns)
            .map(|row| {
                let sums = batch.times(row).into_iter();
                sums.map(|z| z + activation.shift()).collect()
            })
            .collect();
        let range = sums
            .iter()
            .flatten()
            .fold(0.0, |max, x| larger(max, (x - activation.shift()).abs()));
        // Ranges are told from the second iteration on.
        match (iteration, &mut ranges[..]) {
            (1, [first]) => *first = larger(*first, range),
            _ => ranges.push(range),
        }
        let activations: Vec<Vec<f64>> = sums
            .iter()
            .map(|sums| {
                let values = sums.iter().map(|x| x * x - activation.offset());
                values.map(|a| activation.factor() * a).collect()
            })
            .collect();
        // By classes.
        let residuals: Vec<Vec<f64>> = output
            .weights
            .par_chunks_exact(units)
            .zip(&targets)
            .map(|(row, targets)| {
                let mut scores = vec![0.0; samples];
                for (activations, weight) in activations.iter().zip(row) {
                    scores
                        .iter_mut()
                        .zip(activations)
                        .for_each(|(s, a)| *s += weight * a);
                }
                scores
                    .iter_mut()
                    .zip(&targets[first..])
                    .for_each(|(s, y)| *s -= y);
                scores
            })
            .collect();
        let of_output: Vec<f64> = residuals
            .iter()
            .flat_map(|residuals| {
                activations
                    .iter()
                    .map(|a| dot(a, residuals) / samples as f64)
            })
            .collect();
        let of_hidden: Vec<f64> = (0..units)
            .into_par_iter()
            .flat_map_iter(|unit| {
                let mut back = vec![0.0; samples];
                for (residuals, row) in residuals.iter().zip(output.weights.chunks_exact(units)) {
                    back.iter_mut()
                        .zip(residuals)
                        .for_each(|(b, e)| *b += row[unit] * e);
                }
                let derivative = 2.0 * activation.factor();
                back.iter_mut()
                    .zip(&sums[unit])
                    .for_each(|(b, z)| *b *= derivative * z);
                batch.mean(&back)
            })
            .collect();
        output.step(&of_output, config.output_rate, mu);
        hidden.step(&of_hidden, config.hidden_rate, mu);
        weight = larger(weight, hidden.largest(mu));
        // Twice the factor of the activation is in what is packed of the second layer.
        weight = larger(weight, 2.0 * activation.factor() * output.largest(mu));
    }
    Ok(Simulation {
        model: PlainClassifier::TwoLayer(PlainTwoLayer {
            activation,
            hidden: hidden.weights,
            output: output.weights,
            units,
        }),
        ranges: RangeReport {
            of: RangeOf::HiddenUnits,
            largest: ranges,
            interval: TwoLayerConfig::INTERVAL,
            weight,
            weight_bound: config.batches.weight_bound,
        },
    })
}

/// f64::max would pass over a NaN.
fn larger(max: f64, x: f64) -> f64 {
    if max >= x { max } else { x }
}
