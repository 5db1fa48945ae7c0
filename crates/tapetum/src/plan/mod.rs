//! What owner, contributors and server agree on. It is public: nothing in it is secret.

mod counts;
mod expansion;
mod fit;
mod purpose;

use std::path::Path;

use serde::{Deserialize, Serialize};
use tapetum_ckks::{KeyPlan, Parameters, ParametersLiteral};
use tapetum_learn::{
    Computation, EstimatorConfig, Id, Layout, LearnError, Origin, PlainModel, PlainModelSpec,
    Publishing, Requirements, ScoreThreshold, SlotOrder, TrainingSpec,
};
use tapetum_vision::{FeatureSpec, Pipeline};

use crate::error::{Context, Error, Result};
use crate::folders::files;

pub use self::expansion::Expansion;
pub use self::fit::Fitted;
pub use self::purpose::Purpose;

/// Under this name in each of the three directories.
pub const FILE: &str = "plan.json";
const VERSION: u32 = 1;
/// What an image becomes unless something else is said: with the intercept 245 features.
pub const DEFAULT_FEATURES: &str = "hog:7+dct:10";
/// The features of a table: all its columns.
pub const TABLE_FEATURES: &str = "table";
/// Pixels along each side of an image unless something else is said.
pub const DEFAULT_SIDE: usize = 28;
/// Samples that keys are made for unless something else is known.
pub const DEFAULT_ROWS: usize = 1536;

/// The agreement, as it is written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    version: u32,
    /// How the model is trained, if it is.
    #[serde(rename = "learner")]
    pub purpose: Purpose,
    /// What is taken from each image, for the contributors.
    pub features: String,
    /// Pixels along each side of an image before that.
    pub side: usize,
    /// What is made of these features.
    #[serde(default, skip_serializing_if = "Expansion::is_none")]
    pub expansion: Expansion,
    /// Features of a sample, with the intercept if there is one.
    pub columns: usize,
    /// How many samples are expected of all contributors together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// The keys that were made for the plan, if they were: everything encrypted with them says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_set: Option<Id>,
    /// How many results can be published with noise under these keys, if they were made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<u64>,
    /// The number of classes that are told apart.
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub classes: usize,
    /// Columns of a block of the encrypted matrix.
    pub block_cols: usize,
    /// The order of the slots of a block.
    #[serde(default, skip_serializing_if = "is_rows")]
    pub slot_order: SlotOrder,
    /// How scores become predictions before they leave the server, if they are to.
    #[serde(default, rename = "verdicts", skip_serializing_if = "Option::is_none")]
    pub threshold: Option<ScoreThreshold>,
    /// The levels that training and classification use up.
    pub levels: usize,
    /// The parameters of all keys.
    pub parameters: ParametersLiteral,
}

fn two() -> usize {
    2
}

fn is_two(classes: &usize) -> bool {
    *classes == 2
}

fn is_rows(order: &SlotOrder) -> bool {
    *order == SlotOrder::Rows
}

/// What a plan is made for.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOptions {
    /// The training algorithm.
    pub estimator: EstimatorConfig,
    /// What is taken from an image, or [`TABLE_FEATURES`].
    pub features: String,
    /// Pixels along each side of an image before that.
    pub side: usize,
    /// What is made of these features; what suits them unless it is said.
    pub expansion: Option<Expansion>,
    /// How many features a table has; images have as many as `features` says.
    pub columns: Option<usize>,
    /// How many samples are expected: other numbers work, but slower.
    pub rows: usize,
    /// How many classes are told apart.
    pub classes: usize,
}

impl PlanOptions {
    /// Two classes of images.
    pub fn images(estimator: EstimatorConfig, rows: usize) -> Self {
        Self {
            estimator,
            features: DEFAULT_FEATURES.to_owned(),
            side: DEFAULT_SIDE,
            expansion: None,
            columns: None,
            rows,
            classes: 2,
        }
    }

    /// Two classes of rows of a table.
    pub fn table(estimator: EstimatorConfig, columns: usize, rows: usize) -> Self {
        Self {
            features: TABLE_FEATURES.to_owned(),
            columns: Some(columns),
            ..Self::images(estimator, rows)
        }
    }
}

impl Plan {
    /// The plan to train on `rows` images.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn for_images(estimator: EstimatorConfig, features: &str, rows: usize) -> Result<Self> {
        Self::new(PlanOptions {
            features: features.to_owned(),
            ..PlanOptions::images(estimator, rows)
        })
    }

    /// The plan to train on a table of `rows` samples in `columns` features.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn for_table(estimator: EstimatorConfig, columns: usize, rows: usize) -> Result<Self> {
        Self::new(PlanOptions::table(estimator, columns, rows))
    }

    /// The plan to classify what this pipeline makes of samples, with a plain model.
    pub fn classify_only(pipeline: &Pipeline) -> Result<Self> {
        let (columns, classes) = (pipeline.columns(), pipeline.class_names().len());
        let (_, parameters) = PlainModelSpec::planned(columns, classes)?;
        Self::classifying(pipeline, &parameters, None)
    }

    /// The same, with keys under which so many results can be published with noise that hides their error.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) if the noise would leave too little of the scores.
    pub fn classify_and_publish(pipeline: &Pipeline, results: u64) -> Result<Self> {
        let (columns, classes) = (pipeline.columns(), pipeline.class_names().len());
        let limit = pipeline.standardizer().limit();
        if !Publishing::fits(limit) {
            return Err(Error::input(format!(
                "features.json clips features to {limit}, and scores can be published of features up to {}: fit it \
                 with a smaller clip",
                Publishing::LARGEST_FEATURE
            )));
        }
        let (_, parameters) = PlainModelSpec::for_publishing(columns, classes, results)?;
        Self::classifying(pipeline, &parameters, Some(results))
    }

    fn classifying(
        pipeline: &Pipeline,
        parameters: &Parameters,
        publish: Option<u64>,
    ) -> Result<Self> {
        let plan = Self {
            version: VERSION,
            purpose: Purpose::ClassifyOnly,
            features: pipeline.spec().to_string(),
            side: pipeline.side(),
            expansion: Expansion::of(pipeline),
            columns: pipeline.columns(),
            rows: None,
            key_set: None,
            publish,
            classes: pipeline.class_names().len(),
            block_cols: PlainModelSpec::BLOCK_COLS,
            slot_order: SlotOrder::Rows,
            threshold: None,
            levels: PlainModel::sample_level(parameters),
            parameters: parameters.literal().clone(),
        };
        plan.check()?;
        Ok(plan)
    }

    /// The plan for a training: the blocks that hold its samples, and the smallest parameters that
    /// have its levels.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) if the options do not fit together, or no
    /// parameters have as many levels.
    pub fn new(options: PlanOptions) -> Result<Self> {
        let PlanOptions {
            estimator: learner,
            features,
            side,
            expansion,
            columns,
            rows,
            classes,
        } = options;
        let taken = features.parse::<FeatureSpec>()?.pinned()?;
        let columns = match (taken.is_table(), columns) {
            (true, Some(columns)) => columns,
            (false, None) => taken.columns(side)?,
            (true, None) => {
                let message = "a table may have any number of features: say it with --columns, or \
                               name a table with --like";
                return Err(Error::input(message));
            }
            (false, Some(_)) => {
                let message = "--columns is for --features table: the features of images are \
                               counted by themselves";
                return Err(Error::input(message));
            }
        };
        let suits = || match taken.is_table() {
            true => Expansion::for_table(columns, rows),
            false => Expansion::for_images(&learner),
        };
        let expansion = expansion.unwrap_or_else(suits).limited_to(columns);
        let columns = expansion
            .columns(columns)
            .saturating_add(usize::from(learner.wants_intercept()));
        let purpose = Purpose::Training(learner.clone());
        purpose.check_classes(classes)?;
        let planned = TrainingSpec::planned(learner, columns, classes, rows);
        let (spec, parameters) = planned.map_err(|e| too_deep(&purpose, e))?;
        Ok(Self {
            version: VERSION,
            purpose,
            features: taken.to_string(),
            side,
            expansion,
            columns,
            rows: Some(rows),
            key_set: None,
            publish: None,
            classes,
            block_cols: spec.block_cols,
            slot_order: spec.slot_order,
            threshold: None,
            levels: spec.levels,
            parameters: parameters.literal().clone(),
        })
    }

    /// The same, but predictions leave the server, and no scores.
    pub fn with_threshold(self, rows: usize, prediction: ScoreThreshold) -> Result<Self> {
        if self.batch_rows()?.is_some() {
            let message = "predictions under encryption are not offered with --batch: the owner gets \
                           scores";
            return Err(Error::input(message));
        }
        let planned = self.training_spec()?.with_threshold(rows, prediction);
        let (spec, parameters) = planned.map_err(|e| too_deep(&self.purpose, e))?;
        Ok(Self {
            block_cols: spec.block_cols,
            slot_order: spec.slot_order,
            threshold: spec.threshold,
            levels: spec.levels,
            parameters: parameters.literal().clone(),
            ..self
        })
    }

    /// The plan of a model that was trained elsewhere under these parameters, as its specification says, on
    /// features of this pipeline.
    ///
    /// # Errors
    /// [`Error`] if they do not belong together.
    pub fn for_model(
        spec: &TrainingSpec,
        pipeline: &Pipeline,
        parameters: &Parameters,
    ) -> Result<Self> {
        spec.check(parameters)?;
        for (what, expected, found) in [
            ("features of a sample", spec.columns, pipeline.columns()),
            ("classes", spec.classes, pipeline.class_names().len()),
        ] {
            if expected != found {
                return Err(LearnError::Shape {
                    what,
                    expected,
                    found,
                }
                .into());
            }
        }
        Ok(Self {
            version: VERSION,
            purpose: Purpose::Training(spec.learner.clone()),
            features: pipeline.spec().to_string(),
            side: pipeline.side(),
            expansion: Expansion::of(pipeline),
            columns: spec.columns,
            rows: None,
            key_set: None,
            publish: None,
            classes: spec.classes,
            block_cols: spec.block_cols,
            slot_order: spec.slot_order,
            threshold: spec.threshold,
            levels: spec.levels,
            parameters: parameters.literal().clone(),
        })
    }

    /// Reads the plan of a role's directory.
    pub fn read(dir: &Path) -> Result<Self> {
        let advice = "ask the owner for this directory as `tapetum keygen` made it";
        let path = files::existing(dir, FILE, advice)?;
        let plan: Self = serde_json::from_str(&files::read_text(&path)?)
            .map_err(|e| Error::input(format!("{} is not a plan: {e}", path.display())))?;
        if plan.version != VERSION {
            return Err(Error::input(format!(
                "{} has version {}, this program reads version {VERSION}",
                path.display(),
                plan.version
            )));
        }
        plan.check()
            .with_context(|| format!("cannot use {}", path.display()))?;
        Ok(plan)
    }

    /// Whether the parts of the plan fit together: somebody may have changed it.
    fn check(&self) -> Result<()> {
        self.purpose.check_classes(self.classes)?;
        let parameters = self.parameters()?;
        if self.publish.is_some() != Publishing::of(&parameters).is_some() {
            let message = format!(
                "{FILE} has parameters for scores that are published, or says so, and not both"
            );
            return Err(Error::input(message));
        }
        let levels = self.requirements(&parameters)?.levels;
        if self.levels < levels || self.levels > parameters.max_level() {
            let message = format!(
                "{FILE} allots {} levels; {} needs {levels}, and its parameters have {}",
                self.levels,
                self.purpose.describe(),
                parameters.max_level()
            );
            return Err(Error::input(message));
        }
        Ok(())
    }

    /// Whether a key in `path` belongs to the plan beside it. Returns what to know if that cannot be told.
    ///
    /// # Errors
    /// [`ErrorKind::Role`](crate::ErrorKind::Role) if it has other parameters, or is of another key set.
    pub fn check_key(
        &self,
        (parameters, key_set): (&Parameters, Option<Id>),
        path: &Path,
    ) -> Result<Option<String>> {
        let (own, path) = (self.parameters()?, path.display());
        let refuse = |differ: String| {
            Err(Error::role(format!(
                "{differ}: they are from different runs of `tapetum keygen`; ask the owner for this \
                 directory as it was made"
            )))
        };
        if *parameters != own {
            return refuse(format!(
                "{path} has parameters {}, and {FILE} beside it {}",
                described(parameters),
                described(&own)
            ));
        }
        match (key_set, self.key_set) {
            (Some(key), Some(plan)) if key != plan => refuse(format!(
                "{path} is of the key set {key}, and {FILE} beside it is of the key set {plan}"
            )),
            (Some(_), Some(_)) => Ok(None),
            (key, _) => Ok(Some(format!(
                "{} is of an earlier version and has no id: make sure that {path} and {FILE} beside it are from \
                 the same run of `tapetum keygen`",
                if key.is_none() {
                    path.to_string()
                } else {
                    FILE.to_owned()
                },
            ))),
        }
    }

    /// What is taken from each image.
    pub fn feature_spec(&self) -> Result<FeatureSpec> {
        Ok(self.features.parse()?)
    }

    /// The same plan for the keys of this key set.
    #[must_use]
    pub fn for_keys(&self, key_set: Option<Id>) -> Self {
        Self {
            key_set,
            ..self.clone()
        }
    }

    /// Fails unless what somebody gives says that it was made with the keys of this plan, or says nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Role`](crate::ErrorKind::Role) for other keys.
    pub fn check_origin(&self, origin: &Origin) -> Result<()> {
        let own = Origin {
            key_set: self.key_set,
            ..Origin::default()
        };
        Ok(origin.check(&own, "this directory")?)
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

    /// The training algorithm, if there is one.
    pub fn learner(&self) -> Option<&EstimatorConfig> {
        match &self.purpose {
            Purpose::Training(learner) => Some(learner),
            Purpose::ClassifyOnly => None,
        }
    }

    /// What a server must know to train.
    pub fn training_spec(&self) -> Result<TrainingSpec> {
        let Some(learner) = self.learner() else {
            let message = "these keys are for classification only: make keys without \
                           --classify-only to train";
            return Err(Error::role(message));
        };
        Ok(TrainingSpec {
            learner: learner.clone(),
            columns: self.columns,
            classes: self.classes,
            block_cols: self.block_cols,
            slot_order: self.slot_order,
            threshold: self.threshold,
            levels: self.levels,
        })
    }

    /// The layout of `rows` samples for training, and the level to encrypt them at.
    pub fn training_shape(&self, rows: usize, parameters: &Parameters) -> Result<(Layout, usize)> {
        Ok(self.training_spec()?.training_shape(rows, parameters)?)
    }

    /// Samples of a mini-batch, if training is in mini-batches.
    pub fn batch_rows(&self) -> Result<Option<usize>> {
        match self.purpose {
            Purpose::Training(_) => Ok(self.training_spec()?.batch_rows()?),
            Purpose::ClassifyOnly => Ok(None),
        }
    }

    /// All evaluation keys.
    pub fn keys(&self, parameters: &Parameters) -> Result<KeyPlan> {
        Ok(match self.purpose {
            Purpose::Training(_) => self.training_spec()?.keys(parameters)?,
            Purpose::ClassifyOnly => self.plain_model_spec().keys(parameters)?,
        })
    }

    /// The layout of `rows` samples to be classified, and the level to encrypt them at.
    pub fn sample_shape(&self, rows: usize, parameters: &Parameters) -> Result<(Layout, usize)> {
        Ok(match self.purpose {
            Purpose::Training(_) => self.training_spec()?.sample_shape(rows, parameters)?,
            Purpose::ClassifyOnly => self.plain_model_spec().sample_shape(rows, parameters)?,
        })
    }

    /// Levels and keys of training and classification together.
    fn requirements(&self, parameters: &Parameters) -> Result<Requirements> {
        Ok(match self.purpose {
            Purpose::Training(_) => self.training_spec()?.requirements(parameters)?,
            Purpose::ClassifyOnly => self.plain_model_spec().requirements(parameters)?,
        })
    }

    fn plain_model_spec(&self) -> PlainModelSpec {
        PlainModelSpec {
            columns: self.columns,
            classes: self.classes,
        }
    }
}

/// What to tell somebody who asks for more levels than there are.
fn too_deep(purpose: &Purpose, error: LearnError) -> Error {
    match error {
        LearnError::LevelExhausted { needed, .. } => Error::input(format!(
            "{} takes {needed} levels, more than any parameters have",
            purpose.describe()
        )),
        error => error.into(),
    }
}
/// Parameters for a message: what tells most of them apart, and their digest.
fn described(parameters: &Parameters) -> String {
    format!(
        "of N = 2^{}, {} levels and log QP = {:.0} ({})",
        parameters.log_n(),
        parameters.max_level(),
        parameters.log_qp(),
        parameters.digest()
    )
}
