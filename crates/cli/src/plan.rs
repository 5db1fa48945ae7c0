//! What owner, contributors and server agree on. It is public: nothing in it is secret.

mod work;

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tapetum_ckks::{BootstrappingPlan, KeyPlan, Parameters, ParametersLiteral, Preset, SlotKind};
use tapetum_learn::{
    Descent, Estimator, FisherDiscriminant, LabelKind, Layout, LeastSquaresConfig, LinearMeans,
    LinearModel, LinearRegression, LogisticRegression, LogisticRegressionConfig, MiniBatches,
    PlainModel, RefreshLevels, Requirements, SigmoidDegree, SoftmaxRegression, StepSchedule, Task,
    Verdict,
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
/// Most classes that are told apart.
const MAX_CLASSES: usize = tapetum_learn::MAX_CLASSES;
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
    /// The number of classes that are told apart.
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub classes: usize,
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
    /// Softmax regression, which tells each class from the rest.
    Softmax(LogisticRegressionConfig),
    /// None: the keys are for classification with a plain model.
    ClassifyOnly,
}

/// What is taken from samples, and how many classes they are of.
struct Subject {
    features: String,
    side: usize,
    columns: usize,
    classes: usize,
}

impl Subject {
    /// Training with encrypted labels needs most.
    fn task(&self) -> Task {
        task(self.classes)
    }
}

fn task(classes: usize) -> Task {
    Task {
        classes,
        labels: LabelKind::Encrypted,
    }
}

fn two() -> usize {
    2
}

fn is_two(classes: &usize) -> bool {
    *classes == 2
}

impl Learner {
    /// The default settings of an algorithm.
    pub fn by_name(name: LearnerName) -> Self {
        match name {
            LearnerName::Logistic => Self::Logistic(logistic()),
            LearnerName::LinearMeans => Self::LinearMeans,
            LearnerName::Fisher => Self::Fisher(least_squares()),
            LearnerName::Ridge => Self::Ridge(least_squares()),
            LearnerName::Softmax => Self::Softmax(logistic()),
        }
    }

    /// An algorithm with settings from the command line.
    fn of_kind(kind: &Kind) -> Result<Self> {
        // Of many classes each is told from the rest by a logistic regression of its own.
        let name = match (kind.learner, kind.classes) {
            (LearnerName::Logistic, 3..) => LearnerName::Softmax,
            (name, _) => name,
        };
        let batches = |rows| mini_batches(rows, kind.iterations.unwrap_or(DEFAULT_ITERATIONS));
        let mut learner = match (name, kind.batch) {
            (LearnerName::Logistic, Some(rows)) => Self::Logistic(batches(rows)),
            (LearnerName::Softmax, Some(rows)) => Self::Softmax(batches(rows)),
            (_, Some(_)) => {
                let message = "--batch is for gradient steps, so for --learner logistic or softmax";
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
        matches!(self, Self::Logistic(_) | Self::Ridge(_) | Self::Softmax(_))
    }

    /// The algorithm itself.
    pub fn estimator(&self) -> Result<Box<dyn Estimator>> {
        Ok(match self {
            Self::Logistic(config) => Box::new(LogisticRegression::new(config.clone())?),
            Self::LinearMeans => Box::new(LinearMeans),
            Self::Fisher(config) => Box::new(FisherDiscriminant::new(*config)?),
            Self::Ridge(config) => Box::new(LinearRegression::new(*config)?),
            Self::Softmax(config) => Box::new(SoftmaxRegression::new(config.clone())?),
            Self::ClassifyOnly => {
                let message = "these keys are for classification only: make keys without \
                               --classify-only to train";
                return Err(Failure::Role(message.to_owned()).into());
            }
        })
    }

    /// The method to be run in steps, if training is in mini-batches.
    pub fn descent(&self) -> Result<Option<Descent>> {
        Ok(match self {
            Self::Logistic(config) if config.batches.is_some() => {
                Some(LogisticRegression::new(config.clone())?.descent())
            }
            Self::Softmax(config) if config.batches.is_some() => {
                Some(SoftmaxRegression::new(config.clone())?.descent())
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

    /// What its steps are called and how many there are, if it has any.
    pub fn steps(&self) -> Option<(&'static str, usize)> {
        match self {
            Self::Logistic(config) | Self::Softmax(config) => {
                Some(("iterations", config.iterations))
            }
            Self::Fisher(config) | Self::Ridge(config) => {
                Some(("steps of the solution", config.steps))
            }
            Self::LinearMeans | Self::ClassifyOnly => None,
        }
    }

    /// The same with no more than so many of its steps.
    pub fn after(&self, steps: usize) -> Self {
        let mut learner = self.clone();
        match &mut learner {
            Self::Logistic(config) | Self::Softmax(config) => {
                config.iterations = config.iterations.min(steps);
                if let StepSchedule::Listed(rates) = &mut config.steps {
                    rates.truncate(steps);
                }
            }
            Self::Fisher(config) | Self::Ridge(config) => config.steps = config.steps.min(steps),
            Self::LinearMeans | Self::ClassifyOnly => (),
        }
        learner
    }

    /// For people.
    pub fn describe(&self) -> String {
        let steps = |config: &LogisticRegressionConfig| {
            let batches = match config.batches {
                Some(batches) => format!(" on mini-batches of {}", batches.rows),
                None => String::new(),
            };
            format!("{} iterations{batches}", config.iterations)
        };
        match self {
            Self::Logistic(config) => format!("logistic regression with {}", steps(config)),
            Self::Softmax(config) => format!("softmax regression with {}", steps(config)),
            Self::ClassifyOnly => "classification".to_owned(),
            Self::LinearMeans => "linear means".to_owned(),
            Self::Fisher(config) => {
                format!("Fisher's discriminant with {} steps", config.steps)
            }
            Self::Ridge(config) => format!("linear regression with {} steps", config.steps),
        }
    }

    /// The layout of samples to train on.
    fn layout(&self, rows: usize, subject: &Subject, slots: usize) -> Result<Layout> {
        let (columns, classes) = (subject.columns, subject.classes);
        Ok(match self {
            Self::Logistic(_) | Self::LinearMeans | Self::Softmax(_) => {
                Layout::for_training(rows, columns, slots)?
            }
            Self::Fisher(_) | Self::Ridge(_) => {
                Layout::for_least_squares(rows, columns, classes, slots)?
            }
            // Plain weights lie in blocks of any width.
            Self::ClassifyOnly => Layout::new(rows, columns, slots, 1)?,
        })
    }

    /// Refuses before there are keys what training would refuse.
    fn check_classes(&self, classes: usize) -> Result<()> {
        let many = matches!(self, Self::Ridge(_) | Self::Softmax(_) | Self::ClassifyOnly);
        if (2..=MAX_CLASSES).contains(&classes) && (classes == 2 || many) {
            return Ok(());
        }
        let message = format!(
            "{} does not tell {classes} classes apart: two by any learner, up to {MAX_CLASSES} by \
             --learner softmax or ridge",
            self.describe()
        );
        Err(Failure::Input(message).into())
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
    fn in_batches(learner: Learner, descent: &Descent, subject: Subject) -> Result<Self> {
        let (task, columns) = (subject.task(), subject.columns);
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
        Ok(subject.plan(learner, block_cols, levels, parameters))
    }

    /// The plan for samples of `columns` features of which about `rows` are to be trained on: the
    /// smallest secure parameters with the levels that this takes.
    fn new(
        learner: Learner,
        subject: Subject,
        rows: usize,
        verdicts: Option<Verdict>,
    ) -> Result<Self> {
        learner.check_classes(subject.classes)?;
        if let Some(descent) = learner.descent()? {
            if verdicts.is_some() {
                let message = "verdicts under encryption are not offered with --batch: the owner \
                               gets scores";
                return Err(Failure::Input(message.to_owned()).into());
            }
            return Self::in_batches(learner, &descent, subject);
        }
        // A larger ring has more slots, and more slots may take more levels to sum over: once
        // around settles it, as the levels hardly depend on the layout.
        let mut slots = 1 << 13;
        loop {
            let layout = learner.layout(rows, &subject, slots)?;
            let levels =
                requirements(&learner, &layout, subject.classes, verdicts.as_ref())?.levels;
            let literal = smallest(levels).ok_or_else(|| {
                Failure::Input(format!(
                    "{} takes {levels} levels, more than any parameters have",
                    learner.describe()
                ))
            })?;
            let found = 1usize << (literal.log_n - 1);
            if found == slots {
                let block_cols = layout.block_cols();
                return Ok(Self {
                    verdicts,
                    ..subject.plan(learner, block_cols, levels, literal)
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
        Self::for_learner(learner, features, kind.side, columns, rows, kind.classes)
    }

    /// The plan to classify what this pipeline makes of samples, with a plain model.
    pub fn classify_only(pipeline: &Pipeline) -> Result<Self> {
        let subject = Subject {
            features: pipeline.spec().to_string(),
            side: pipeline.side(),
            columns: pipeline.columns(),
            classes: pipeline.class_names().len(),
        };
        Self::new(Learner::ClassifyOnly, subject, 1, None)
    }

    /// The same for an algorithm with settings of its own.
    pub fn for_learner(
        learner: Learner,
        features: &str,
        side: usize,
        columns: Option<usize>,
        rows: usize,
        classes: usize,
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
        let subject = Subject {
            features: spec.to_string(),
            side,
            columns,
            classes,
        };
        Self::new(learner, subject, rows, None)
    }

    /// The same, but verdicts leave the server, and no scores.
    pub fn with_verdicts(self, rows: usize, verdict: Verdict) -> Result<Self> {
        let subject = Subject {
            features: self.features,
            side: self.side,
            columns: self.columns,
            classes: self.classes,
        };
        Self::new(self.learner, subject, rows, Some(verdict))
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
        self.learner.check_classes(self.classes)?;
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
        let classes = data.class_names().len();
        if classes != self.classes {
            let message = format!(
                "these data have {classes} classes, but the keys were made for {}: make keys with \
                 --classes {classes}",
                self.classes
            );
            return Err(Failure::Input(message).into());
        }
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
                let refresh = self.refresh_levels(&descent, parameters)?;
                descent.batch_level(&layout, task(self.classes), refresh)?
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
        let slots = descent.packed_slots(&layout, self.classes)?;
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
            needs
                .rotations
                .extend(regression.sample_rotations(&layout, task(self.classes))?);
        }
        if matches!(self.learner, Learner::ClassifyOnly) {
            needs.levels = PlainModel::KEY_LEVEL;
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
        let layout = samples_layout(rows, self.columns, slots, self.block_cols, self.classes)?;
        let verdicts = self.verdicts.map_or(0, |verdict| verdict.levels());
        Ok((layout, LinearModel::SAMPLE_LEVEL + verdicts))
    }

    /// Levels and keys of training and classification together.
    pub fn requirements(&self, parameters: &Parameters) -> Result<Requirements> {
        let layout = self.batch_layout(parameters)?;
        let Some(descent) = self.learner.descent()? else {
            let verdicts = self.verdicts.as_ref();
            return requirements(&self.learner, &layout, self.classes, verdicts);
        };
        let refresh = self.refresh_levels(&descent, parameters)?;
        let mut needs = descent.requirements(&layout, task(self.classes), refresh)?;
        let classification = classification(&layout, self.classes)?;
        needs.rotations.extend(classification.rotations);
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

impl Subject {
    fn plan(
        self,
        learner: Learner,
        block_cols: usize,
        levels: usize,
        parameters: ParametersLiteral,
    ) -> Plan {
        Plan {
            version: VERSION,
            learner,
            features: self.features,
            side: self.side,
            columns: self.columns,
            classes: self.classes,
            block_cols,
            verdicts: None,
            levels,
            parameters,
        }
    }
}

/// For training with encrypted labels, which needs most, and any classification.
fn requirements(
    learner: &Learner,
    layout: &Layout,
    classes: usize,
    verdicts: Option<&Verdict>,
) -> Result<Requirements> {
    if matches!(learner, Learner::ClassifyOnly) {
        let single = single(layout, classes)?;
        return Ok(Requirements {
            levels: PlainModel::SAMPLE_LEVEL,
            ..PlainModel::key_requirements(&single)
        });
    }
    let training = learner.estimator()?.requirements(layout, task(classes));
    let verdicts = verdicts.map(Verdict::requirements).unwrap_or_default();
    Ok(training
        .then(classification(layout, classes)?)
        .then(verdicts))
}

/// For single samples, whose blocks are the widest and need the most.
fn classification(layout: &Layout, classes: usize) -> Result<Requirements> {
    let single = single(layout, classes)?;
    Ok(LinearModel::requirements(
        &single,
        layout.block_cols(),
        classes,
    )?)
}

fn single(layout: &Layout, classes: usize) -> Result<Layout> {
    let (cols, slots, block_cols) = (layout.cols(), layout.slots(), layout.block_cols());
    samples_layout(1, cols, slots, block_cols, classes)
}

/// The layout of samples to be classified: of many classes a block has a row for each.
fn samples_layout(
    rows: usize,
    columns: usize,
    slots: usize,
    block_cols: usize,
    classes: usize,
) -> Result<Layout> {
    let layout = Layout::for_samples(rows, columns, slots, block_cols)?;
    let block_rows = match classes {
        2 => 1,
        many => many.next_power_of_two().min(slots),
    };
    Ok(match layout.block_rows() >= block_rows {
        true => layout,
        false => Layout::new(rows, columns, block_rows, slots / block_rows)?,
    })
}
