//! Linear regression with a ridge.

use tapetum_ckks::{Encoder, Evaluator};

use super::shape::Bands;
use super::{LeastSquaresConfig, fit, simulate};
use crate::error::LearnError;
use crate::estimator::Estimator;
use crate::features::Features;
use crate::labels::{ClassLabels, Labels, Task};
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::plain_model::Simulation;
use crate::progress::Listener;
use crate::requirements::Requirements;

/// Ridge regression on the labels: the weights that minimise |X w - y|^2 / m + lambda |w|^2, with
/// y = +-1/2 for two classes, and one column of zeros and ones a class for more.
///
/// Append a constant feature if an intercept is wanted. The samples must lie in one column of blocks
/// ([`Layout::for_least_squares`]).
///
/// ```
/// use tapetum_learn::{ClassLabels, Estimator, Features, LeastSquaresConfig, LinearRegression};
///
/// let features = Features::new(&[1.0, 1.0, 0.5, 1.0, -0.5, 1.0, -1.0, 1.0], 2)?;
/// let labels = ClassLabels::new(vec![true, true, false, false])?;
/// let ridge = LinearRegression::new(LeastSquaresConfig::default())?;
/// let model = ridge.simulate(&features, &labels)?.model;
/// assert_eq!(model.predict(&features)?, labels.as_slice());
/// # Ok::<(), tapetum_learn::LearnError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearRegression {
    config: LeastSquaresConfig,
}

impl LinearRegression {
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
}

impl Estimator for LinearRegression {
    /// K + 2 levels for K steps. Rotations: by powers of two rows, and by one column and about the
    /// square root of the number of features, in both directions.
    fn requirements(&self, layout: &Layout, task: Task) -> Requirements {
        fit::requirements(&self.config, layout, task, 0)
    }

    fn simulate(
        &self,
        features: &Features<'_>,
        labels: &ClassLabels,
    ) -> Result<Simulation, LearnError> {
        simulate::regression(&self.config, features, labels)
    }

    fn fit(
        &self,
        evaluator: &Evaluator,
        encoder: &Encoder,
        features: &EncryptedMatrix,
        labels: &Labels,
        progress: &mut Listener<'_>,
    ) -> Result<LinearModel, LearnError> {
        let shape = Bands::new(features.layout(), labels.classes())?;
        let needs = self.requirements(features.layout(), labels.task());
        let task = fit::Job {
            config: &self.config,
            shape,
            needs,
            evaluator,
            encoder,
            matrix: features,
            labels,
        };
        task.regression(progress)
    }
}
