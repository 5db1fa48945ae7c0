//! The plaintext reference, before anything is encrypted: how well the model will do, whether values stay
//! in range, and what encryption will cost.

mod cost;
mod curve;
mod reference;

use std::path::{Path, PathBuf};

use serde::Serialize;
use tapetum_learn::{LinearModel, PlainClassifier, PlainModel, RangeOf, RangeReport};
use tapetum_vision::{Pipeline, Split};

use crate::contributor::ranges::Judged;
use crate::error::{Error, Result};
use crate::folders::{FEATURES, Index, Output, files, model};
use crate::plan::{self, Plan};
use crate::predictions::Predictions;
use crate::progress::Progress;
use crate::samples::{Samples, class_labels};

pub use cost::Cost;
pub use curve::{Curve, CurvePoint};
pub use reference::Reference;
use reference::check_ranges;

/// The plain model that `--export` writes.
pub const MODEL: &str = "model.json";

/// What encryption will give and cost.
#[derive(Debug, Serialize)]
pub struct Simulated {
    /// Samples trained on.
    pub train_samples: usize,
    /// Samples held out.
    pub test_samples: usize,
    /// How many samples of both parts each class has.
    pub class_counts: Vec<usize>,
    /// What was guessed, left out or changed on the way from the files to the features.
    pub notes: Vec<String>,
    /// The class that is recognised, if there are two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// How the model is trained.
    pub learner: String,
    /// What is taken from a sample.
    pub features: String,
    /// Features of a sample, with the intercept if there is one.
    pub columns: usize,
    /// Where values go.
    pub ranges: Ranges,
    /// What encryption will cost.
    pub cost: Cost,
    /// Where the model was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<PathBuf>,
    /// The predictions on the held-out part, and figures of merit.
    #[serde(flatten)]
    pub predictions: Predictions,
    #[serde(skip)]
    model: PlainClassifier,
    #[serde(skip)]
    pipeline: Pipeline,
}

/// Values that must stay in a range, or encrypted results will be wrong without a sign.
#[derive(Debug, Serialize)]
pub struct Ranges {
    /// Of what they are.
    #[serde(skip)]
    pub of: RangeOf,
    /// The largest |z| of each iteration that evaluates the sigmoid's polynomial, or of each step of a network.
    pub largest_z: Vec<f64>,
    /// The largest |z| for which that polynomial is made; none without a polynomial.
    pub interval: Option<f64>,
    /// The largest score of a held-out sample.
    pub largest_score: f64,
    /// The largest score that the parameters can give back.
    pub score_limit: f64,
    #[serde(skip)]
    report: RangeReport,
}

impl Simulated {
    /// Trains on one part of the data and classifies the other, in the clear.
    ///
    /// # Errors
    /// [`Error`] if the data do not suit the plan. A range that is left is none: see
    /// [`check`](Self::check).
    pub fn run(plan: &Plan, split: &Split, progress: &dyn Progress) -> Result<Self> {
        let parameters = plan.parameters()?;
        let step = progress.begin("training and classifying in the clear");
        let pipeline = plan.fit(&split.train)?;
        let reference = Reference::run(plan, &pipeline, &split.train, &split.test)?;
        let judged = Judged {
            plan,
            parameters: &parameters,
            pipeline: &pipeline,
            contributor: "the training part",
            is_new: true,
        };
        let (samples, labels) = (split.train.samples(), class_labels(&split.train)?);
        let judged = judged.notes(samples, &pipeline.apply(samples)?, Some(&labels));
        step.finish();
        let step = progress.begin("weighing keys and ciphertexts");
        let cost = Cost::of(plan, split.train.len(), split.test.len())?;
        step.finish();

        let held_out = Samples::Labelled(split.test.clone());
        let index = Index::new(&held_out, pipeline.class_names(), "");
        let positive = match index.classes.as_slice() {
            [_, positive] => Some(positive.clone()),
            _ => None,
        };
        let scores = reference.scores.iter();
        let counts = [&split.train, &split.test].map(|part| part.class_counts());
        let notes = split.train.notes().iter().cloned();
        Ok(Self {
            train_samples: split.train.len(),
            test_samples: split.test.len(),
            class_counts: counts[0]
                .iter()
                .zip(&counts[1])
                .map(|(a, b)| a + b)
                .collect(),
            notes: notes
                .chain(pipeline.constant_columns())
                .chain(judged)
                .collect(),
            positive,
            learner: plan.purpose.describe(),
            features: plan.features.clone(),
            columns: plan.columns,
            ranges: Ranges {
                of: reference.ranges.of,
                largest_z: reference.ranges.largest.clone(),
                interval: (reference.ranges.interval.is_finite())
                    .then_some(reference.ranges.interval),
                largest_score: scores.fold(0.0, |max, s| f64::max(max, s.abs())),
                score_limit: LinearModel::largest_score(&parameters),
                report: reference.ranges,
            },
            cost,
            export: None,
            predictions: Predictions::new(&reference.scores, &index.classes, Some(&index.entries))?,
            model: reference.model,
            pipeline,
        })
    }

    /// Fails if an export to a folder would replace something else than an earlier export: the
    /// `features.json` of a role's directory says how encrypted samples were standardised.
    ///
    /// # Errors
    /// [`Error`] that says what is there.
    pub fn check_export(dir: &Path) -> Result<()> {
        let (plan, model) = (dir.join(plan::FILE), dir.join(MODEL));
        if plan.exists() || (dir.join(FEATURES).exists() && !model.exists()) {
            return Err(Error::role(format!(
                "{} is a directory of `tapetum keygen`, whose features.json an export would replace: \
                 choose another directory",
                dir.display()
            )));
        }
        match dir.is_dir() {
            true => Output::Weights.check(&model, &[]),
            false => Ok(()),
        }
    }

    /// Writes what was learned to a folder, which is made: `model.json` for a server that classifies with a
    /// plain model, `features.json` for its clients.
    ///
    /// # Errors
    /// [`Error`] if it cannot be written, or the model is a network.
    pub fn write(&mut self, dir: &Path) -> Result<()> {
        let model = self.model.clone().into_linear()?;
        export(dir, &self.pipeline, &model, &self.predictions.classes)?;
        self.export = Some(dir.to_owned());
        Ok(())
    }

    /// Whether encryption will give the same.
    ///
    /// # Errors
    /// [`ErrorKind::Computation`](crate::ErrorKind::Computation) if a value leaves its range.
    pub fn check(&self) -> Result<()> {
        let Ranges {
            largest_score,
            score_limit,
            report,
            ..
        } = &self.ranges;
        check_ranges(report, *largest_score, *score_limit)
    }
}

/// Writes a model in the clear and its features to a folder, which is made; see [`Simulated::check_export`].
///
/// # Errors
/// [`Error`] if it cannot be written.
pub fn export(
    dir: &Path,
    pipeline: &Pipeline,
    model: &PlainModel,
    classes: &[String],
) -> Result<()> {
    files::create_dir(dir)?;
    let id = pipeline.id().map(str::parse).transpose()?;
    model::write(&dir.join(MODEL), model, classes, id)?;
    files::write_private(&dir.join(FEATURES), pipeline.to_json()?.as_bytes()).map(drop)
}
