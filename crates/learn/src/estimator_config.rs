//! The training algorithms, as data that owner and server agree on.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::estimator::Estimator;
use crate::gradient_descent::MiniBatches;
use crate::gradient_descent::steps::LearningRate;
use crate::layout::Layout;
use crate::least_squares::{FisherDiscriminant, LeastSquaresConfig, Ridge};
use crate::linear_means::LinearMeans;
use crate::logistic::{LogisticRegression, LogisticRegressionConfig};
use crate::mini_batch::MiniBatchMethod;
use crate::one_vs_rest::OneVsRestLogistic;
use crate::slot_diagonals::SlotDiagonals;
use crate::softmax_regression::{SoftmaxRegression, SoftmaxRegressionConfig};
use crate::task::{at_least_three, check_classes, two_classes};
use crate::two_layer::{TwoLayer, TwoLayerConfig, TwoLayerShape};

/// In which way a training uses its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// All at once.
    Whole,
    /// Part by part, into sums.
    Sums,
    /// A mini-batch for each iteration.
    MiniBatches,
}

/// A training algorithm with its settings, as they are written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EstimatorConfig {
    /// [`LogisticRegression`].
    Logistic(LogisticRegressionConfig),
    /// [`LinearMeans`].
    LinearMeans,
    /// [`FisherDiscriminant`].
    Fisher(LeastSquaresConfig),
    /// [`Ridge`].
    Ridge(LeastSquaresConfig),
    /// [`OneVsRestLogistic`]. It is written as `softmax`, as it has ever been.
    #[serde(rename = "softmax")]
    OneVsRest(LogisticRegressionConfig),
    /// [`SoftmaxRegression`]. It is written as `multinomial`.
    #[serde(rename = "multinomial")]
    Softmax(SoftmaxRegressionConfig),
    /// [`TwoLayer`].
    TwoLayer(TwoLayerConfig),
}

impl Default for EstimatorConfig {
    /// Logistic regression.
    fn default() -> Self {
        Self::Logistic(LogisticRegressionConfig::default())
    }
}

impl EstimatorConfig {
    /// Whether a constant feature is to be appended, last, for want of an intercept of its own.
    pub fn wants_intercept(&self) -> bool {
        matches!(
            self,
            Self::Logistic(_)
                | Self::Ridge(_)
                | Self::OneVsRest(_)
                | Self::Softmax(_)
                | Self::TwoLayer(_)
        )
    }

    /// The algorithm itself.
    ///
    /// # Errors
    /// [`LearnError::Config`](crate::LearnError::Config) if a setting is out of range.
    pub fn estimator(&self) -> Result<Box<dyn Estimator>> {
        Ok(match self {
            Self::Logistic(config) => Box::new(LogisticRegression::new(config.clone())?),
            Self::LinearMeans => Box::new(LinearMeans),
            Self::Fisher(config) => Box::new(FisherDiscriminant::new(*config)?),
            Self::Ridge(config) => Box::new(Ridge::new(*config)?),
            Self::OneVsRest(config) => Box::new(OneVsRestLogistic::new(config.clone())?),
            Self::Softmax(config) => Box::new(SoftmaxRegression::new(config.clone())?),
            Self::TwoLayer(config) => Box::new(TwoLayer::new(*config)?),
        })
    }

    /// The method to be run in steps, if training is in mini-batches.
    ///
    /// # Errors
    /// As [`estimator`](Self::estimator).
    pub(crate) fn mini_batches(&self) -> Result<Option<Box<dyn MiniBatchMethod>>> {
        Ok(match self {
            Self::Logistic(config) if config.batches.is_some() => {
                let regression = LogisticRegression::new(config.clone())?;
                Some(Box::new(regression.gradient_descent()))
            }
            Self::OneVsRest(config) if config.batches.is_some() => {
                let regression = OneVsRestLogistic::new(config.clone())?;
                Some(Box::new(regression.gradient_descent()))
            }
            Self::Softmax(config) => {
                let regression = SoftmaxRegression::new(config.clone())?;
                Some(Box::new(regression.gradient_descent()))
            }
            Self::TwoLayer(config) => Some(Box::new(TwoLayer::new(*config)?)),
            _ => None,
        })
    }

    /// The method to be given its samples part by part, if it adds them up.
    ///
    /// # Errors
    /// As [`estimator`](Self::estimator).
    pub(crate) fn ridge(&self) -> Result<Option<Ridge>> {
        Ok(match self {
            Self::Ridge(config) => Some(Ridge::new(*config)?),
            _ => None,
        })
    }

    /// In which way samples are used.
    pub(crate) fn flow(&self) -> Flow {
        match self {
            Self::Logistic(config) | Self::OneVsRest(config) if config.batches.is_some() => {
                Flow::MiniBatches
            }
            Self::Softmax(_) | Self::TwoLayer(_) => Flow::MiniBatches,
            Self::Ridge(_) => Flow::Sums,
            _ => Flow::Whole,
        }
    }

    /// Whether it trains [in passes](crate::Passes) over its samples. Ridge regression has sums that do not depend on how many
    /// samples there are ([`Session::into_sums`](crate::Session::into_sums)).
    pub fn trains_in_passes(&self) -> bool {
        match self {
            Self::Logistic(_) | Self::OneVsRest(_) | Self::Softmax(_) => true,
            Self::LinearMeans | Self::Fisher(_) => true,
            Self::Ridge(_) | Self::TwoLayer(_) => false,
        }
    }

    /// Whether it knows blocks in the order of columns.
    pub(crate) fn trains_by_columns(&self) -> bool {
        match self {
            Self::OneVsRest(config) => config.batches.is_some(),
            Self::Softmax(_) | Self::TwoLayer(_) => true,
            _ => false,
        }
    }

    /// Whether it trains with parameters that bootstrap alone.
    pub(crate) fn needs_bootstrap(&self) -> bool {
        matches!(self, Self::Softmax(_) | Self::TwoLayer(_))
    }

    /// The hidden units of a network, if it is one.
    pub(crate) fn hidden_units(&self) -> Option<usize> {
        match self {
            Self::TwoLayer(config) => Some(config.hidden_units),
            _ => None,
        }
    }

    /// Half the interval around zero in which scores, or the sums of hidden units, stay in training, if there is one.
    pub fn interval(&self) -> Option<f64> {
        match self {
            Self::Logistic(config) | Self::OneVsRest(config) => Some(config.interval),
            Self::Softmax(config) => Some(config.interval),
            Self::TwoLayer(_) => Some(TwoLayerConfig::INTERVAL),
            _ => None,
        }
    }

    /// The learning rates of gradient descent, if it is that of a linear model.
    pub fn learning_rate(&self) -> Option<&LearningRate> {
        match self {
            Self::Logistic(config) | Self::OneVsRest(config) => Some(&config.learning_rate),
            Self::Softmax(config) => Some(&config.learning_rate),
            _ => None,
        }
    }

    /// Refuses classes that it does not tell apart: softmax regression knows 3 to
    /// [`MAX_CLASSES`](crate::MAX_CLASSES), ridge, one-vs-rest logistic regression and networks know up to
    /// [`MAX_CLASSES`](crate::MAX_CLASSES), the others two.
    ///
    /// # Errors
    /// [`LearnError::Classes`](crate::LearnError::Classes), or [`LearnError::Layout`](crate::LearnError::Layout) for a number that nobody knows.
    pub fn check_classes(&self, classes: usize) -> Result<()> {
        check_classes(classes)?;
        match self {
            Self::Ridge(_) | Self::OneVsRest(_) | Self::TwoLayer(_) => Ok(()),
            Self::Softmax(_) => at_least_three("softmax regression", classes),
            Self::Logistic(_) => two_classes("logistic regression", classes),
            Self::LinearMeans => two_classes("the classifier by class means", classes),
            Self::Fisher(_) => two_classes("Fisher's discriminant", classes),
        }
    }

    /// What its iterations are called and how many there are, if it has any.
    pub fn iterations(&self) -> Option<(&'static str, usize)> {
        match self {
            Self::Logistic(config) | Self::OneVsRest(config) => {
                Some(("iterations", config.iterations))
            }
            Self::Softmax(config) => Some(("iterations", config.iterations)),
            Self::TwoLayer(config) => Some(("steps", config.iterations)),
            Self::Fisher(config) | Self::Ridge(config) => {
                Some(("iterations of the solution", config.iterations))
            }
            Self::LinearMeans => None,
        }
    }

    /// The same with at most this number of iterations.
    ///
    /// ```
    /// use tapetum_learn::{LeastSquaresConfig, EstimatorConfig};
    ///
    /// let ridge = EstimatorConfig::Ridge(LeastSquaresConfig::default());
    /// assert_eq!(ridge.after(2).iterations(), Some(("iterations of the solution", 2)));
    /// assert_eq!(ridge.after(9), ridge);
    /// ```
    pub fn after(&self, iterations: usize) -> Self {
        let mut learner = self.clone();
        let (count, rates) = match &mut learner {
            Self::Logistic(config) | Self::OneVsRest(config) => {
                (&mut config.iterations, Some(&mut config.learning_rate))
            }
            Self::Softmax(config) => (&mut config.iterations, Some(&mut config.learning_rate)),
            Self::TwoLayer(config) => (&mut config.iterations, None),
            Self::Fisher(config) | Self::Ridge(config) => (&mut config.iterations, None),
            Self::LinearMeans => return learner,
        };
        *count = iterations.min(*count);
        if let Some(LearningRate::Listed(rates)) = rates {
            rates.truncate(iterations);
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
    ) -> Result<Layout> {
        match self {
            Self::Logistic(_) | Self::LinearMeans | Self::OneVsRest(_) => {
                Layout::for_training(rows, columns, slots)
            }
            Self::Softmax(_) => SlotDiagonals::layout(rows, columns, classes, slots),
            Self::TwoLayer(config) => {
                TwoLayerShape::layout(rows, columns, (config.hidden_units, classes), slots)
            }
            Self::Fisher(_) | Self::Ridge(_) => {
                Layout::for_least_squares(rows, columns, classes, slots)
            }
        }
    }

    /// For people.
    pub fn describe(&self) -> String {
        let iterations = |count: usize, batches: Option<MiniBatches>| {
            let batches = match batches {
                Some(batches) => format!(" on mini-batches of {}", batches.rows),
                None => String::new(),
            };
            format!("{count} iterations{batches}")
        };
        match self {
            Self::Logistic(config) => format!(
                "logistic regression with {}",
                iterations(config.iterations, config.batches)
            ),
            Self::OneVsRest(config) => format!(
                "one-vs-rest logistic regression with {}",
                iterations(config.iterations, config.batches)
            ),
            Self::Softmax(config) => format!(
                "softmax regression with {}",
                iterations(config.iterations, Some(config.batches))
            ),
            Self::TwoLayer(config) => format!(
                "a network with {} hidden units, {} steps on mini-batches of {}",
                config.hidden_units, config.iterations, config.batches.rows
            ),
            Self::LinearMeans => "linear means".to_owned(),
            Self::Fisher(config) => {
                format!(
                    "Fisher's discriminant with {} iterations",
                    config.iterations
                )
            }
            Self::Ridge(config) => {
                format!("ridge regression with {} iterations", config.iterations)
            }
        }
    }
}
