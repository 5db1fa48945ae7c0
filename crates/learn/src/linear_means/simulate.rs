//! The plaintext reference of encrypted training.

use crate::error::LearnError;
use crate::features::{Features, dot};
use crate::labels::ClassLabels;
use crate::plain_model::{PlainModel, RangeReport, Simulation};

pub(super) fn simulate(
    features: &Features<'_>,
    labels: &ClassLabels,
) -> Result<Simulation, LearnError> {
    labels.check_trainable(features.rows())?;
    let samples = features.rows() as f64;
    let labels = labels.centred("linear means")?;
    let mean_of = |column: &[f64]| -> Vec<f64> {
        let sum = features.transposed_times(column);
        sum.into_iter().map(|x| x / samples).collect()
    };
    let a = mean_of(&vec![1.0; features.rows()]);
    let h = mean_of(&labels);
    let t = labels.iter().sum::<f64>() / samples;

    let combine = |f: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
        a.iter().zip(&h).map(|(&a, &h)| f(a, h)).collect()
    };
    let difference = combine(&|a, h| h - t * a);
    let sum = combine(&|a, h| a / 2.0 - 2.0 * t * h);
    let prior = 2.0 * (0.25 - t * t);
    Ok(Simulation {
        model: PlainModel {
            weights: difference.iter().map(|d| prior * d).collect(),
            intercepts: vec![-dot(&difference, &sum)],
        },
        ranges: RangeReport::none(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The formula of ML Confidential, in its words, over m^4.
        #[test]
        fn the_score_is_that_of_ml_confidential(
            values in prop::collection::vec(-2.0f64..2.0, 12 * 3),
            labels in prop::collection::vec(any::<bool>(), 12),
            x in prop::collection::vec(-2.0f64..2.0, 3),
        ) {
            let labels = ClassLabels::new(labels).unwrap();
            let features = Features::new(&values, 3).unwrap();
            let Ok(simulation) = simulate(&features, &labels) else { return Ok(()) };
            let model = simulation.model;

            let (mut s, mut m) = ([[0.0; 3]; 2], [0.0; 2]);
            for (sample, &label) in features.samples().zip(labels.as_slice()) {
                let class = usize::from(label);
                m[class] += 1.0;
                s[class].iter_mut().zip(sample).for_each(|(s, x)| *s += x);
            }
            let ([s0, s1], [m0, m1]) = (s, m);
            let difference: Vec<_> = (0..3).map(|j| m0 * s1[j] - m1 * s0[j]).collect();
            let sum: Vec<_> = (0..3).map(|j| m0 * s1[j] + m1 * s0[j]).collect();
            let score = 2.0 * m0 * m1 * dot(&difference, &x) - dot(&difference, &sum);

            let found = dot(&model.weights, &x) + model.intercepts[0];
            prop_assert!((found - score / 12f64.powi(4)).abs() < 1e-12);
        }
    }
}
