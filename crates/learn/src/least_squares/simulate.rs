//! The plaintext reference.

use super::LeastSquaresConfig;
use crate::error::{LearnError, Result};
use crate::features::{Features, dot};
use crate::labels::ClassLabels;
use crate::linear_means::PlainMeans;
use crate::plain_model::PlainModel;
use crate::simulation::{RangeReport, Simulation};

pub(super) fn ridge(
    config: &LeastSquaresConfig,
    features: &Features<'_>,
    labels: &ClassLabels,
) -> Result<Simulation> {
    labels.check_trainable(features.rows())?;
    let solution = Solution::new(config, features)?;
    let targets = labels.targets();
    let weights = (targets.iter()).flat_map(|column| solution.apply(&features.mean(column)));
    Ok(Simulation {
        model: PlainModel {
            weights: weights.collect(),
            intercepts: vec![0.0; targets.len()],
        }
        .into(),
        ranges: RangeReport::none(),
    })
}

pub(super) fn fisher(
    config: &LeastSquaresConfig,
    features: &Features<'_>,
    labels: &ClassLabels,
) -> Result<Simulation> {
    let means = PlainMeans::new("Fisher's discriminant", features, labels)?;
    let direction = Solution::new(config, features)?.apply(&means.difference);
    Ok(means.model(&direction))
}

/// p(G/m).
struct Solution {
    gram: Vec<Vec<f64>>,
    largest_eigenvalue: f64,
    coefficients: Vec<f64>,
}

impl Solution {
    fn new(config: &LeastSquaresConfig, features: &Features<'_>) -> Result<Self> {
        let mut gram = gram(features);
        let largest = largest_eigenvalue(&gram);
        if largest > config.largest_eigenvalue {
            return Err(LearnError::Eigenvalue {
                found: largest,
                bound: config.largest_eigenvalue,
            });
        }
        let samples = features.rows();
        for (i, row) in gram.iter_mut().enumerate().take(features.cols() - 1) {
            row[i] += config.penalty(samples);
        }
        Ok(Self {
            gram,
            largest_eigenvalue: config.spectrum(samples),
            coefficients: config.polynomial(samples),
        })
    }

    fn apply(&self, vector: &[f64]) -> Vec<f64> {
        let mut last = vector.to_vec();
        let mut sum: Vec<_> = last.iter().map(|x| self.coefficients[0] * x).collect();
        let mut now = self.times(&last);
        for (k, c) in self.coefficients.iter().enumerate().skip(1) {
            for (s, x) in sum.iter_mut().zip(&now) {
                *s += c * x;
            }
            if k + 1 < self.coefficients.len() {
                let product = self.times(&now);
                let pairs = product.iter().zip(&last);
                let next = pairs.map(|(x, last)| 2.0 * x - last).collect();
                last = std::mem::replace(&mut now, next);
            }
        }
        sum
    }

    /// The matrix moved and scaled such that its eigenvalues lie in [-1, 1], times a vector.
    fn times(&self, vector: &[f64]) -> Vec<f64> {
        let scale = 2.0 / self.largest_eigenvalue;
        let rows = self.gram.iter().zip(vector);
        rows.map(|(row, x)| scale * dot(row, vector) - x).collect()
    }
}

/// X^T X / m.
pub(super) fn gram(features: &Features<'_>) -> Vec<Vec<f64>> {
    use rayon::prelude::*;
    let (cols, samples) = (features.cols(), features.rows() as f64);
    (0..cols)
        .into_par_iter()
        .map(|i| {
            let mut row = vec![0.0; cols];
            for sample in features.samples() {
                let x = sample[i];
                for (sum, y) in row.iter_mut().zip(sample) {
                    *sum += x * y;
                }
            }
            row.into_iter().map(|x| x / samples).collect()
        })
        .collect()
}

/// From below, by the power method.
fn largest_eigenvalue(matrix: &[Vec<f64>]) -> f64 {
    const STEPS: usize = 100;
    // Nothing that data are likely to be orthogonal to.
    let mut vector: Vec<f64> = (0..matrix.len()).map(|i| (1.0 + i as f64).sin()).collect();
    let mut largest = 0.0;
    for _ in 0..STEPS {
        let norm = dot(&vector, &vector).sqrt();
        if norm == 0.0 {
            return 0.0;
        }
        let unit: Vec<_> = vector.iter().map(|x| x / norm).collect();
        vector = matrix.iter().map(|row| dot(row, &unit)).collect();
        largest = dot(&vector, &unit);
    }
    largest
}
