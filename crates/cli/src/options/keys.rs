//! What is trained, and on which features.

use clap::{Args, ValueEnum};
use tapetum::learn::{
    Activation, EstimatorConfig, LearningRate, LeastSquaresConfig, LogisticRegressionConfig,
    SigmoidDegree, SoftmaxRegressionConfig, TwoLayerConfig,
};
use tapetum::plan::{DEFAULT_SIDE, Expansion, PlanOptions, TABLE_FEATURES};
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
    /// Train in mini-batches of this many samples, read from the file one after the other [default: 1024 for
    /// softmax and two-layer, none else]
    #[arg(long, value_name = "ROWS")]
    pub batch: Option<usize>,
    /// Iterations: of the solution for ridge and fisher, where fewer regularise more [default: 3 for
    /// images, whose features are whitened; else 6]; of
    /// gradient descent with --batch, where weights are bootstrapped if necessary [default: 32; of softmax
    /// 20 with --whiten and for tables, else 40; of two-layer 60]
    #[arg(long, alias = "steps", value_name = "N")]
    pub iterations: Option<usize>,
    /// Penalty on the squared weights of ridge, as in scikit-learn: the intercept is exempt [default: 0]
    #[arg(long, value_name = "ALPHA")]
    pub alpha: Option<f64>,
    /// The polynomial of logistic regression stands for the sigmoid on [-Z, Z], which the scores must not
    /// leave in training; 1 to 64 [default: 8; 12 for tables, 16 with --batch]. The same for softmax; 4 to 20
    /// [default: 16 with --whiten and for tables, else 18]
    #[arg(long, value_name = "Z")]
    pub interval: Option<f64>,
    /// Learning rates of logistic regression: one for each iteration, or one for all, in units in which
    /// 4 is safe [default: 12,8,32; with --batch 12 / (k + 1) in iteration k]. Of softmax, in units in which 2 is
    /// safe [default: 2 with --whiten and for tables, else 16]. Of two-layer, of the hidden layer and of the other
    /// [default: 2,0.02]
    #[arg(long, value_name = "RATE", value_delimiter = ',')]
    pub learning_rate: Vec<f64>,
    /// Hidden units of two-layer: 32, 64 or 128; 128 for at most 127 features [default: 64]
    #[arg(long, value_name = "N")]
    pub hidden_units: Option<usize>,
    /// What becomes of the sums of hidden units of two-layer: z^2 - 1, or z + z^2 / 5 for few samples [default: hermite]
    #[arg(long, value_enum)]
    pub activation: Option<ActivationName>,
    /// The largest eigenvalue of X^T X / m that ridge and fisher have room for, where data of one
    /// contributor have 1 [default: 1.5 for images, 2 for tables, 1.1 with --plain-columns]
    #[arg(long, value_name = "LAMBDA")]
    pub largest_eigenvalue: Option<f64>,
    /// Whiten features: at most N principal directions (PCA) take their place, so that training needs few
    /// iterations. features.json then has the covariance of the first contributor's features, which their
    /// recipients learn [default: 255 for ridge, fisher and two-layer on images, none else; N: 255]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true,
        default_missing_value = "255", value_parser = clap::value_parser!(u16).range(1..=2048),
        conflicts_with = "plain_columns")]
    pub whiten: Option<u16>,
    /// Only standardise features. By default those of images are whitened for ridge, fisher and two-layer; columns of a
    /// table are whitened and, where there are samples enough, joined by their squares.
    #[arg(long)]
    pub plain_columns: bool,
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
        let is_table = features == TABLE_FEATURES;
        let estimator = self.estimator(is_table)?;
        Plan::new(PlanOptions {
            features: features.to_owned(),
            side: self.side,
            expansion: match (self.whiten, self.plain_columns) {
                (Some(directions), _) => {
                    Some(Expansion::whitened_for(&estimator, directions.into()))
                }
                (None, true) => Some(Expansion::default()),
                (None, false) => None,
            },
            columns,
            rows,
            classes: self.classes,
            estimator,
        })
    }

    /// The training algorithm with these settings, for a table or for images.
    fn estimator(&self, is_table: bool) -> Result<EstimatorConfig> {
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
            (LearnerName::Softmax, rows) => self.softmax(rows, is_table),
            (LearnerName::TwoLayer, rows) => EstimatorConfig::TwoLayer(self.two_layer(rows)?),
            (LearnerName::Logistic, Some(rows)) => EstimatorConfig::Logistic(batches(rows)),
            (LearnerName::Ovr, Some(rows)) => EstimatorConfig::OneVsRest(batches(rows)),
            (_, Some(_)) => {
                return Err(Error::input(
                    "--batch is a setting of --learner logistic, ovr, softmax and two-layer",
                ));
            }
            (name, None) => name.defaults(match (self.whiten, self.plain_columns, is_table) {
                (Some(_), _, _) | (None, false, false) => FeaturesAre::Whitened,
                (None, true, false) => FeaturesAre::Plain,
                (None, _, true) => FeaturesAre::Table,
            }),
        };
        self.refuse_of_networks(&estimator)?;
        match &mut estimator {
            EstimatorConfig::Fisher(config) | EstimatorConfig::Ridge(config) => {
                config.iterations = self.iterations.unwrap_or(config.iterations);
                let bound = config.largest_eigenvalue;
                config.largest_eigenvalue = self.largest_eigenvalue.unwrap_or(bound);
                self.refuse_of_logistic()?;
            }
            EstimatorConfig::Logistic(config) | EstimatorConfig::OneVsRest(config) => {
                self.refuse_of_least_squares()?;
                self.set_steps(config)?;
            }
            EstimatorConfig::Softmax(config) => {
                self.refuse_of_least_squares()?;
                config.interval = self.interval.unwrap_or(config.interval);
                self.set_rates(&mut config.learning_rate, &mut config.iterations);
            }
            EstimatorConfig::TwoLayer(_) => {
                self.refuse_of_least_squares()?;
                refuse(
                    &[(self.interval.is_some(), "--interval")],
                    "logistic, ovr and softmax",
                )?;
            }
            _ => {
                self.refuse_of_logistic()?;
                self.refuse_of_least_squares()?;
                if self.iterations.is_some() {
                    return Err(Error::input("--learner linear-means has no --iterations"));
                }
            }
        }
        match (&mut estimator, self.alpha) {
            (EstimatorConfig::Ridge(config), Some(alpha)) => config.alpha = alpha,
            (_, Some(_)) => return Err(Error::input("--alpha is a setting of --learner ridge")),
            (_, None) => (),
        }
        Ok(estimator)
    }

    /// Interval, iterations and learning rates of logistic regression.
    fn set_steps(&self, config: &mut LogisticRegressionConfig) -> Result<()> {
        if let Some(interval) = self.interval {
            config.interval = interval;
            // On wide intervals a cubic is far from the sigmoid.
            if interval > LogisticRegressionConfig::default().interval {
                config.degree = SigmoidDegree::Five;
            }
        }
        if self.learning_rate.is_empty() && self.iterations.is_some() && self.batch.is_none() {
            return Err(Error::input(
                "--iterations of --learner logistic and ovr takes one --learning-rate for all of them, or --batch",
            ));
        }
        self.set_rates(&mut config.learning_rate, &mut config.iterations);
        Ok(())
    }

    /// Learning rates, and how many iterations take them.
    fn set_rates(&self, learning_rate: &mut LearningRate, iterations: &mut usize) {
        let listed = match self.learning_rate.as_slice() {
            [] => *iterations,
            &[rate] => {
                *learning_rate = LearningRate::Constant(rate);
                *iterations
            }
            rates => {
                *learning_rate = LearningRate::Listed(rates.to_vec());
                rates.len()
            }
        };
        *iterations = self.iterations.unwrap_or(listed);
    }

    /// Softmax regression on mini-batches of so many samples.
    fn softmax(&self, rows: Option<usize>, is_table: bool) -> EstimatorConfig {
        let mut config = match self.whiten.is_some() || (is_table && !self.plain_columns) {
            true => SoftmaxRegressionConfig::default(),
            false => SoftmaxRegressionConfig::standardized(),
        };
        config.batches.rows = rows.unwrap_or(config.batches.rows);
        EstimatorConfig::Softmax(config)
    }

    /// A network, on mini-batches of so many samples.
    fn two_layer(&self, rows: Option<usize>) -> Result<TwoLayerConfig> {
        let mut config = TwoLayerConfig::default();
        config.batches.rows = rows.unwrap_or(config.batches.rows);
        config.iterations = self.iterations.unwrap_or(config.iterations);
        config.hidden_units = self.hidden_units.unwrap_or(config.hidden_units);
        config.activation = self.activation.map_or(config.activation, Into::into);
        match self.learning_rate[..] {
            [] => (),
            [hidden, output] => (config.hidden_rate, config.output_rate) = (hidden, output),
            _ => {
                return Err(Error::input(
                    "--learning-rate of --learner two-layer takes two: that of the hidden layer and that of the other",
                ));
            }
        }
        Ok(config)
    }

    fn refuse_of_networks(&self, estimator: &EstimatorConfig) -> Result<()> {
        let given = [
            (self.hidden_units.is_some(), "--hidden-units"),
            (self.activation.is_some(), "--activation"),
        ];
        match estimator {
            EstimatorConfig::TwoLayer(_) => Ok(()),
            _ => refuse(&given, "two-layer"),
        }
    }

    fn refuse_of_logistic(&self) -> Result<()> {
        let given = [
            (self.interval.is_some(), "--interval"),
            (!self.learning_rate.is_empty(), "--learning-rate"),
        ];
        refuse(&given, "logistic, ovr, softmax and two-layer")
    }

    fn refuse_of_least_squares(&self) -> Result<()> {
        let given = [(self.largest_eigenvalue.is_some(), "--largest-eigenvalue")];
        refuse(&given, "ridge and fisher")
    }
}

/// Refuses settings of other training algorithms.
fn refuse(given: &[(bool, &str)], learners: &str) -> Result<()> {
    match given.iter().find(|(given, _)| *given) {
        Some((_, option)) => Err(Error::input(format!(
            "{option} is a setting of --learner {learners}"
        ))),
        None => Ok(()),
    }
}

/// What defaults depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeaturesAre {
    /// Those of images, standardised.
    Plain,
    /// Whitened by principal directions, if the algorithm profits from that.
    Whitened,
    /// Columns of a table.
    Table,
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
    Ovr,
    /// Softmax regression of three classes or more, in mini-batches (ovr had this name before).
    Softmax,
    /// A network with one hidden layer, in mini-batches.
    TwoLayer,
}

/// What becomes of the sums of hidden units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ActivationName {
    /// z^2 - 1.
    Hermite,
    /// z + z^2 / 5.
    Quadratic,
}

impl From<ActivationName> for Activation {
    fn from(name: ActivationName) -> Self {
        match name {
            ActivationName::Hermite => Self::Hermite,
            ActivationName::Quadratic => Self::Quadratic,
        }
    }
}

impl LearnerName {
    /// The algorithm with default settings for such features.
    pub fn defaults(self, features: FeaturesAre) -> EstimatorConfig {
        let (logistic, squares) = match features {
            FeaturesAre::Table => (
                LogisticRegressionConfig::table(),
                LeastSquaresConfig::table(),
            ),
            FeaturesAre::Whitened => (
                LogisticRegressionConfig::default(),
                LeastSquaresConfig::whitened(),
            ),
            FeaturesAre::Plain => Default::default(),
        };
        match self {
            Self::Logistic => EstimatorConfig::Logistic(logistic),
            Self::LinearMeans => EstimatorConfig::LinearMeans,
            Self::Fisher => EstimatorConfig::Fisher(squares),
            Self::Ridge => EstimatorConfig::Ridge(squares),
            Self::Ovr => EstimatorConfig::OneVsRest(logistic),
            Self::Softmax => EstimatorConfig::Softmax(match features {
                FeaturesAre::Plain => SoftmaxRegressionConfig::standardized(),
                _ => SoftmaxRegressionConfig::default(),
            }),
            Self::TwoLayer => EstimatorConfig::TwoLayer(TwoLayerConfig::default()),
        }
    }
}
