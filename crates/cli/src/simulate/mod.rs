//! The plaintext reference, before anything is encrypted: how well the model will do, whether values stay
//! in range, and what encryption will cost.

mod cost;

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;
use tapetum_learn::{LinearModel, RangeReport};
use tapetum_vision::{FeatureSpec, Samples as VisionSamples};

use crate::args::{DEFAULT_FEATURES, Simulate, TABLE_FEATURES};
use crate::data::{self, Samples};
use crate::failure::Failure;
use crate::files;
use crate::index::Index;
use crate::plan::Plan;
use crate::predictions::Predictions;
use crate::progress::Steps;
use crate::reference::{Reference, learning_curve};
use crate::roles::FEATURES;
use crate::{model_file, plots};

pub use cost::Cost;

/// The plain model that `--export` writes.
const MODEL: &str = "model.json";

/// What encryption will give and cost.
#[derive(Debug, Serialize)]
pub struct Simulated {
    /// Samples trained on.
    pub train_samples: usize,
    /// Samples held out.
    pub test_samples: usize,
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
}

/// Values that must stay in a range, or encrypted results will be wrong without a sign.
#[derive(Debug, Serialize)]
pub struct Ranges {
    /// The largest |z| of each iteration that evaluates the sigmoid's polynomial.
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

/// Trains and classifies in the clear.
pub fn run(args: &Simulate, steps: Steps) -> Result<Simulated> {
    if let Some(out) = &args.out {
        files::check_target(out)?;
    }
    let step = steps.begin("reading samples");
    let split = data::read_split(args, wants_colour(args)?)?;
    step.finish();

    let (default, columns) = match split.train.samples() {
        VisionSamples::Images(_) => (DEFAULT_FEATURES, None),
        VisionSamples::Table(table) => (TABLE_FEATURES, Some(table.columns())),
    };
    let features = args.kind.features.as_deref().unwrap_or(default);
    let plan = Plan::for_kind(&args.kind, features, columns, split.train.len())?;
    let parameters = plan.parameters()?;

    let step = steps.begin("training and classifying in the clear");
    let pipeline = plan.fit(&split.train)?;
    let reference = Reference::run(&plan, &pipeline, &split.train, &split.test)?;
    step.finish();
    let step = steps.begin("weighing keys and ciphertexts");
    let cost = Cost::of(&plan, split.train.len(), split.test.len())?;
    step.finish();

    let (train_samples, test_samples) = (split.train.len(), split.test.len());
    let curve = match &args.plots {
        Some(_) => {
            let step = steps.begin("training step by step, for the learning curve");
            let curve = learning_curve(&plan, &pipeline, &split.train, &split.test)?;
            step.finish();
            curve
        }
        None => None,
    };
    let index = Index::new(&Samples::Labelled(split.test), pipeline.class_names(), "");
    let mut predictions =
        Predictions::new(&reference.scores, &index.classes, Some(&index.entries))?;
    if let Some(out) = &args.out {
        predictions.write(out)?;
    }
    if let Some(dir) = &args.plots {
        predictions.plots = plots::write(dir, &predictions, curve.as_ref())?;
    }
    if let Some(dir) = &args.export {
        files::create_dir(dir)?;
        model_file::write(&dir.join(MODEL), &reference.model, &index.classes)?;
        files::write_private(&dir.join(FEATURES), pipeline.to_json()?.as_bytes())?;
    }
    let positive = match index.classes.as_slice() {
        [_, positive] => Some(positive.clone()),
        _ => None,
    };
    Ok(Simulated {
        train_samples,
        test_samples,
        positive,
        learner: plan.purpose.describe(),
        features: plan.features.clone(),
        columns: plan.columns,
        ranges: Ranges {
            largest_z: reference.ranges.largest.clone(),
            interval: (reference.ranges.interval.is_finite()).then_some(reference.ranges.interval),
            largest_score: reference
                .scores
                .iter()
                .fold(0.0, |max, s| f64::max(max, s.abs())),
            score_limit: LinearModel::largest_score(&parameters),
            report: reference.ranges,
        },
        cost,
        export: args.export.clone(),
        predictions,
    })
}

/// Whether the features look at colours.
fn wants_colour(args: &Simulate) -> Result<bool> {
    let Some(features) = &args.kind.features else {
        return Ok(false);
    };
    Ok(features.parse::<FeatureSpec>()?.wants_colour())
}

impl Simulated {
    /// Whether encryption will give the same.
    pub fn check(&self) -> Result<()> {
        let Ranges {
            largest_score,
            score_limit,
            report,
            ..
        } = &self.ranges;
        report.check()?;
        if largest_score >= score_limit {
            let message = format!(
                "a score is {largest_score:.1} in magnitude, but these parameters give back \
                 scores below {score_limit:.1} only: encrypted predictions would be wrong without a \
                 sign; take fewer or other features"
            );
            return Err(Failure::Computation(message).into());
        }
        Ok(())
    }
}
