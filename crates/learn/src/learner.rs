//! The training algorithms, as data that owner and server agree on.

use serde::{Deserialize, Serialize};

use crate::descent::Descent;
use crate::error::LearnError;
use crate::estimator::Estimator;
use crate::labels::{check_classes, two_classes};
use crate::layout::Layout;
use crate::least_squares::{FisherDiscriminant, LeastSquaresConfig, LinearRegression};
use crate::linear_means::LinearMeans;
use crate::logistic::{LogisticRegression, LogisticRegressionConfig, StepSchedule};
use crate::softmax::SoftmaxRegression;

/// A training algorithm with its settings, as they are written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Learner {
    /// [`LogisticRegression`].
    Logistic(LogisticRegressionConfig),
    /// [`LinearMeans`].
    LinearMeans,
    /// [`FisherDiscriminant`].
    Fisher(LeastSquaresConfig),
    /// [`LinearRegression`].
    Ridge(LeastSquaresConfig),
    /// [`SoftmaxRegression`].
    Softmax(LogisticRegressionConfig),
}

impl Learner {
    /// The algorithm itself.
    ///
    /// # Errors
    /// [`LearnError::Config`] if a setting is out of range.
    pub fn estimator(&self) -> Result<Box<dyn Estimator>, LearnError> {
        Ok(match self {
            Self::Logistic(config) => Box::new(LogisticRegression::new(config.clone())?),
            Self::LinearMeans => Box::new(LinearMeans),
            Self::Fisher(config) => Box::new(FisherDiscriminant::new(*config)?),
            Self::Ridge(config) => Box::new(LinearRegression::new(*config)?),
            Self::Softmax(config) => Box::new(SoftmaxRegression::new(config.clone())?),
        })
    }

    /// The method to be run in steps, if training is in mini-batches.
    ///
    /// # Errors
    /// As [`estimator`](Self::estimator).
    pub fn descent(&self) -> Result<Option<Descent>, LearnError> {
        Ok(match self {
            Self::Logistic(config) if config.batches.is_some() => {
                Some(LogisticRegression::new(config.clone())?.descent())
            }
            Self::Softmax(config) if config.batches.is_some() => {
                Some(SoftmaxRegression::new(config.clone())?.descent())
            }
            _ => None,
        })
    }

    /// The method to be given its samples part by part, if it adds them up.
    ///
    /// # Errors
    /// As [`estimator`](Self::estimator).
    pub fn regression(&self) -> Result<Option<LinearRegression>, LearnError> {
        Ok(match self {
            Self::Ridge(config) => Some(LinearRegression::new(*config)?),
            _ => None,
        })
    }

    /// Whether samples come part by part, as many as one likes, so that no more than one part is in
    /// memory.
    pub fn streams(&self) -> bool {
        match self {
            Self::Logistic(config) | Self::Softmax(config) => config.batches.is_some(),
            Self::Ridge(_) => true,
            Self::LinearMeans | Self::Fisher(_) => false,
        }
    }

    /// Refuses classes that it does not tell apart: linear regression and softmax regression know up to
    /// [`MAX_CLASSES`](crate::MAX_CLASSES), the others two.
    ///
    /// # Errors
    /// [`LearnError::Classes`], or [`LearnError::Layout`] for a number that nobody knows.
    pub fn check_classes(&self, classes: usize) -> Result<(), LearnError> {
        check_classes(classes)?;
        match self {
            Self::Ridge(_) | Self::Softmax(_) => Ok(()),
            Self::Logistic(_) => two_classes("logistic regression", classes),
            Self::LinearMeans => two_classes("the classifier by class means", classes),
            Self::Fisher(_) => two_classes("Fisher's discriminant", classes),
        }
    }

    /// What its steps are called and how many there are, if it has any.
    pub fn steps(&self) -> Option<(&'static str, usize)> {
        match self {
            Self::Logistic(config) | Self::Softmax(config) => {
                Some(("iterations", config.iterations))
            }
            Self::Fisher(config) | Self::Ridge(config) => {
                Some(("steps of the solution", config.steps))
            }
            Self::LinearMeans => None,
        }
    }

    /// The same with no more than so many of its steps.
    ///
    /// ```
    /// use tapetum_learn::{LeastSquaresConfig, Learner};
    ///
    /// let ridge = Learner::Ridge(LeastSquaresConfig { steps: 6, largest_eigenvalue: 1.1 });
    /// assert_eq!(ridge.after(2).steps(), Some(("steps of the solution", 2)));
    /// assert_eq!(ridge.after(9), ridge);
    /// ```
    pub fn after(&self, steps: usize) -> Self {
        let mut learner = self.clone();
        match &mut learner {
            Self::Logistic(config) | Self::Softmax(config) => {
                config.iterations = config.iterations.min(steps);
                if let StepSchedule::Listed(rates) = &mut config.steps {
                    rates.truncate(steps);
                }
            }
            Self::Fisher(config) | Self::Ridge(config) => config.steps = config.steps.min(steps),
            Self::LinearMeans => (),
        }
        learner
    }

    /// The layout of `rows` samples to train on.
    pub(crate) fn layout(
        &self,
        rows: usize,
        columns: usize,
        classes: usize,
        slots: usize,
    ) -> Result<Layout, LearnError> {
        match self {
            Self::Logistic(_) | Self::LinearMeans | Self::Softmax(_) => {
                Layout::for_training(rows, columns, slots)
            }
            Self::Fisher(_) | Self::Ridge(_) => {
                Layout::for_least_squares(rows, columns, classes, slots)
            }
        }
    }

    /// For people.
    pub fn describe(&self) -> String {
        let steps = |config: &LogisticRegressionConfig| {
            let batches = match config.batches {
                Some(batches) => format!(" on mini-batches of {}", batches.rows),
                None => String::new(),
            };
            format!("{} iterations{batches}", config.iterations)
        };
        match self {
            Self::Logistic(config) => format!("logistic regression with {}", steps(config)),
            Self::Softmax(config) => format!("softmax regression with {}", steps(config)),
            Self::LinearMeans => "linear means".to_owned(),
            Self::Fisher(config) => {
                format!("Fisher's discriminant with {} steps", config.steps)
            }
            Self::Ridge(config) => format!("linear regression with {} steps", config.steps),
        }
    }
}
