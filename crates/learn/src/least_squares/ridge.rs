//! Linear regression on the labels.

use tapetum_ckks::{KeyPlan, Parameters};

use super::partial_fit::PartialFit;
use super::shape::Diagonals;
use super::{LeastSquaresConfig, fit, simulate};
use crate::bootstrap::BootstrapLevels;
use crate::error::Result;
use crate::estimator::Estimator;
use crate::features::Features;
use crate::labels::ClassLabels;
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::operation_counts::{Moments, OperationCounts};
use crate::requirements::Requirements;
use crate::session::{Session, SessionStart};
use crate::simulation::Simulation;
use crate::task::Task;

/// Linear regression on the labels: weights for a small |X w - y|^2, with y = +-1/2 for two classes,
/// and one column of zeros and ones a class for more, with a penalty on the weights
/// ([`LeastSquaresConfig::alpha`]) and few iterations, which damp the weights as well.
///
/// Append a constant feature if an intercept is wanted. The samples must lie in one column of blocks
/// ([`Layout::for_least_squares`]).
///
/// A [`Session`] of it is given samples in parts, so that one part at a time is in memory, and beside it
/// sums whose size does not depend on the number of samples. Parts may have any number of samples each
/// and come in any order, from one contributor or from several. The model is that of all samples
/// together.
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
///
/// ```no_run
/// # use tapetum_ckks::*; use tapetum_learn::*;
/// # fn read_part(index: usize) -> Batch { unimplemented!() }
/// # fn run(ridge: Ridge, evaluator: &Evaluator, layout: Layout, task: Task) -> Result<EncryptedModel> {
/// let mut training = ridge.begin(SessionStart::new(evaluator, &layout, task, None))?;
/// for part in 0..10 {
///     training.add(&read_part(part), &mut |_| ())?;
/// }
/// training.finish(&mut |_| ())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ridge {
    config: LeastSquaresConfig,
}

impl Ridge {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`LearnError::Config`](crate::LearnError::Config) names the setting that is out of range.
    pub fn new(config: LeastSquaresConfig) -> Result<Self> {
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
    /// [`LearnError::Layout`](crate::LearnError::Layout) if a sample does not lie in one row of a block.
    pub fn sample_rotations(&self, layout: &Layout, task: Task) -> Result<Vec<i64>> {
        let (babies, giants) = Diagonals::new(layout, task.classes)?.sample_steps();
        let steps = babies.into_iter().chain(giants);
        Ok(steps.filter(|&step| step != 0).collect())
    }

    /// The level to encrypt samples at for a training [with a bootstrap](SessionStart::bootstrap), which
    /// refreshes the sums: samples need levels for one product and its packing only, whatever the number
    /// of iterations, which have the levels of the bootstrap.
    pub fn sample_level(levels: BootstrapLevels) -> usize {
        fit::sample_level(levels)
    }

    /// The keys of a training with a bootstrap, those of the bootstrap itself apart: many
    /// rotations of samples, which are low, and a few of the matrix, which are high.
    ///
    /// # Errors
    /// [`LearnError::Layout`](crate::LearnError::Layout) if a sample does not lie in one row of a block.
    pub fn bootstrapped_key_plan(
        &self,
        layout: &Layout,
        task: Task,
        levels: BootstrapLevels,
        parameters: &Parameters,
    ) -> Result<KeyPlan> {
        let samples = fit::sample_requirements(layout, task, levels)?;
        let solution = Requirements {
            levels: self.config.iterations + 1 + LinearModel::LEVEL,
            ..self.requirements(layout, task)
        };
        Ok(samples
            .key_plan(parameters)
            .join(&solution.key_plan(parameters)))
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

    fn simulate(&self, features: &Features<'_>, labels: &ClassLabels) -> Result<Simulation> {
        simulate::ridge(&self.config, features, labels)
    }

    fn begin<'a>(&self, start: SessionStart<'a>) -> Result<Box<dyn Session + 'a>> {
        Ok(Box::new(PartialFit::begin(self.config, start)?))
    }
}
