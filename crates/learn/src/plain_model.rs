//! A linear model in the clear: what the reference of an estimator finds.

use crate::error::{Result, check_equal};
use crate::features::{Features, dot};
use crate::rounding::weight_step;

/// Weights and intercepts in the clear: what a [`simulate`](crate::Estimator::simulate) finds, or
/// what the owner decrypts from a [`LinearModel`](crate::LinearModel).
#[derive(Clone, Debug, PartialEq)]
pub struct PlainModel {
    /// One weight a feature, for each score after the other.
    pub weights: Vec<f64>,
    /// What is added to each score: one number for two classes, one a class for more.
    pub intercepts: Vec<f64>,
}

impl PlainModel {
    /// The model with weights and intercepts rounded to one step each, 2^-10 to 2^-9 of the largest of
    /// their kind: far above the error of decrypted weights, whose last digits tell about the secret key.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        for numbers in [&mut self.weights, &mut self.intercepts] {
            if let Some(step) = weight_step(numbers) {
                for number in numbers {
                    *number = (*number / step).round() * step + 0.0;
                }
            }
        }
        self
    }

    /// How many scores a sample has: one for two classes, one a class for more.
    pub fn outputs(&self) -> usize {
        self.intercepts.len()
    }

    /// The scores of samples, weights . x + intercept: all of the first, then all of the second.
    ///
    /// # Errors
    /// [`LearnError::Shape`](crate::LearnError::Shape) if the samples have another number of features.
    pub fn decision_function(&self, features: &Features<'_>) -> Result<Vec<f64>> {
        let cols = self.weights.len() / self.outputs().max(1);
        check_equal("features of the samples", cols, features.cols())?;
        let scores = |sample| {
            let outputs = self.weights.chunks_exact(cols).zip(&self.intercepts);
            outputs.map(move |(weights, intercept)| dot(sample, weights) + intercept)
        };
        Ok(features.samples().flat_map(scores).collect())
    }

    /// The classes of samples; see [`classes_of`].
    ///
    /// # Errors
    /// [`LearnError::Shape`](crate::LearnError::Shape) if the samples have another number of features.
    pub fn predict(&self, features: &Features<'_>) -> Result<Vec<u8>> {
        Ok(classes_of(
            &self.decision_function(features)?,
            self.outputs(),
        ))
    }
}

/// The classes that scores decide for, `outputs` scores a sample. A single score decides for class
/// 1 if it is positive and for class 0 otherwise; of several the largest decides, the first of
/// those that are equal.
///
/// ```
/// use tapetum_learn::classes_of;
///
/// assert_eq!(classes_of(&[0.5, -0.5], 1), [1, 0]);
/// assert_eq!(classes_of(&[0.1, 0.7, -0.2, 3.0, 1.0, 2.0], 3), [1, 0]);
/// ```
pub fn classes_of(scores: &[f64], outputs: usize) -> Vec<u8> {
    match outputs {
        0 | 1 => scores.iter().map(|&score| u8::from(score > 0.0)).collect(),
        _ => scores.chunks_exact(outputs).map(largest).collect(),
    }
}

fn largest(scores: &[f64]) -> u8 {
    let mut best = 0;
    for (class, &score) in scores.iter().enumerate() {
        if score > scores[best] {
            best = class;
        }
    }
    best as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores() {
        let model = PlainModel {
            weights: vec![2.0, -1.0],
            intercepts: vec![0.5],
        };
        let features = Features::new(&[1.0, 1.0, 0.0, 2.0], 2).unwrap();
        assert_eq!(model.decision_function(&features).unwrap(), [1.5, -1.5]);
        assert_eq!(model.predict(&features).unwrap(), [1, 0]);
        assert!(
            model
                .predict(&Features::new(&[1.0; 3], 3).unwrap())
                .is_err()
        );
    }
}
