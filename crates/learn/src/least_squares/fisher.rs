//! Fisher's discriminant.

use tapetum_ckks::{Ciphertext, Evaluator};

use super::fit::Solver;
use super::gram::Sums;
use super::shape::Diagonals;
use super::{LeastSquaresConfig, fit, simulate};
use crate::bootstrap::BootstrapLevels;
use crate::error::{LearnError, Result, Setting};
use crate::estimator::{Estimator, fit_in_passes};
use crate::features::Features;
use crate::labels::ClassLabels;
use crate::layout::{Layout, SlotOrder};
use crate::linear_means::{ClassMeans, Prior, Weighting, negated_dot};
use crate::linear_model::LinearModel;
use crate::operation_counts::{Moments, OperationCounts};
use crate::passes::{Form, InPasses, PassStart, PassWorker, Passes, Summands, Totals};
use crate::products::Products;
use crate::progress::{Count, Listener};
use crate::requirements::Requirements;
use crate::samples::Samples;
use crate::session::{Collected, Session, SessionStart};
use crate::simulation::Simulation;
use crate::task::{LabelKind, Task, two_classes};

const NAME: &str = "Fisher's discriminant";

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

    fn begin_passes<'a>(&self, start: SessionStart<'a>, totals: &Totals) -> Result<Passes<'a>> {
        two_classes(NAME, start.task.classes)?;
        let needs = self.requirements(&start.layout, start.task);
        // It has no use for a bootstrap.
        let start = SessionStart {
            bootstrap: None,
            ..start
        };
        let solver = Solver::new(self.config, needs, start)?;
        totals.check_trainable()?;
        let level = solver.start_level(totals.level)?;
        Ok(Passes::new(Training {
            summands: FisherSummands::of(&solver),
            solver,
            level,
            sums: None,
        }))
    }

    fn pass_worker<'a>(
        &self,
        start: SessionStart<'a>,
        _: Option<BootstrapLevels>,
    ) -> Result<PassWorker<'a>> {
        two_classes(NAME, start.task.classes)?;
        let needs = self.requirements(&start.layout, start.task);
        let solver = Solver::new(self.config, needs, start)?;
        Ok(PassWorker::new(FisherSummands::of(&solver)))
    }

    fn fit(&self, samples: &Samples<'_>, progress: &mut Listener<'_>) -> Result<LinearModel> {
        (samples.layout()).check_order("an encrypted matrix", SlotOrder::Rows)?;
        fit_in_passes(self, samples, progress)
    }
}

/// The sums from which the discriminant follows: those of the Gram matrix, then those of the class means.
struct FisherSummands {
    shape: Diagonals,
    evaluator: Evaluator,
    layout: Layout,
    task: Task,
}

impl FisherSummands {
    fn of(solver: &Solver<'_>) -> Self {
        Self {
            shape: solver.shape,
            evaluator: solver.evaluator.clone(),
            layout: solver.layout,
            task: solver.task,
        }
    }
}

impl Summands for FisherSummands {
    fn setting(&self) -> (&Evaluator, &Layout, Task) {
        (&self.evaluator, &self.layout, self.task)
    }

    fn forms(&self, start: &PassStart) -> Result<Vec<Form>> {
        let mut forms = vec![Form::product(start.level()); self.shape.count()];
        forms.extend(ClassMeans::forms(&self.layout, start));
        Ok(forms)
    }

    fn sums(
        &self,
        start: &PassStart,
        samples: &Samples<'_>,
        counter: &dyn Count,
    ) -> Result<Vec<Ciphertext>> {
        let products = Products::new(&self.evaluator, samples.features, counter);
        let mut gram = Sums::new(self.shape, None);
        gram.add(&products, None, start.level())?;
        let mut sums = gram.into_ciphertexts()?;
        sums.extend(ClassMeans::sums(
            &products,
            samples.labels,
            start,
            Weighting::Plain,
        )?);
        Ok(sums)
    }
}

/// A training that is going on, in one pass.
struct Training<'a> {
    summands: FisherSummands,
    solver: Solver<'a>,
    level: usize,
    sums: Option<(PassStart, Vec<Ciphertext>)>,
}

impl InPasses for Training<'_> {
    fn summands(&self) -> &dyn Summands {
        &self.summands
    }

    fn total(&self) -> usize {
        1
    }

    fn start(&mut self, pass: usize, totals: &Totals, _: &dyn Count) -> Result<PassStart> {
        totals.check_level(self.level)?;
        PassStart::of(pass, self.level, totals, Vec::new())
    }

    fn advance(&mut self, start: PassStart, sums: Vec<Ciphertext>, _: &dyn Count) -> Result<()> {
        self.sums = Some((start, sums));
        Ok(())
    }

    fn finish(self: Box<Self>, counter: &dyn Count) -> Result<LinearModel> {
        let Self { solver, sums, .. } = *self;
        let (start, mut of_gram) = sums.ok_or(LearnError::Empty("samples"))?;
        let of_means = of_gram.split_off(solver.shape.count());
        let (vectors, evaluator) = (solver.vectors(counter), &solver.evaluator);
        let mut sums = Sums::new(solver.shape, None);
        sums.restore(of_gram, start.samples())?;
        let polynomial = solver.config.polynomial(start.samples());
        let (matrix, _) = solver.matrix(&vectors, sums)?;
        let (means, prior) = ClassMeans::of(&vectors, &start, &of_means)?;
        let difference = evaluator.lower_to(&means.difference[0], start.level() - 2)?;
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
                vectors.relinearized(&evaluator.mul(&prior, &direction)?)?
            }
        };
        let sum = evaluator.lower_to(&means.sum[0], below)?;
        let intercept = negated_dot(&vectors, &[direction], &[sum])?;
        solver.model(weights, Some(intercept))
    }
}
