//! Fisher's discriminant.

use tapetum_ckks::Ciphertext;

use super::fit::Solver;
use super::gram::Sums;
use super::{LeastSquaresConfig, fit, simulate};
use crate::error::{LearnError, Result, Setting};
use crate::estimator::Estimator;
use crate::features::Features;
use crate::labels::{ClassLabels, Labels};
use crate::layout::Layout;
use crate::linear_means::{ClassMeans, negated_dot, prior};
use crate::linear_model::LinearModel;
use crate::operation_counts::{Moments, OperationCounts};
use crate::plain_model::Simulation;
use crate::products::Products;
use crate::progress::{Counter, Listener};
use crate::requirements::Requirements;
use crate::samples::Samples;
use crate::session::{Collected, Session, SessionStart};
use crate::task::{LabelKind, Task, two_classes};

/// What a score is multiplied by.
enum Prior {
    Clear(f64),
    Encrypted(Ciphertext),
}

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
    pub fn new(config: LeastSquaresConfig) -> Result<Self> {
        config.check()?;
        let alpha = config.alpha;
        Setting::Alpha.check(
            alpha == 0.0,
            alpha,
            "0: Fisher's discriminant has no penalty",
        )?;
        Ok(Self { config })
    }

    /// The settings.
    pub fn config(&self) -> &LeastSquaresConfig {
        &self.config
    }
}

impl Estimator for FisherDiscriminant {
    /// K + 2 levels for K steps with clear labels, K + 3 with encrypted ones. Rotations as for
    /// [`Ridge`](crate::Ridge), and by powers of two columns.
    fn requirements(&self, layout: &Layout, task: Task) -> Requirements {
        let more = usize::from(task.labels == LabelKind::Encrypted);
        let mut needs = fit::requirements(&self.config, layout, task, more);
        needs.rotations.extend(layout.feature_rotations());
        needs
    }

    fn operation_counts(&self, layout: &Layout, task: Task) -> OperationCounts {
        OperationCounts::least_squares(layout, task, Moments::ClassMeans, self.config.iterations)
    }

    fn simulate(&self, features: &Features<'_>, labels: &ClassLabels) -> Result<Simulation> {
        simulate::fisher(&self.config, features, labels)
    }

    fn begin<'a>(&self, start: SessionStart<'a>) -> Result<Box<dyn Session + 'a>> {
        Ok(Box::new(Collected::new(*self, start.evaluator)))
    }

    fn fit(&self, samples: &Samples<'_>, progress: &mut Listener<'_>) -> Result<LinearModel> {
        let (evaluator, layout, task) = (samples.evaluator, samples.layout(), samples.task());
        two_classes("Fisher's discriminant", task.classes)?;
        let needs = self.requirements(layout, task);
        let solver = Solver::new(self.config, needs, SessionStart::of(samples))?;
        let level = samples.start_level(&solver.needs)?;
        let mut sums = Sums::new(solver.shape, None);
        let of_samples = sums.cost(layout.grid_rows()) + solver.cost(sums.count(), 1);
        let of_labels = 2 * layout.transposed_times_key_switches();
        let counter = Counter::new(of_samples + of_labels, progress);
        let products = Products::new(evaluator, samples.features, &counter);
        sums.add(&products, None, level)?;
        let polynomial = self.config.polynomial(sums.samples());
        let (matrix, _) = solver.matrix(&products, sums)?;
        let (means, prior) = match samples.labels {
            Labels::Clear(labels) => {
                let means = ClassMeans::in_clear(&products, labels, level, 1.0)?;
                (means, Prior::Clear(prior(labels)))
            }
            Labels::Encrypted(labels) => {
                let (means, prior) = ClassMeans::encrypted(&products, labels, level)?;
                (means, Prior::Encrypted(prior))
            }
        };
        let difference = evaluator.lower_to(&means.difference[0], level - 2)?;
        let solutions = matrix.apply(&polynomial, &[difference], || {
            counter.add(solver.step_cost(), "solving");
        })?;
        let solution = solutions.first().ok_or(LearnError::Empty("solutions"))?;

        let below = solution.vector.level() - 1;
        let times = |x: f64| evaluator.lower_scaled(&solution.vector, below, solution.factor * x);
        let direction = times(1.0)?;
        let weights = match prior {
            Prior::Clear(prior) => times(prior)?,
            Prior::Encrypted(prior) => {
                let prior = evaluator.lower_to(&prior, below)?;
                products.relinearized(&evaluator.mul(&prior, &direction)?)?
            }
        };
        let sum = evaluator.lower_to(&means.sum[0], below)?;
        let intercept = negated_dot(&products, &[direction], &[sum])?;
        solver.model(weights, Some(intercept))
    }
}
