//! Linear regression on the labels.

use tapetum_ckks::{Evaluator, KeyPlan, Parameters};

use super::shape::Diagonals;
use super::{LeastSquaresConfig, PartialFit, fit, simulate};
use crate::bootstrap::{Bootstrap, BootstrapLevels};
use crate::error::LearnError;
use crate::estimator::Estimator;
use crate::features::Features;
use crate::labels::{ClassLabels, Labels, Task};
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::operation_counts::{Moments, OperationCounts};
use crate::plain_model::Simulation;
use crate::progress::Progress;
use crate::requirements::Requirements;
use crate::session::{Session, SessionStart, fit_whole};

/// Linear regression on the labels: weights for a small |X w - y|^2, with y = +-1/2 for two classes,
/// and one column of zeros and ones a class for more, with a penalty on the weights
/// ([`LeastSquaresConfig::alpha`]) and few iterations, which damp the weights as well.
///
/// Append a constant feature if an intercept is wanted. The samples must lie in one column of blocks
/// ([`Layout::for_least_squares`]).
///
/// ```
/// use tapetum_learn::{ClassLabels, Estimator, Features, LeastSquaresConfig, Ridge};
///
/// let features = Features::new(&[1.0, 1.0, 0.5, 1.0, -0.5, 1.0, -1.0, 1.0], 2)?;
/// let labels = ClassLabels::new(vec![true, true, false, false])?;
/// let regression = Ridge::new(LeastSquaresConfig::default())?;
/// let model = regression.simulate(&features, &labels)?.model;
/// assert_eq!(model.predict(&features)?, labels.as_slice());
/// # Ok::<(), tapetum_learn::LearnError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ridge {
    config: LeastSquaresConfig,
}

impl Ridge {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`LearnError::Config`] names the setting that is out of range.
    pub fn new(config: LeastSquaresConfig) -> Result<Self, LearnError> {
        config.check()?;
        Ok(Self { config })
    }

    /// The settings.
    pub fn config(&self) -> &LeastSquaresConfig {
        &self.config
    }

    /// Rotations by which [`fit`](Estimator::fit) rotations blocks of samples: it does without keys for
    /// them, but is faster with them where there are many samples.
    ///
    /// # Errors
    /// [`LearnError::Layout`] if a sample does not lie in one row of a block.
    pub fn sample_rotations(&self, layout: &Layout, task: Task) -> Result<Vec<i64>, LearnError> {
        let (babies, giants) = Diagonals::new(layout, task.classes)?.sample_steps();
        let steps = babies.into_iter().chain(giants);
        Ok(steps.filter(|&step| step != 0).collect())
    }

    /// The level to encrypt samples at for [`fit_bootstrapped`](Self::fit_bootstrapped).
    pub fn sample_level(levels: BootstrapLevels) -> usize {
        fit::sample_level(levels)
    }

    /// The keys of [`fit_bootstrapped`](Self::fit_bootstrapped), those of the bootstrap itself apart: many
    /// rotations of samples, which are low, and a few of the matrix, which are high.
    ///
    /// # Errors
    /// [`LearnError::Layout`] if a sample does not lie in one row of a block.
    pub fn bootstrapped_key_plan(
        &self,
        layout: &Layout,
        task: Task,
        levels: BootstrapLevels,
        parameters: &Parameters,
    ) -> Result<KeyPlan, LearnError> {
        let samples = fit::sample_requirements(layout, task, levels)?;
        let solution = Requirements {
            levels: self.config.iterations + 1 + LinearModel::LEVEL,
            ..self.requirements(layout, task)
        };
        Ok(samples
            .key_plan(parameters)
            .join(&solution.key_plan(parameters)))
    }

    /// [`fit`](Estimator::fit) with bootstrapped statistics: the samples need levels for one product
    /// and its packing only ([`sample_level`](Self::sample_level)), whatever the number of steps,
    /// which have the levels of the bootstrap.
    ///
    /// # Errors
    /// As [`fit`](Estimator::fit).
    pub fn fit_bootstrapped(
        &self,
        evaluator: &Evaluator,
        features: &EncryptedMatrix,
        labels: &Labels,
        bootstrap: &dyn Bootstrap,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<LinearModel, LearnError> {
        let (layout, task) = (features.layout(), labels.task());
        let session = PartialFit::new(self, evaluator, layout, task, Some(bootstrap))?;
        let total = session.part_cost(layout) + session.solution_cost();
        fit_whole(Box::new(session), total, (features, labels), progress)
    }
}

impl<'a> PartialFit<'a> {
    /// A training for samples in the blocks of `layout`, of which the number of rows does not
    /// matter. With a bootstrap it is [`Ridge::fit_bootstrapped`], otherwise
    /// [`Ridge::fit`](Estimator::fit).
    ///
    /// # Errors
    /// [`LearnError::Layout`] if a sample does not lie in one row of a block.
    pub fn new(
        regression: &Ridge,
        evaluator: &Evaluator,
        layout: &Layout,
        task: Task,
        bootstrap: Option<&'a dyn Bootstrap>,
    ) -> Result<Self, LearnError> {
        let start = SessionStart::new(evaluator, layout, task, bootstrap);
        Self::begin(regression.config, start)
    }
}

impl Estimator for Ridge {
    /// K + 2 levels for K steps. Rotations: by powers of two rows, and by one column and about the
    /// square root of the number of features, in both directions.
    fn requirements(&self, layout: &Layout, task: Task) -> Requirements {
        fit::requirements(&self.config, layout, task, 0)
    }

    fn operation_counts(&self, layout: &Layout, task: Task) -> OperationCounts {
        OperationCounts::least_squares(layout, task, Moments::Outputs, self.config.iterations)
    }

    fn simulate(
        &self,
        features: &Features<'_>,
        labels: &ClassLabels,
    ) -> Result<Simulation, LearnError> {
        simulate::ridge(&self.config, features, labels)
    }

    fn begin<'a>(&self, start: SessionStart<'a>) -> Result<Box<dyn Session + 'a>, LearnError> {
        Ok(Box::new(PartialFit::begin(self.config, start)?))
    }
}
