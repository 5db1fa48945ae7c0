//! Fisher's discriminant.

use tapetum_ckks::{Encoder, Evaluator};

use super::shape::Bands;
use super::{LeastSquaresConfig, fit, simulate};
use crate::error::LearnError;
use crate::estimator::Estimator;
use crate::features::Features;
use crate::labels::{ClassLabels, LabelKind, Labels, Task, two_classes};
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::plain_model::Simulation;
use crate::progress::Listener;
use crate::requirements::Requirements;

/// Fisher's linear discriminant of two classes, free of divisions (Graepel, Lauter, Naehrig, ML
/// Confidential, 2012, section 3.2): w = (G/m)^-1 (mu+ - mu-), regularised by the number of steps,
/// and a sample is positive if it projects beyond the middle of the class means mu+ and mu-.
///
/// For centred features (mean zero over all samples, as after standardisation) G/m is their
/// covariance, and that leads to the same direction as the covariance within the classes does: the
/// two differ by a multiple of (mu+ - mu-) (mu+ - mu-)^T. So no class has to be known to compute it.
///
/// With t, the mean of y - 1/2, and in the words of [`LinearMeans`](crate::LinearMeans), D = h - t a
/// is the difference of the class means and S = a/2 - 2 t h their sum, each times the product of the
/// shares of the classes, and the score is 2 (1/4 - t^2) w . x - w . S.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FisherDiscriminant {
    config: LeastSquaresConfig,
}

impl FisherDiscriminant {
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

impl Estimator for FisherDiscriminant {
    /// K + 2 levels for K steps with clear labels, K + 3 with encrypted ones. Rotations as for
    /// [`LinearRegression`](crate::LinearRegression), and by powers of two columns.
    fn requirements(&self, layout: &Layout, task: Task) -> Requirements {
        let more = usize::from(task.labels == LabelKind::Encrypted);
        let mut needs = fit::requirements(&self.config, layout, task, more);
        needs.rotations.extend(layout.feature_rotations());
        needs
    }

    fn simulate(
        &self,
        features: &Features<'_>,
        labels: &ClassLabels,
    ) -> Result<Simulation, LearnError> {
        simulate::fisher(&self.config, features, labels)
    }

    fn fit(
        &self,
        evaluator: &Evaluator,
        encoder: &Encoder,
        features: &EncryptedMatrix,
        labels: &Labels,
        progress: &mut Listener<'_>,
    ) -> Result<LinearModel, LearnError> {
        two_classes("Fisher's discriminant", labels.classes())?;
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
            refresh: None,
        };
        task.fisher(progress)
    }
}
