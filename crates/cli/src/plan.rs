//! What owner, contributors and server agree on. It is public: nothing in it is secret.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tapetum_ckks::{BootstrappingPlan, KeyPlan, Parameters, ParametersLiteral, Preset, SlotKind};
use tapetum_learn::{
    Descent, Estimator, FisherDiscriminant, LabelKind, Layout, LeastSquaresConfig, LinearMeans,
    LinearModel, LinearRegression, LogisticRegression, LogisticRegressionConfig, MiniBatches,
    RefreshLevels, Requirements, SigmoidDegree, StepSchedule, Task, Verdict,
};
use tapetum_vision::{DataSet, FeatureSpec, Pipeline, PipelineOptions};

use crate::args::{Kind, LearnerName};
use crate::failure::Failure;
use crate::files;

/// Under this name in each of the three directories.
pub const FILE: &str = "plan.json";
const VERSION: u32 = 1;
/// Bits of a level: the error of scores stays near 2^-15.
const LOG_SCALE: u32 = 40;
/// Bits of a level where that makes a smaller ring do, at errors of scores near 2^-11.
const SMALL_LOG_SCALE: u32 = 36;
/// The largest ring for training in mini-batches without bootstrapping.
const MAX_LOG_N: u32 = 16;
/// Rows of blocks that training by sums reads at a time.
const BLOCKS_OF_A_PART: usize = 16;
/// Iterations on mini-batches unless something else is said.
const DEFAULT_ITERATIONS: usize = 32;

/// The agreement, as it is written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    version: u32,
    /// How the model is trained.
    pub learner: Learner,
    /// What is taken from each image, for the senders.
    pub features: String,
    /// Pixels along each side of an image before that.
    pub side: usize,
    /// Features of a sample, with the intercept if there is one.
    pub columns: usize,
    /// Columns of a block of the encrypted matrix.
    pub block_cols: usize,
    /// How scores become verdicts before they leave the server, if they are to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<Verdict>,
    /// The levels that training and classification use up.
    pub levels: usize,
    /// The parameters of all keys.
    pub parameters: ParametersLiteral,
}

/// A training algorithm with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Learner {
    /// Logistic regression.
    Logistic(LogisticRegressionConfig),
    /// Linear means.
    LinearMeans,
    /// Fisher's discriminant.
    Fisher(LeastSquaresConfig),
    /// Linear regression.
    Ridge(LeastSquaresConfig),
}

impl Learner {
    /// The default settings of an algorithm.
    pub fn by_name(name: LearnerName) -> Self {
        match name {
            LearnerName::Logistic => Self::Logistic(logistic()),
            LearnerName::LinearMeans => Self::LinearMeans,
            LearnerName::Fisher => Self::Fisher(least_squares()),
            LearnerName::Ridge => Self::Ridge(least_squares()),
        }
    }

    /// An algorithm with settings from the command line.
    fn of_kind(kind: &Kind) -> Result<Self> {
        let mut learner = match (kind.learner, kind.batch) {
            (LearnerName::Logistic, Some(rows)) => {
                let iterations = kind.iterations.unwrap_or(DEFAULT_ITERATIONS);
                Self::Logistic(mini_batches(rows, iterations))
            }
            (_, Some(_)) => {
                let message = "--batch is for gradient steps, so for --learner logistic";
                return Err(Failure::Input(message.to_owned()).into());
            }
            (name, None) => Self::by_name(name),
        };
        match &mut learner {
            Self::Fisher(config) | Self::Ridge(config) => {
                config.steps = kind.steps.unwrap_or(config.steps);
            }
            _ if kind.steps.is_some() => {
                let message = "--steps is a setting of --learner fisher and ridge";
                return Err(Failure::Input(message.to_owned()).into());
            }
            _ => (),
        }
        Ok(learner)
    }

    /// Whether a constant feature is appended, for want of an intercept of its own.
    pub fn wants_intercept(&self) -> bool {
        matches!(self, Self::Logistic(_) | Self::Ridge(_))
    }

    /// The algorithm itself.
    pub fn estimator(&self) -> Result<Box<dyn Estimator>> {
        Ok(match self {
            Self::Logistic(config) => Box::new(LogisticRegression::new(config.clone())?),
            Self::LinearMeans => Box::new(LinearMeans),
            Self::Fisher(config) => Box::new(FisherDiscriminant::new(*config)?),
            Self::Ridge(config) => Box::new(LinearRegression::new(*config)?),
        })
    }

    /// The method to be run in steps, if training is in mini-batches.
    pub fn descent(&self) -> Result<Option<Descent>> {
        Ok(match self {
            Self::Logistic(config) if config.batches.is_some() => {
                Some(LogisticRegression::new(config.clone())?.descent())
            }
            _ => None,
        })
    }

    /// The method to be given its samples part by part, if it adds them up.
    pub fn regression(&self) -> Result<Option<LinearRegression>> {
        Ok(match self {
            Self::Ridge(config) => Some(LinearRegression::new(*config)?),
            _ => None,
        })
    }

    /// For people.
    pub fn describe(&self) -> String {
        match self {
            Self::Logistic(config) => {
                let batches = match config.batches {
                    Some(batches) => format!(" on mini-batches of {}", batches.rows),
                    None => String::new(),
                };
                let iterations = config.iterations;
                format!("logistic regression with {iterations} iterations{batches}")
            }
            Self::LinearMeans => "linear means".to_owned(),
            Self::Fisher(config) => {
                format!("Fisher's discriminant with {} steps", config.steps)
            }
            Self::Ridge(config) => format!("linear regression with {} steps", config.steps),
        }
    }

    /// The layout of samples to train on.
    fn layout(&self, rows: usize, columns: usize, slots: usize) -> Result<Layout> {
        Ok(match self {
            Self::Logistic(_) | Self::LinearMeans => Layout::for_training(rows, columns, slots)?,
            Self::Fisher(_) | Self::Ridge(_) => Layout::for_least_squares(rows, columns, 2, slots)?,
        })
    }
}

/// For features whose largest eigenvalue is 1 on the training data of the first sender, with room
/// for others.
fn least_squares() -> LeastSquaresConfig {
    LeastSquaresConfig {
        steps: 6,
        largest_eigenvalue: 1.1,
    }
}

/// Three gradient steps on features whose largest eigenvalue is 1: where the gradient of the loss
/// has the Lipschitz constant L = 1/4, steps of 3/L, 2/L and 8/L. On the embedded images they reach
/// what four equal steps with momentum do, at five levels less; the long step is safe as the last.
fn logistic() -> LogisticRegressionConfig {
    LogisticRegressionConfig {
        iterations: 3,
        steps: StepSchedule::Listed(vec![12.0, 8.0, 32.0]),
        ..LogisticRegressionConfig::default()
    }
}

/// Mini-batches on features whose largest eigenvalue is 1: Nesterov's steps that begin at 6 and
/// get shorter, and a wide interval, because scores grow with the iterations.
pub fn mini_batches(rows: usize, iterations: usize) -> LogisticRegressionConfig {
    LogisticRegressionConfig {
        iterations,
        degree: SigmoidDegree::Five,
        interval: 16.0,
        steps: StepSchedule::InverseTime(12.0),
        batches: Some(MiniBatches {
            rows,
            ..MiniBatches::default()
        }),
    }
}

impl Plan {
    /// The plan for training in mini-batches: the smallest parameters with the levels for all
    /// iterations or, if there are none, those that bootstrap.
    fn in_batches(
        learner: Learner,
        descent: &Descent,
        features: String,
        side: usize,
        columns: usize,
    ) -> Result<Self> {
        let task = Task::two_classes(LabelKind::Encrypted);
        let rows = descent.batch_rows();
        let mut slots = 1 << 13;
        let (block_cols, levels, parameters) = loop {
            let layout = Layout::for_training(rows, columns, slots)?;
            let levels = descent.requirements(&layout, task, None)?.levels;
            let literal = ParametersLiteral::for_levels(levels, LOG_SCALE);
            match literal.filter(|literal| literal.log_n <= MAX_LOG_N) {
                Some(literal) if 1 << (literal.log_n - 1) == slots => {
                    break (layout.block_cols(), levels, literal);
                }
                Some(literal) => slots = 1 << (literal.log_n - 1),
                None => {
                    let parameters = Parameters::preset(Preset::N16Bootstrapping);
                    let layout = Layout::for_training(rows, columns, parameters.slots())?;
                    let levels = parameters.message_level();
                    break (layout.block_cols(), levels, parameters.literal().clone());
                }
            }
        };
        Ok(Self {
            version: VERSION,
            learner,
            features,
            side,
            columns,
            block_cols,
            verdicts: None,
            levels,
            parameters,
        })
    }

    /// The plan for samples of `columns` features of which about `rows` are to be trained on: the
    /// smallest secure parameters with the levels that this takes.
    fn new(
        learner: Learner,
        features: String,
        side: usize,
        columns: usize,
        rows: usize,
        verdicts: Option<Verdict>,
    ) -> Result<Self> {
        if let Some(descent) = learner.descent()? {
            if verdicts.is_some() {
                let message = "verdicts under encryption are not offered with --batch: the owner \
                               gets scores";
                return Err(Failure::Input(message.to_owned()).into());
            }
            return Self::in_batches(learner, &descent, features, side, columns);
        }
        // A larger ring has more slots, and more slots may take more levels to sum over: once
        // around settles it, as the levels hardly depend on the layout.
        let mut slots = 1 << 13;
        loop {
            let layout = learner.layout(rows, columns, slots)?;
            let levels = requirements(&learner, &layout, verdicts.as_ref())?.levels;
            let literal = smallest(levels).ok_or_else(|| {
                Failure::Input(format!(
                    "{} takes {levels} levels, more than any parameters have",
                    learner.describe()
                ))
            })?;
            let found = 1usize << (literal.log_n - 1);
            if found == slots {
                return Ok(Self {
                    version: VERSION,
                    learner,
                    features,
                    side,
                    columns,
                    block_cols: layout.block_cols(),
                    verdicts,
                    levels,
                    parameters: literal,
                });
            }
            slots = found;
        }
    }

    /// The plan for a kind of training on `features`; `columns` says how many a table has.
    pub fn for_kind(
        kind: &Kind,
        features: &str,
        columns: Option<usize>,
        rows: usize,
    ) -> Result<Self> {
        let learner = Learner::of_kind(kind)?;
        Self::for_learner(learner, features, kind.side, columns, rows)
    }

    /// The same for an algorithm with settings of its own.
    pub fn for_learner(
        learner: Learner,
        features: &str,
        side: usize,
        columns: Option<usize>,
        rows: usize,
    ) -> Result<Self> {
        let spec = features.parse::<FeatureSpec>()?.pinned()?;
        let columns = match (spec.is_table(), columns) {
            (true, Some(columns)) => columns,
            (false, None) => spec.columns(side)?,
            (true, None) => {
                let message = "a table may have any number of features: say it with --columns, or \
                               name a table with --like";
                return Err(Failure::Input(message.to_owned()).into());
            }
            (false, Some(_)) => {
                let message = "--columns is for --features table: the features of images are \
                               counted by themselves";
                return Err(Failure::Input(message.to_owned()).into());
            }
        };
        let columns = columns.saturating_add(usize::from(learner.wants_intercept()));
        Self::new(learner, spec.to_string(), side, columns, rows, None)
    }

    /// The same, but verdicts leave the server, and no scores.
    pub fn with_verdicts(self, rows: usize, verdict: Verdict) -> Result<Self> {
        let Self {
            learner,
            features,
            side,
            columns,
            ..
        } = self;
        Self::new(learner, features, side, columns, rows, Some(verdict))
    }

    /// Reads the plan of a role's directory.
    pub fn read(dir: &Path) -> Result<Self> {
        let advice = "ask the owner for this directory as `tapetum keygen` made it";
        let path = files::existing(dir, FILE, advice)?;
        let plan: Self = serde_json::from_str(&files::read_text(&path)?)
            .map_err(|e| Failure::Input(format!("{} is no plan: {e}", path.display())))?;
        if plan.version != VERSION {
            return Err(Failure::Input(format!(
                "{} has version {}, this program reads version {VERSION}",
                path.display(),
                plan.version
            ))
            .into());
        }
        plan.check()
            .with_context(|| format!("cannot use {}", path.display()))?;
        Ok(plan)
    }

    /// Whether the parts of the plan fit together: somebody may have changed it.
    fn check(&self) -> Result<()> {
        let parameters = self.parameters()?;
        let levels = self.requirements(&parameters)?.levels;
        if self.levels < levels || self.levels > parameters.max_level() {
            let message = format!(
                "it plans with {} levels, but {} takes {levels} and its parameters have {}",
                self.levels,
                self.learner.describe(),
                parameters.max_level()
            );
            return Err(Failure::Input(message).into());
        }
        Ok(())
    }

    /// Whether a key in `path` belongs to the plan beside it.
    pub fn check_key(&self, parameters: &Parameters, path: &Path) -> Result<()> {
        if *parameters == self.parameters()? {
            return Ok(());
        }
        let message = format!(
            "{} and {FILE} beside it have different parameters: they are from different runs of \
             `tapetum keygen`; ask the owner for this directory as it was made",
            path.display()
        );
        Err(Failure::Role(message).into())
    }

    /// What is taken from each image.
    pub fn feature_spec(&self) -> Result<FeatureSpec> {
        Ok(self.features.parse()?)
    }

    /// The pipeline from samples to features, fitted to training data.
    pub fn fit(&self, data: &DataSet) -> Result<Pipeline> {
        let spec = self.feature_spec()?;
        let options = PipelineOptions {
            side: self.side,
            intercept: self.learner.wants_intercept(),
            ..PipelineOptions::default()
        };
        let pipeline = Pipeline::fit(spec, data, options)?;
        if pipeline.columns() != self.columns {
            let message = format!(
                "these data have {} features, but the keys were made for {}: make keys with \
                 `tapetum keygen --like` for them",
                pipeline.columns(),
                self.columns
            );
            return Err(Failure::Input(message).into());
        }
        Ok(pipeline)
    }

    /// Writes the plan into a role's directory.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("cannot write down the plan")?;
        files::write_text(&dir.join(FILE), &(text + "\n")).map(drop)
    }

    /// The parameters, checked.
    pub fn parameters(&self) -> Result<Parameters> {
        Ok(Parameters::new(self.parameters.clone())?)
    }

    /// The layout of `rows` samples for training, and the level to encrypt them at.
    pub fn training_shape(&self, rows: usize, parameters: &Parameters) -> Result<(Layout, usize)> {
        let block_rows = parameters.slots() / self.block_cols.max(1);
        let layout = Layout::new(rows, self.columns, block_rows, self.block_cols)?;
        let level = match self.learner.descent()? {
            Some(descent) => {
                let task = Task::two_classes(LabelKind::Encrypted);
                let refresh = self.refresh_levels(&descent, parameters)?;
                descent.batch_level(&layout, task, refresh)?
            }
            None => self.levels,
        };
        Ok((layout, level))
    }

    /// Samples of a mini-batch, if training is in mini-batches.
    pub fn batch_rows(&self) -> Result<Option<usize>> {
        let descent = self.learner.descent()?;
        Ok(descent.map(|descent| descent.batch_rows()))
    }

    /// Samples of a part of a training file, if training reads it part by part: a mini-batch, or
    /// some blocks that are added to sums.
    pub fn part_rows(&self, parameters: &Parameters) -> Result<Option<usize>> {
        Ok(match self.learner {
            Learner::Ridge(_) => {
                Some(BLOCKS_OF_A_PART * parameters.slots() / self.block_cols.max(1))
            }
            _ => self.batch_rows()?,
        })
    }

    /// How weights are bootstrapped, if they are.
    pub fn bootstrapping(&self, parameters: &Parameters) -> Result<Option<BootstrappingPlan>> {
        Ok(match self.learner.descent()? {
            Some(descent) if self.parameters.bootstrapping.is_some() => {
                Some(self.bootstrapping_of(&descent, parameters)?)
            }
            _ => None,
        })
    }

    fn bootstrapping_of(
        &self,
        descent: &Descent,
        parameters: &Parameters,
    ) -> Result<BootstrappingPlan> {
        let layout = self.batch_layout(parameters)?;
        let slots = descent.packed_slots(&layout, 2)?;
        Ok(BootstrappingPlan::new(parameters, slots, SlotKind::Real)?)
    }

    fn refresh_levels(
        &self,
        descent: &Descent,
        parameters: &Parameters,
    ) -> Result<Option<RefreshLevels>> {
        if self.parameters.bootstrapping.is_none() {
            return Ok(None);
        }
        let plan = self.bootstrapping_of(descent, parameters)?;
        Ok(Some(RefreshLevels {
            input: plan.input_level(),
            output: plan.output_level(),
        }))
    }

    /// The blocks of samples to train on, whatever their number.
    pub fn batch_layout(&self, parameters: &Parameters) -> Result<Layout> {
        let block_rows = parameters.slots() / self.block_cols.max(1);
        Ok(Layout::new(1, self.columns, block_rows, self.block_cols)?)
    }

    /// All evaluation keys.
    pub fn keys(&self, parameters: &Parameters) -> Result<KeyPlan> {
        let mut needs = self.requirements(parameters)?;
        if let Some(regression) = self.learner.regression()? {
            // It would do without, but slower.
            let layout = self.batch_layout(parameters)?;
            let task = Task::two_classes(LabelKind::Encrypted);
            needs
                .rotations
                .extend(regression.sample_rotations(&layout, task)?);
        }
        let keys = needs.key_plan(parameters);
        Ok(match self.bootstrapping(parameters)? {
            Some(plan) => keys.join(&plan.keys()),
            None => keys,
        })
    }

    /// The layout of `rows` samples to be classified, and the level to encrypt them at.
    pub fn sample_shape(&self, rows: usize, parameters: &Parameters) -> Result<(Layout, usize)> {
        let slots = parameters.slots();
        let layout = Layout::for_samples(rows, self.columns, slots, self.block_cols)?;
        let verdicts = self.verdicts.map_or(0, |verdict| verdict.levels());
        Ok((layout, LinearModel::SAMPLE_LEVEL + verdicts))
    }

    /// Levels and keys of training and classification together.
    pub fn requirements(&self, parameters: &Parameters) -> Result<Requirements> {
        let layout = self.batch_layout(parameters)?;
        let Some(descent) = self.learner.descent()? else {
            return requirements(&self.learner, &layout, self.verdicts.as_ref());
        };
        let task = Task::two_classes(LabelKind::Encrypted);
        let refresh = self.refresh_levels(&descent, parameters)?;
        let mut needs = descent.requirements(&layout, task, refresh)?;
        needs.rotations.extend(classification(&layout)?.rotations);
        Ok(needs)
    }
}

/// The parameters of the smallest ring with so many levels, and as precise as they can be in it.
fn smallest(levels: usize) -> Option<ParametersLiteral> {
    let scales = [LOG_SCALE, SMALL_LOG_SCALE];
    let literals = scales.map(|scale| ParametersLiteral::for_levels(levels, scale));
    let literals = literals.into_iter().flatten();
    // The first of equals.
    literals.min_by_key(|literal| literal.log_n)
}

/// For training with encrypted labels, which needs most, and any classification.
fn requirements(
    learner: &Learner,
    layout: &Layout,
    verdicts: Option<&Verdict>,
) -> Result<Requirements> {
    let training = learner
        .estimator()?
        .requirements(layout, Task::two_classes(LabelKind::Encrypted));
    let verdicts = verdicts.map(Verdict::requirements).unwrap_or_default();
    Ok(training.then(classification(layout)?).then(verdicts))
}

/// For single samples, whose blocks are the widest and need the most.
fn classification(layout: &Layout) -> Result<Requirements> {
    let single = Layout::for_samples(1, layout.cols(), layout.slots(), layout.block_cols())?;
    Ok(LinearModel::requirements(&single, layout.block_cols(), 2)?)
}
