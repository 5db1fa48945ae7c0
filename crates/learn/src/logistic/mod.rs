//! Logistic regression by Nesterov's accelerated gradient (Kim, Song, Kim, Lee, Cheon, 2018).
//!
//! With labels y in {0, 1} and z = X v, the gradient of the log-likelihood at v is
//! X^T (y - sigma(z)). The sigmoid is replaced by 1/2 + p(z) with an odd polynomial p, so one
//! iteration is
//!
//! ```text
//! w' = v + eta/m (X^T (y - 1/2) - X^T p(X v))
//! v' = (1 + mu) w' - mu w
//! ```
//!
//! from v = w = 0. The labels enter through X^T (y - 1/2) alone, which is computed once.

mod fit;
mod iterates;

use serde::{Deserialize, Serialize};

use self::fit::{WholeGradient, WholeTraining};
use crate::bootstrap::BootstrapLevels;
use crate::error::{LearnError, Result, Setting};
use crate::estimator::Estimator;
use crate::features::Features;
use crate::gradient_descent::sigmoid::{Sigmoid, SigmoidDegree};
use crate::gradient_descent::steps::{LearningRate, steps};
use crate::gradient_descent::{self, GradientDescent, Link, MiniBatches, Training};
use crate::labels::ClassLabels;
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::mini_batch::MAX_ITERATIONS;
use crate::operation_counts::OperationCounts;
use crate::passes::{PassWorker, Passes, Totals};
use crate::progress::Listener;
use crate::requirements::Requirements;
use crate::samples::Samples;
use crate::session::{Collected, Session, SessionStart};
use crate::simulation::Simulation;
use crate::task::{LabelKind, Task, two_classes};

const NAME: &str = "logistic regression";

/// Settings as one writes them; [`LogisticRegression::new`] checks them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticRegressionConfig {
    /// The number of gradient steps, 1 to [`MAX_ITERATIONS`](crate::MAX_ITERATIONS). The first takes one level, every
    /// other two more than the multiplicative depth of the sigmoid: 5 at degree 3, 6 at degree 5.
    pub iterations: usize,
    /// The degree of the sigmoid's polynomial.
    pub degree: SigmoidDegree,
    /// The polynomial stands for the sigmoid on [-`interval`, `interval`]: 1 to 64. The largest
    /// |z| of the training must stay within; [`RangeReport`](crate::RangeReport) says if it does.
    pub interval: f64,
    /// The learning rates.
    #[serde(rename = "steps")]
    pub learning_rate: LearningRate,
    /// Mini-batches, for a [`Training`](crate::Training) in steps; without them every iteration
    /// reads all samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<MiniBatches>,
}

impl Default for LogisticRegressionConfig {
    /// Three iterations of degree 3 on [-8, 8], for features whose largest eigenvalue is 1: where the
    /// gradient of the loss has the Lipschitz constant L = 1/4, learning rates of 3/L, 2/L and 8/L. On
    /// the embedded images they reach what four equal ones with momentum do, at five levels less; the
    /// long step is safe as the last.
    fn default() -> Self {
        Self {
            iterations: 3,
            degree: SigmoidDegree::Three,
            interval: 8.0,
            learning_rate: LearningRate::Listed(vec![12.0, 8.0, 32.0]),
            batches: None,
        }
    }
}

impl LogisticRegressionConfig {
    /// Iterations on mini-batches unless something else is said.
    pub const MINI_BATCH_ITERATIONS: usize = 32;

    /// The default for tables, whose whitened columns let scores grow faster: degree 5 on [-12, 12].
    pub fn table() -> Self {
        Self {
            degree: SigmoidDegree::Five,
            interval: 12.0,
            ..Self::default()
        }
    }

    /// Mini-batches of `rows` samples, on features whose largest eigenvalue is 1: Nesterov's steps with
    /// learning rates that begin at 6 and get smaller, and a wide interval, because scores grow with the
    /// iterations.
    pub fn mini_batches(rows: usize) -> Self {
        Self {
            iterations: Self::MINI_BATCH_ITERATIONS,
            degree: SigmoidDegree::Five,
            interval: 16.0,
            learning_rate: LearningRate::InverseTime(12.0),
            batches: Some(MiniBatches {
                rows,
                ..MiniBatches::default()
            }),
        }
    }
}

/// Logistic regression for two classes, without an intercept of its own: append a constant
/// feature.
///
/// ```
/// use tapetum_learn::*;
///
/// let estimator = LogisticRegression::new(LogisticRegressionConfig::default())?;
/// let layout = Layout::for_training(1536, 197, 16384)?;
/// let needs = estimator.requirements(&layout, Task::two_classes(LabelKind::Clear));
/// assert_eq!(needs.levels, 1 + 5 + 5);
/// assert_eq!(needs.rotations.len(), 5 + 9 + 1);
/// # Ok::<(), LearnError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticRegression {
    config: LogisticRegressionConfig,
    sigmoid: Sigmoid,
}

impl LogisticRegression {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`LearnError::Config`] names the setting that is out of range.
    pub fn new(config: LogisticRegressionConfig) -> Result<Self> {
        let (iterations, allowed) = (config.iterations, "1 to 65536");
        let within = (1..=MAX_ITERATIONS).contains(&iterations);
        Setting::Iterations.check(within, iterations as f64, allowed)?;
        if let Some(batches) = &config.batches {
            batches.check()?;
        }
        config.learning_rate.check(config.iterations)?;
        Ok(Self {
            sigmoid: Sigmoid::least_squares(config.degree, config.interval)?,
            config,
        })
    }

    /// The settings.
    pub fn config(&self) -> &LogisticRegressionConfig {
        &self.config
    }

    /// The polynomial that stands for the sigmoid.
    pub fn sigmoid(&self) -> &Sigmoid {
        &self.sigmoid
    }

    /// Whether all samples may be fitted to at once.
    pub(crate) fn check_whole(&self, layout: &Layout) -> Result<()> {
        match self.config.batches {
            Some(batches) if layout.rows() > batches.rows => Err(LearnError::Layout {
                what: "the number of samples to fit to at once",
                found: layout.rows(),
                allowed: "that of a mini-batch, so train in steps",
            }),
            _ => Ok(()),
        }
    }

    /// The method, to be run in steps, in mini-batches if there are any.
    pub fn gradient_descent(&self) -> GradientDescent {
        let schedule = (&self.config.learning_rate, self.config.iterations);
        let batches = self.config.batches.unwrap_or_default();
        let link = Link::Sigmoid(self.sigmoid.clone());
        GradientDescent::new(NAME, link, schedule, batches, false)
    }

    /// A session of `estimator` by `descent`, in mini-batches if there are any.
    pub(crate) fn begin_as<'a>(
        &self,
        estimator: impl Estimator + Send + 'a,
        descent: GradientDescent,
        start: SessionStart<'a>,
    ) -> Result<Box<dyn Session + 'a>> {
        Ok(match self.config.batches {
            Some(_) => Box::new(Training::begin(descent, start)?),
            None => Box::new(Collected::new(estimator, start.evaluator)),
        })
    }

    fn whole_gradient(&self, start: SessionStart<'_>) -> Result<WholeGradient> {
        two_classes(NAME, start.task.classes)?;
        let steps = steps(&self.config.learning_rate, self.config.iterations);
        WholeGradient::new(self.sigmoid.clone(), steps, start)
    }

    /// A training on all samples at once.
    fn begin_whole<'a>(&self, start: SessionStart<'a>, totals: &Totals) -> Result<Passes<'a>> {
        let needs = self.requirements(&start.layout, start.task);
        let gradient = self.whole_gradient(start)?;
        Ok(Passes::new(WholeTraining::begin(gradient, &needs, totals)?))
    }

    /// Levels of an iteration after the first: X v, the mask of its first column, the polynomial,
    /// and X^T g.
    fn iteration_levels(&self) -> usize {
        3 + self.sigmoid.levels()
    }
}

impl Estimator for LogisticRegression {
    /// 1 + 5 (K - 1) levels for K iterations with a sigmoid of degree 3, 1 + 6 (K - 1) at degree
    /// 5, but 2 for a single iteration, whose result must be scaled. Labels of both kinds cost
    /// the same. Rotations: by powers of two below the number of slots, and one to the right.
    fn requirements(&self, layout: &Layout, task: Task) -> Requirements {
        let mut rotations: std::collections::BTreeSet<_> = layout.sample_rotations().collect();
        let later = self.config.iterations - 1;
        if later > 0 {
            rotations.extend(layout.replication_rotations());
        }
        Requirements {
            levels: match later {
                0 => 2,
                _ => 1 + self.iteration_levels() * later,
            },
            rotations,
            relinearization: later > 0 || task.labels == LabelKind::Encrypted,
            // Whatever the number of samples is: keys are made before it is known.
            conjugation: true,
        }
    }

    fn operation_counts(&self, layout: &Layout, _: Task) -> OperationCounts {
        let first = layout.transposed_times_key_switches();
        let sigmoids = layout.grid_rows() * self.sigmoid.levels();
        let others = layout.times_key_switches() + sigmoids + first;
        OperationCounts::key_switches(first + others * (self.config.iterations - 1))
    }

    fn simulate(&self, features: &Features<'_>, labels: &ClassLabels) -> Result<Simulation> {
        let in_batches = self.config.batches.is_some();
        gradient_descent::simulate(&self.gradient_descent(), features, labels, in_batches)
    }

    fn begin<'a>(&self, start: SessionStart<'a>) -> Result<Box<dyn Session + 'a>> {
        self.begin_as(self.clone(), self.gradient_descent(), start)
    }

    fn begin_passes<'a>(&self, start: SessionStart<'a>, totals: &Totals) -> Result<Passes<'a>> {
        match self.config.batches {
            Some(_) => self.gradient_descent().begin_passes(start),
            None => self.begin_whole(start, totals),
        }
    }

    fn pass_worker<'a>(
        &self,
        start: SessionStart<'a>,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<PassWorker<'a>> {
        match self.config.batches {
            Some(_) => self.gradient_descent().pass_worker(start, bootstrap),
            None => Ok(PassWorker::new(self.whole_gradient(start)?)),
        }
    }

    fn fit(&self, samples: &Samples<'_>, progress: &mut Listener<'_>) -> Result<LinearModel> {
        let layout = samples.layout();
        let totals = Totals::of_samples(samples)?;
        let passes = self.begin_whole(SessionStart::of(samples), &totals)?;
        self.check_whole(layout)?;
        let work = self.operation_counts(layout, samples.task());
        passes.run(work.key_switches, samples, progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused() {
        let refused = |change: fn(&mut LogisticRegressionConfig)| {
            let mut config = LogisticRegressionConfig::default();
            change(&mut config);
            matches!(
                LogisticRegression::new(config),
                Err(LearnError::Config { .. })
            )
        };
        assert!(refused(|c| c.iterations = 0));
        assert!(refused(|c| c.iterations = MAX_ITERATIONS + 1));
        assert!(refused(|c| c.interval = 0.5));
        assert!(refused(|c| c.interval = f64::NAN));
        assert!(refused(|c| c.interval = f64::INFINITY));
        assert!(refused(|c| c.learning_rate = LearningRate::Constant(0.0)));
        assert!(refused(|c| c.learning_rate = LearningRate::Constant(-1.0)));
        assert!(refused(
            |c| c.learning_rate = LearningRate::InverseTime(f64::NAN)
        ));
        assert!(refused(
            |c| c.learning_rate = LearningRate::Listed(vec![1.0, 2.0])
        ));
        assert!(refused(
            |c| c.learning_rate = LearningRate::Listed(vec![1.0, 2.0, f64::INFINITY])
        ));
        assert!(!refused(
            |c| c.learning_rate = LearningRate::Listed(vec![1.0, 2.0, 3.0])
        ));
        assert!(!refused(|_| ()));
    }

    #[test]
    fn levels_and_keys_are_counted() {
        let layout = Layout::new(1536, 197, 512, 32).unwrap();
        let needs = |iterations, degree, labels| {
            let config = LogisticRegressionConfig {
                iterations,
                degree,
                learning_rate: LearningRate::Constant(1.0),
                ..LogisticRegressionConfig::default()
            };
            LogisticRegression::new(config)
                .unwrap()
                .requirements(&layout, Task::two_classes(labels))
        };
        use SigmoidDegree::{Five, Three};
        assert_eq!(needs(1, Three, LabelKind::Clear).levels, 2);
        assert!(!needs(1, Three, LabelKind::Clear).relinearization);
        assert!(needs(1, Three, LabelKind::Encrypted).relinearization);
        assert_eq!(needs(1, Three, LabelKind::Clear).rotations.len(), 9);
        assert_eq!(needs(4, Three, LabelKind::Encrypted).levels, 16);
        assert_eq!(needs(3, Five, LabelKind::Clear).levels, 13);
        assert!(needs(3, Five, LabelKind::Clear).rotations.contains(&-31));
    }
}
