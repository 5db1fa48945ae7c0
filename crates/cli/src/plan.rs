//! What owner, contributors and server agree on. It is public: nothing in it is secret.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tapetum_ckks::{Parameters, ParametersLiteral};
use tapetum_learn::{
    Estimator, LabelKind, Layout, LinearMeans, LinearModel, LogisticRegression,
    LogisticRegressionConfig, Requirements, StepSchedule,
};

use crate::args::LearnerName;
use crate::failure::Failure;
use crate::files;

/// Under this name in each of the three directories.
pub const FILE: &str = "plan.json";
const VERSION: u32 = 1;
/// Bits of a level: the error of scores stays near 2^-15.
const LOG_SCALE: u32 = 40;

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
    /// Features of a sample, with the intercept.
    pub columns: usize,
    /// Columns of a block of the encrypted matrix.
    pub block_cols: usize,
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
}

impl Learner {
    /// The default settings of an algorithm.
    pub fn by_name(name: LearnerName) -> Self {
        match name {
            LearnerName::Logistic => Self::Logistic(logistic()),
            LearnerName::LinearMeans => Self::LinearMeans,
        }
    }

    /// Whether a constant feature is appended, for want of an intercept of its own.
    pub fn wants_intercept(&self) -> bool {
        matches!(self, Self::Logistic(_))
    }

    /// The algorithm itself.
    pub fn estimator(&self) -> Result<Box<dyn Estimator>> {
        Ok(match self {
            Self::Logistic(config) => Box::new(LogisticRegression::new(config.clone())?),
            Self::LinearMeans => Box::new(LinearMeans),
        })
    }

    /// For people.
    pub fn describe(&self) -> String {
        match self {
            Self::Logistic(config) => {
                format!("logistic regression, {} iterations", config.iterations)
            }
            Self::LinearMeans => "linear means".to_owned(),
        }
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

impl Plan {
    /// The plan for samples of `columns` features of which about `rows` are to be trained on: the
    /// smallest secure parameters with the levels that this takes.
    pub fn new(
        learner: Learner,
        features: String,
        side: usize,
        columns: usize,
        rows: usize,
    ) -> Result<Self> {
        // A larger ring has more slots, and more slots may take more levels to sum over: once
        // around settles it, as the levels hardly depend on the layout.
        let mut slots = 1 << 13;
        loop {
            let layout = Layout::for_training(rows, columns, slots)?;
            let levels = requirements(&learner, &layout)?.levels;
            let literal = ParametersLiteral::for_levels(levels, LOG_SCALE).ok_or_else(|| {
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
                    levels,
                    parameters: literal,
                });
            }
            slots = found;
        }
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
        Ok(plan)
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

    /// The layout of `rows` samples for training.
    pub fn training_layout(&self, rows: usize, parameters: &Parameters) -> Result<Layout> {
        let block_rows = parameters.slots() / self.block_cols.max(1);
        Ok(Layout::new(
            rows,
            self.columns,
            block_rows,
            self.block_cols,
        )?)
    }

    /// The layout of `rows` samples to be classified.
    pub fn sample_layout(&self, rows: usize, parameters: &Parameters) -> Result<Layout> {
        let slots = parameters.slots();
        Ok(Layout::for_samples(
            rows,
            self.columns,
            slots,
            self.block_cols,
        )?)
    }

    /// Levels and keys of training and classification together.
    pub fn requirements(&self, parameters: &Parameters) -> Result<Requirements> {
        let layout = self.training_layout(1, parameters)?;
        requirements(&self.learner, &layout)
    }

    /// The level at which samples to be classified are encrypted.
    pub fn sample_level(&self, parameters: &Parameters) -> Result<usize> {
        Ok(classification(&self.training_layout(1, parameters)?)?.levels)
    }
}

/// For training with encrypted labels, which needs most, and any classification.
fn requirements(learner: &Learner, layout: &Layout) -> Result<Requirements> {
    let training = learner
        .estimator()?
        .requirements(layout, LabelKind::Encrypted);
    Ok(training.then(classification(layout)?))
}

/// For single samples, whose blocks are the widest and need the most.
fn classification(layout: &Layout) -> Result<Requirements> {
    let single = Layout::for_samples(1, layout.cols(), layout.slots(), layout.block_cols())?;
    Ok(LinearModel::requirements(&single, layout.block_cols())?)
}
