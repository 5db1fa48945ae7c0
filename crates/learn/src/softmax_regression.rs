//! Regression for many classes, trained by the softmax of their scores.

use serde::{Deserialize, Serialize};

use crate::bootstrap::BootstrapLevels;
use crate::error::{Result, Setting};
use crate::estimator::Estimator;
use crate::features::Features;
use crate::gradient_descent::steps::LearningRate;
use crate::gradient_descent::{self, DiagonalTraining, GradientDescent, Link, MiniBatches};
use crate::labels::ClassLabels;
use crate::layout::Layout;
use crate::mini_batch::MAX_ITERATIONS;
use crate::operation_counts::OperationCounts;
use crate::passes::{PassWorker, Passes, Totals};
use crate::requirements::Requirements;
use crate::session::{Session, SessionStart};
use crate::simulation::Simulation;
use crate::task::Task;

const NAME: &str = "softmax regression";

/// Settings as one writes them; [`SoftmaxRegression::new`] checks them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftmaxRegressionConfig {
    /// The number of gradient steps, 1 to [`MAX_ITERATIONS`](crate::MAX_ITERATIONS), each on a mini-batch.
    pub iterations: usize,
    /// The scores of the training must stay within [-`interval`, `interval`], 4 to 20;
    /// [`RangeReport`](crate::RangeReport) says if they do.
    pub interval: f64,
    /// The learning rates.
    #[serde(rename = "steps")]
    pub learning_rate: LearningRate,
    /// Samples of an iteration, and the largest weight.
    pub batches: MiniBatches,
}

impl Default for SoftmaxRegressionConfig {
    /// 20 iterations on mini-batches of 1,024, for whitened features whose largest eigenvalue is 1: where the gradient
    /// of the loss has the Lipschitz constant L = 1/2, learning rates of 1/L with Nesterov's momentum.
    fn default() -> Self {
        Self {
            iterations: 20,
            interval: 16.0,
            learning_rate: LearningRate::Constant(2.0),
            batches: MiniBatches::default(),
        }
    }
}

impl SoftmaxRegressionConfig {
    /// For features that are only standardised: longer steps, and more.
    pub fn standardized() -> Self {
        Self {
            iterations: 40,
            interval: 18.0,
            learning_rate: LearningRate::Constant(16.0),
            batches: MiniBatches {
                weight_bound: 8.0,
                ..MiniBatches::default()
            },
        }
    }
}

/// Softmax regression, which is multinomial logistic regression, for three classes or more: the gradient
/// X^T (y_k - exp(z_k) / sum exp(z_j)) for the scores z_k of class k. It has no intercept of its own: append a
/// constant feature.
///
/// It trains in mini-batches on blocks in the [order of columns](crate::SlotOrder::Columns), with two
/// bootstraps or more in every iteration: one of all weights, and one for the scores of several blocks. In it the
/// exponential and two divisions are polynomials (`docs/learning.md`), within 0.03 of the softmax, and within 0.001 up to an interval of 16.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftmaxRegression {
    config: SoftmaxRegressionConfig,
}

impl SoftmaxRegression {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`LearnError::Config`](crate::LearnError::Config) names the setting that is out of range.
    pub fn new(config: SoftmaxRegressionConfig) -> Result<Self> {
        let iterations = config.iterations;
        let within = (1..=MAX_ITERATIONS).contains(&iterations);
        Setting::Iterations.check(within, iterations as f64, "1 to 65536")?;
        Link::check_softmax(config.interval)?;
        config.batches.check()?;
        config.learning_rate.check(iterations)?;
        Ok(Self { config })
    }

    /// The settings.
    pub fn config(&self) -> &SoftmaxRegressionConfig {
        &self.config
    }

    /// The method, to be run in steps.
    pub fn gradient_descent(&self) -> GradientDescent {
        let SoftmaxRegressionConfig {
            iterations,
            interval,
            ref learning_rate,
            batches,
        } = self.config;
        let link = Link::Softmax(interval);
        GradientDescent::new(NAME, link, (learning_rate, iterations), batches, true)
    }
}

impl Estimator for SoftmaxRegression {
    /// Those of blocks in the order of rows, on which it does not train:
    /// [`GradientDescent::requirements`] tells levels and keys.
    fn requirements(&self, layout: &Layout, task: Task) -> Requirements {
        self.gradient_descent().levelled(layout, task)
    }

    fn operation_counts(&self, layout: &Layout, task: Task) -> OperationCounts {
        OperationCounts::key_switches(self.gradient_descent().key_switches(layout, task))
    }

    fn simulate(&self, features: &Features<'_>, labels: &ClassLabels) -> Result<Simulation> {
        gradient_descent::simulate(&self.gradient_descent(), features, labels, true)
    }

    fn begin<'a>(&self, start: SessionStart<'a>) -> Result<Box<dyn Session + 'a>> {
        let training = DiagonalTraining::begin(self.gradient_descent(), start)?;
        Ok(Box::new(training))
    }

    fn begin_passes<'a>(&self, start: SessionStart<'a>, _: &Totals) -> Result<Passes<'a>> {
        self.gradient_descent().begin_passes(start)
    }

    fn pass_worker<'a>(
        &self,
        start: SessionStart<'a>,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<PassWorker<'a>> {
        self.gradient_descent().pass_worker(start, bootstrap)
    }
}
