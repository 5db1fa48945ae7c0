//! What training in the clear finds: a model of any estimator, and where values went.

use crate::error::{LearnError, Result};
use crate::features::Features;
use crate::plain_model::{PlainModel, classes_of};
use crate::two_layer::PlainTwoLayer;

/// A model in the clear, of any estimator.
#[derive(Clone, Debug, PartialEq)]
pub enum PlainClassifier {
    /// Weights and intercepts.
    Linear(PlainModel),
    /// A network with one hidden layer.
    TwoLayer(PlainTwoLayer),
}

impl From<PlainModel> for PlainClassifier {
    fn from(model: PlainModel) -> Self {
        Self::Linear(model)
    }
}

impl PlainClassifier {
    /// How many scores a sample has: one for two classes, one a class for more.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Linear(model) => model.outputs(),
            Self::TwoLayer(model) => model.outputs(),
        }
    }

    /// The scores of samples: all of the first, then all of the second.
    ///
    /// # Errors
    /// [`LearnError::Shape`] if the samples have another number of features.
    pub fn decision_function(&self, features: &Features<'_>) -> Result<Vec<f64>> {
        match self {
            Self::Linear(model) => model.decision_function(features),
            Self::TwoLayer(model) => model.decision_function(features),
        }
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

    /// The linear model, if it is one.
    pub fn linear(&self) -> Option<&PlainModel> {
        match self {
            Self::Linear(model) => Some(model),
            Self::TwoLayer(_) => None,
        }
    }

    /// The same, for those who need one.
    ///
    /// # Errors
    /// [`LearnError::NotLinear`] for a network.
    pub fn into_linear(self) -> Result<PlainModel> {
        match self {
            Self::Linear(model) => Ok(model),
            Self::TwoLayer(_) => Err(LearnError::NotLinear),
        }
    }
}

/// What [`simulate`](crate::Estimator::simulate) finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// The model that encrypted training gives up to noise, if the ranges hold.
    pub model: PlainClassifier,
    /// How the arguments of polynomials fill their intervals.
    pub ranges: RangeReport,
}

/// Whose range it is that a training must not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeOf {
    /// Scores, the arguments of the polynomial that stands for the sigmoid or the softmax.
    Scores,
    /// The sums of hidden units. Nothing is approximated, but a training in which they grow diverges.
    HiddenUnits,
}

/// The largest arguments of the sigmoid's polynomial, or sums of hidden units. Beyond its interval a polynomial leaves the
/// function that it stands for, and encrypted training fails without a sign.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeReport {
    /// What must stay in the interval.
    pub of: RangeOf,
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
            of: RangeOf::Scores,
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
    /// [`LearnError::OutOfRange`] or, for a network, [`LearnError::Diverges`] names the first iteration that leaves it,
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
            Some(i) => Err(match self.of {
                RangeOf::Scores => LearnError::OutOfRange {
                    iteration: i + 2,
                    largest: self.largest[i],
                    interval: self.interval,
                },
                RangeOf::HiddenUnits => LearnError::Diverges {
                    step: i + 2,
                    largest: self.largest[i],
                    most: self.interval,
                },
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let report = |largest: &[f64]| RangeReport {
            of: RangeOf::Scores,
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
