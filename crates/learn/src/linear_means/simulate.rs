//! The plaintext reference of encrypted training.

use crate::error::Result;
use crate::features::{Features, dot};
use crate::labels::ClassLabels;
use crate::plain_model::PlainModel;
use crate::simulation::{RangeReport, Simulation};

/// D and S as of [`ClassMeans`](super::ClassMeans), and the prior 2 (1/4 - t^2).
pub(crate) struct PlainMeans {
    pub difference: Vec<f64>,
    pub sum: Vec<f64>,
    pub prior: f64,
}

impl PlainMeans {
    pub fn new(what: &'static str, features: &Features<'_>, labels: &ClassLabels) -> Result<Self> {
        labels.check_trainable(features.rows())?;
        let labels = labels.centred(what)?;
        let a = features.mean(&vec![1.0; features.rows()]);
        let h = features.mean(&labels);
        let t = labels.iter().sum::<f64>() / features.rows() as f64;
        let combine = |f: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
            a.iter().zip(&h).map(|(&a, &h)| f(a, h)).collect()
        };
        Ok(Self {
            difference: combine(&|a, h| h - t * a),
            sum: combine(&|a, h| a / 2.0 - 2.0 * t * h),
            prior: 2.0 * (0.25 - t * t),
        })
    }

    /// The model with weights in this direction, and the threshold in the middle of the class means.
    pub fn model(&self, direction: &[f64]) -> Simulation {
        Simulation {
            model: PlainModel {
                weights: direction.iter().map(|w| self.prior * w).collect(),
                intercepts: vec![-dot(direction, &self.sum)],
            }
            .into(),
            ranges: RangeReport::none(),
        }
    }
}

pub(super) fn simulate(features: &Features<'_>, labels: &ClassLabels) -> Result<Simulation> {
    let means = PlainMeans::new("linear means", features, labels)?;
    Ok(means.model(&means.difference))
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

            let model = model.linear().unwrap();
            let found = dot(&model.weights, &x) + model.intercepts[0];
            prop_assert!((found - score / 12f64.powi(4)).abs() < 1e-12);
        }
    }
}
