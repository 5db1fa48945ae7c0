//! What is trained, and on which features.

use clap::{Args, ValueEnum};
use tapetum::learn::{EstimatorConfig, LeastSquaresConfig, LogisticRegressionConfig};
use tapetum::plan::{DEFAULT_SIDE, PlanOptions};
use tapetum::{Error, Plan, Result};

/// What is trained, and on which features.
#[derive(Debug, Args)]
pub struct Kind {
    /// The training algorithm.
    #[arg(long, value_enum, default_value_t = LearnerName::Logistic)]
    pub learner: LearnerName,
    /// How many classes are told apart. Of two, one label is recognised among all others; of more,
    /// each label is a class.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub classes: usize,
    /// What is taken from an image: pixels:N, dct:K, hog:CELL, hog-blocks:CELL, joined by +; or
    /// table, for rows of numbers [default: hog:7+dct:10]
    #[arg(long)]
    pub features: Option<String>,
    /// Images are resized to this many pixels along each side first.
    #[arg(long, default_value_t = DEFAULT_SIDE)]
    pub side: usize,
    /// Train in mini-batches of this many samples, read from the file one after the other.
    #[arg(long, value_name = "ROWS")]
    pub batch: Option<usize>,
    /// Iterations: of the solution for ridge and fisher, where fewer regularise more [default: 6]; of
    /// gradient descent with --batch, where weights are bootstrapped if necessary [default: 32]
    #[arg(long, alias = "steps", value_name = "N")]
    pub iterations: Option<usize>,
    /// Penalty on the squared weights of ridge, as in scikit-learn: the intercept is exempt [default: 0]
    #[arg(long, value_name = "ALPHA")]
    pub alpha: Option<f64>,
}

impl Kind {
    /// The plan for `rows` samples; a table has this many features.
    pub fn plan(
        &self,
        default_features: &str,
        columns: Option<usize>,
        rows: usize,
    ) -> Result<Plan> {
        let features = self.features.as_deref().unwrap_or(default_features);
        Plan::new(PlanOptions {
            estimator: self.estimator()?,
            features: features.to_owned(),
            side: self.side,
            columns,
            rows,
            classes: self.classes,
        })
    }

    /// The training algorithm with these settings.
    pub fn estimator(&self) -> Result<EstimatorConfig> {
        // Of many classes each is told from the rest by a logistic regression of its own.
        let name = match (self.learner, self.classes) {
            (LearnerName::Logistic, 3..) => LearnerName::Ovr,
            (name, _) => name,
        };
        let batches = |rows| {
            let config = LogisticRegressionConfig::mini_batches(rows);
            LogisticRegressionConfig {
                iterations: self.iterations.unwrap_or(config.iterations),
                ..config
            }
        };
        let mut estimator = match (name, self.batch) {
            (LearnerName::Logistic, Some(rows)) => EstimatorConfig::Logistic(batches(rows)),
            (LearnerName::Ovr, Some(rows)) => EstimatorConfig::OneVsRest(batches(rows)),
            (_, Some(_)) => {
                return Err(Error::input(
                    "--batch is a setting of --learner logistic and ovr",
                ));
            }
            (name, None) => name.defaults(),
        };
        match (&mut estimator, self.iterations) {
            (
                EstimatorConfig::Fisher(config) | EstimatorConfig::Ridge(config),
                Some(iterations),
            ) => {
                config.iterations = iterations;
            }
            (_, Some(_)) if self.batch.is_none() => {
                return Err(Error::input(
                    "--iterations is a setting of --learner fisher and ridge, and of --batch",
                ));
            }
            _ => (),
        }
        match (&mut estimator, self.alpha) {
            (EstimatorConfig::Ridge(config), Some(alpha)) => config.alpha = alpha,
            (_, Some(_)) => return Err(Error::input("--alpha is a setting of --learner ridge")),
            (_, None) => (),
        }
        Ok(estimator)
    }
}

/// A training algorithm by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LearnerName {
    /// Logistic regression by gradient steps with a polynomial sigmoid.
    Logistic,
    /// Linear means: one pass over the data, no steps.
    LinearMeans,
    /// Fisher's discriminant: one pass over the data, then iterations on their sums.
    Fisher,
    /// Ridge regression on the labels, in the same way.
    Ridge,
    /// One-vs-rest: logistic regression of each class against the others.
    #[value(alias = "softmax")]
    Ovr,
}

impl LearnerName {
    /// The algorithm with default settings.
    pub fn defaults(self) -> EstimatorConfig {
        match self {
            Self::Logistic => EstimatorConfig::Logistic(LogisticRegressionConfig::default()),
            Self::LinearMeans => EstimatorConfig::LinearMeans,
            Self::Fisher => EstimatorConfig::Fisher(LeastSquaresConfig::default()),
            Self::Ridge => EstimatorConfig::Ridge(LeastSquaresConfig::default()),
            Self::Ovr => EstimatorConfig::OneVsRest(LogisticRegressionConfig::default()),
        }
    }
}
