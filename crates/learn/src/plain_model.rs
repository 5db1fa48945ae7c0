//! A linear model in the clear: what the reference of an estimator finds.

use crate::error::{LearnError, Result, check_equal};
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
    /// [`LearnError::Shape`] if the samples have another number of features.
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
    /// [`LearnError::Shape`] if the samples have another number of features.
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

/// What [`simulate`](crate::Estimator::simulate) finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// The model that encrypted training gives up to noise, if the ranges hold.
    pub model: PlainModel,
    /// How the arguments of polynomials fill their intervals.
    pub ranges: RangeReport,
}

/// The largest arguments of the sigmoid's polynomial. Beyond its interval a polynomial leaves the
/// function that it stands for, and encrypted training fails without a sign.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeReport {
    /// The largest |z| of each iteration that evaluates the polynomial, the first of which is
    /// iteration 2; empty for estimators without polynomials.
    pub largest: Vec<f64>,
    /// Half the length of the interval around zero.
    pub interval: f64,
    /// The largest |weight|, momentum included; zero for estimators that bootstrap no weights.
    pub weight: f64,
    /// How large a weight may become.
    pub weight_bound: f64,
}

impl RangeReport {
    /// For an estimator that evaluates no polynomial.
    pub(crate) fn none() -> Self {
        Self {
            largest: Vec::new(),
            interval: f64::INFINITY,
            weight: 0.0,
            weight_bound: f64::INFINITY,
        }
    }

    /// The largest part of its interval that an argument reaches, or of its bound that a weight does; more
    /// than 1 beyond them.
    pub fn filled(&self) -> f64 {
        // f64::max would pass over a NaN, from an overflow.
        let larger = |max: f64, x: f64| if max >= x { max } else { x };
        let arguments = self.largest.iter().map(|largest| largest / self.interval);
        arguments.fold(self.weight / self.weight_bound, larger)
    }

    /// Whether training stays within the interval.
    ///
    /// # Errors
    /// [`LearnError::OutOfRange`] names the first iteration that leaves it,
    /// [`LearnError::WeightOutOfRange`] tells of weights that become too large.
    pub fn check(&self) -> Result<()> {
        // A NaN, from an overflow, is outside as well.
        let leaves = |&largest: &f64| largest.is_nan() || largest > self.interval;
        match self.largest.iter().position(leaves) {
            None if self.weight > self.weight_bound => Err(LearnError::WeightOutOfRange {
                largest: self.weight,
                bound: self.weight_bound,
            }),
            None => Ok(()),
            Some(i) => Err(LearnError::OutOfRange {
                iteration: i + 2,
                largest: self.largest[i],
                interval: self.interval,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_and_ranges() {
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

        let report = |largest: &[f64]| RangeReport {
            largest: largest.to_vec(),
            interval: 8.0,
            weight: 2.0,
            weight_bound: 4.0,
        };
        assert!(report(&[1.0, 8.0]).check().is_ok());
        assert!(RangeReport::none().check().is_ok());
        let heavy = RangeReport {
            weight: 4.5,
            ..report(&[1.0])
        };
        assert!(matches!(
            heavy.check(),
            Err(LearnError::WeightOutOfRange { .. })
        ));
        for bad in [8.1, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                report(&[1.0, bad]).check(),
                Err(LearnError::OutOfRange { iteration: 3, .. })
            ));
        }
    }
}
