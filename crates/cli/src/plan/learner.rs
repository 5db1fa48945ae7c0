//! The training algorithms that a plan can name, with their settings.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tapetum_learn::{
    Descent, Estimator, FisherDiscriminant, Layout, LeastSquaresConfig, LinearMeans,
    LinearRegression, LogisticRegression, LogisticRegressionConfig, MiniBatches, SigmoidDegree,
    SoftmaxRegression, StepSchedule,
};

use super::Subject;
use crate::args::{Kind, LearnerName};
use crate::failure::Failure;

/// Most classes that are told apart.
const MAX_CLASSES: usize = tapetum_learn::MAX_CLASSES;
/// Iterations on mini-batches unless something else is said.
const DEFAULT_ITERATIONS: usize = 32;

/// A training algorithm with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Learner {
    /// Logistic regression.
    Logistic(LogisticRegressionConfig),
    /// Linear means.
    LinearMeans,
    /// Fisher's discriminant.
    Fisher(LeastSquaresConfig),
    /// Linear regression.
    Ridge(LeastSquaresConfig),
    /// Softmax regression, which tells each class from the rest.
    Softmax(LogisticRegressionConfig),
    /// None: the keys are for classification with a plain model.
    ClassifyOnly,
}

impl Learner {
    /// The default settings of an algorithm.
    pub fn by_name(name: LearnerName) -> Self {
        match name {
            LearnerName::Logistic => Self::Logistic(logistic()),
            LearnerName::LinearMeans => Self::LinearMeans,
            LearnerName::Fisher => Self::Fisher(least_squares()),
            LearnerName::Ridge => Self::Ridge(least_squares()),
            LearnerName::Softmax => Self::Softmax(logistic()),
        }
    }

    /// An algorithm with settings from the command line.
    pub(super) fn of_kind(kind: &Kind) -> Result<Self> {
        // Of many classes each is told from the rest by a logistic regression of its own.
        let name = match (kind.learner, kind.classes) {
            (LearnerName::Logistic, 3..) => LearnerName::Softmax,
            (name, _) => name,
        };
        let batches = |rows| mini_batches(rows, kind.iterations.unwrap_or(DEFAULT_ITERATIONS));
        let mut learner = match (name, kind.batch) {
            (LearnerName::Logistic, Some(rows)) => Self::Logistic(batches(rows)),
            (LearnerName::Softmax, Some(rows)) => Self::Softmax(batches(rows)),
            (_, Some(_)) => {
                let message = "--batch is for gradient steps, so for --learner logistic or softmax";
                return Err(Failure::Input(message.to_owned()).into());
            }
            (name, None) => Self::by_name(name),
        };
        match &mut learner {
            Self::Fisher(config) | Self::Ridge(config) => {
                config.steps = kind.steps.unwrap_or(config.steps);
            }
            _ if kind.steps.is_some() => {
                let message = "--steps is a setting of --learner fisher and ridge";
                return Err(Failure::Input(message.to_owned()).into());
            }
            _ => (),
        }
        Ok(learner)
    }

    /// Whether a constant feature is appended, for want of an intercept of its own.
    pub fn wants_intercept(&self) -> bool {
        matches!(self, Self::Logistic(_) | Self::Ridge(_) | Self::Softmax(_))
    }

    /// The algorithm itself.
    pub fn estimator(&self) -> Result<Box<dyn Estimator>> {
        Ok(match self {
            Self::Logistic(config) => Box::new(LogisticRegression::new(config.clone())?),
            Self::LinearMeans => Box::new(LinearMeans),
            Self::Fisher(config) => Box::new(FisherDiscriminant::new(*config)?),
            Self::Ridge(config) => Box::new(LinearRegression::new(*config)?),
            Self::Softmax(config) => Box::new(SoftmaxRegression::new(config.clone())?),
            Self::ClassifyOnly => {
                let message = "these keys are for classification only: make keys without \
                               --classify-only to train";
                return Err(Failure::Role(message.to_owned()).into());
            }
        })
    }

    /// The method to be run in steps, if training is in mini-batches.
    pub fn descent(&self) -> Result<Option<Descent>> {
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
    pub fn regression(&self) -> Result<Option<LinearRegression>> {
        Ok(match self {
            Self::Ridge(config) => Some(LinearRegression::new(*config)?),
            _ => None,
        })
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
            Self::LinearMeans | Self::ClassifyOnly => None,
        }
    }

    /// The same with no more than so many of its steps.
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
            Self::LinearMeans | Self::ClassifyOnly => (),
        }
        learner
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
            Self::ClassifyOnly => "classification".to_owned(),
            Self::LinearMeans => "linear means".to_owned(),
            Self::Fisher(config) => {
                format!("Fisher's discriminant with {} steps", config.steps)
            }
            Self::Ridge(config) => format!("linear regression with {} steps", config.steps),
        }
    }

    /// The layout of samples to train on.
    pub(super) fn layout(&self, rows: usize, subject: &Subject, slots: usize) -> Result<Layout> {
        let (columns, classes) = (subject.columns, subject.classes);
        Ok(match self {
            Self::Logistic(_) | Self::LinearMeans | Self::Softmax(_) => {
                Layout::for_training(rows, columns, slots)?
            }
            Self::Fisher(_) | Self::Ridge(_) => {
                Layout::for_least_squares(rows, columns, classes, slots)?
            }
            // Plain weights lie in blocks of any width.
            Self::ClassifyOnly => Layout::new(rows, columns, slots, 1)?,
        })
    }

    /// Refuses before there are keys what training would refuse.
    pub(super) fn check_classes(&self, classes: usize) -> Result<()> {
        let many = matches!(self, Self::Ridge(_) | Self::Softmax(_) | Self::ClassifyOnly);
        if (2..=MAX_CLASSES).contains(&classes) && (classes == 2 || many) {
            return Ok(());
        }
        let message = format!(
            "{} does not tell {classes} classes apart: two by any learner, up to {MAX_CLASSES} by \
             --learner softmax or ridge",
            self.describe()
        );
        Err(Failure::Input(message).into())
    }
}

/// For features whose largest eigenvalue is 1 on the training data of the first sender, with room
/// for others.
fn least_squares() -> LeastSquaresConfig {
    LeastSquaresConfig {
        steps: 6,
        largest_eigenvalue: 1.1,
    }
}

/// Three gradient steps on features whose largest eigenvalue is 1: where the gradient of the loss
/// has the Lipschitz constant L = 1/4, steps of 3/L, 2/L and 8/L. On the embedded images they reach
/// what four equal steps with momentum do, at five levels less; the long step is safe as the last.
fn logistic() -> LogisticRegressionConfig {
    LogisticRegressionConfig {
        iterations: 3,
        steps: StepSchedule::Listed(vec![12.0, 8.0, 32.0]),
        ..LogisticRegressionConfig::default()
    }
}

/// Mini-batches on features whose largest eigenvalue is 1: Nesterov's steps that begin at 6 and
/// get shorter, and a wide interval, because scores grow with the iterations.
pub fn mini_batches(rows: usize, iterations: usize) -> LogisticRegressionConfig {
    LogisticRegressionConfig {
        iterations,
        degree: SigmoidDegree::Five,
        interval: 16.0,
        steps: StepSchedule::InverseTime(12.0),
        batches: Some(MiniBatches {
            rows,
            ..MiniBatches::default()
        }),
    }
}
