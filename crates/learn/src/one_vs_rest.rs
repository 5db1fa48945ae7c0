//! Regression for many classes, trained by the sigmoid of each class's score.

use crate::bootstrap::BootstrapLevels;
use crate::error::Result;
use crate::estimator::Estimator;
use crate::features::Features;
use crate::gradient_descent::{self, DiagonalTraining, GradientDescent, Training};
use crate::labels::ClassLabels;
use crate::layout::{Layout, SlotOrder};
use crate::linear_model::LinearModel;
use crate::logistic::{LogisticRegression, LogisticRegressionConfig};
use crate::operation_counts::OperationCounts;
use crate::passes::{PassWorker, Passes, Totals};
use crate::progress::Listener;
use crate::requirements::Requirements;
use crate::samples::Samples;
use crate::session::{Session, SessionStart, fit_whole};
use crate::simulation::Simulation;
use crate::task::Task;

const NAME: &str = "one-vs-rest logistic regression";

/// Logistic regression of each class against the rest, for any number of classes, with the gradient X^T (y_k - sigma(z_k)) for the
/// scores z_k of class k, where the softmax would have exp(z_k) / sum exp(z_j) in place of the
/// sigmoid, in passes over the data that all classes share.
///
/// [`SoftmaxRegression`](crate::SoftmaxRegression) has the softmax itself, for about half as much time again.
/// `docs/learning.md` compares accuracies. The model is the same, scores of which the largest decides, but scores are
/// not logarithms of probabilities that add up to 1.
///
/// Settings are those of [`LogisticRegression`].
#[derive(Clone, Debug, PartialEq)]
pub struct OneVsRestLogistic {
    logistic: LogisticRegression,
}

impl OneVsRestLogistic {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`LearnError::Config`](crate::LearnError::Config) names the setting that is out of range.
    pub fn new(config: LogisticRegressionConfig) -> Result<Self> {
        let logistic = LogisticRegression::new(config)?;
        Ok(Self { logistic })
    }

    /// The settings.
    pub fn config(&self) -> &LogisticRegressionConfig {
        self.logistic.config()
    }

    /// The method, to be run in steps, in mini-batches if there are any.
    pub fn gradient_descent(&self) -> GradientDescent {
        GradientDescent {
            what: NAME,
            many_classes: true,
            ..self.logistic.gradient_descent()
        }
    }
}

impl Estimator for OneVsRestLogistic {
    /// 1 + 5 (K - 1) levels for K iterations with a sigmoid of degree 3, 1 + 6 (K - 1) at degree
    /// 5; one more for encrypted labels, and one for more than two classes.
    fn requirements(&self, layout: &Layout, task: Task) -> Requirements {
        self.gradient_descent().levelled(layout, task)
    }

    fn operation_counts(&self, layout: &Layout, task: Task) -> OperationCounts {
        OperationCounts::key_switches(self.gradient_descent().key_switches(layout, task))
    }

    fn simulate(&self, features: &Features<'_>, labels: &ClassLabels) -> Result<Simulation> {
        let in_batches = self.config().batches.is_some();
        gradient_descent::simulate(&self.gradient_descent(), features, labels, in_batches)
    }

    fn begin<'a>(&self, start: SessionStart<'a>) -> Result<Box<dyn Session + 'a>> {
        let descent = self.gradient_descent();
        match (start.layout.order(), self.config().batches) {
            (SlotOrder::Columns, Some(_)) => Ok(Box::new(DiagonalTraining::begin(descent, start)?)),
            _ => (self.logistic).begin_as(self.clone(), descent, start),
        }
    }

    fn begin_passes<'a>(&self, start: SessionStart<'a>, totals: &Totals) -> Result<Passes<'a>> {
        let descent = self.gradient_descent();
        if self.config().batches.is_some() {
            return descent.begin_passes(start);
        }
        totals.check_trainable()?;
        let needs = self.requirements(&start.layout, start.task);
        let available = totals.level;
        let level = needs.start_level("training", available, available, &start.evaluator)?;
        // It has no use for a bootstrap.
        let start = SessionStart {
            bootstrap: None,
            ..start
        };
        Ok(Passes::new(Training::at_level(descent, start, level)?))
    }

    fn pass_worker<'a>(
        &self,
        start: SessionStart<'a>,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<PassWorker<'a>> {
        self.gradient_descent().pass_worker(start, bootstrap)
    }

    fn fit(&self, samples: &Samples<'_>, progress: &mut Listener<'_>) -> Result<LinearModel> {
        let (layout, task) = (samples.layout(), samples.task());
        self.logistic.check_whole(layout)?;
        let start = samples.start_level(&self.requirements(layout, task))?;
        let descent = self.gradient_descent();
        let training = Training::at_level(descent, SessionStart::of(samples), start)?;
        let total = self.operation_counts(layout, task).key_switches;
        fit_whole(Box::new(training), total, samples, progress)
    }
}
