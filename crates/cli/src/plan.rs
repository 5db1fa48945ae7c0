//! What owner, contributors and server agree on. It is public: nothing in it is secret.

mod learner;
mod needs;
mod work;

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tapetum_ckks::{BootstrappingPlan, KeyPlan, Parameters, ParametersLiteral, Preset, SlotKind};
use tapetum_learn::{
    Descent, LabelKind, Layout, LinearModel, PlainModel, RefreshLevels, Requirements, Task,
    Verdict, smallest_parameters,
};
use tapetum_vision::{DataSet, FeatureSpec, Pipeline, PipelineOptions};

use self::needs::{classification, requirements};
use crate::args::Kind;
use crate::failure::Failure;
use crate::files;

pub use self::learner::{Learner, mini_batches};

/// Under this name in each of the three directories.
pub const FILE: &str = "plan.json";
const VERSION: u32 = 1;
/// Bits of a level: the error of scores stays near 2^-15.
const LOG_SCALE: u32 = 40;
/// The largest ring for training in mini-batches without bootstrapping.
const MAX_LOG_N: u32 = 16;
/// Rows of blocks that training by sums reads at a time.
const BLOCKS_OF_A_PART: usize = 16;

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
            let literal = smallest_parameters(levels).ok_or_else(|| {
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
        let (classes, columns) = (self.classes, self.columns);
        let layout = Layout::for_samples_of(classes, rows, columns, slots, self.block_cols)?;
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
