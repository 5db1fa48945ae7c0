//! The same training and classification in the clear, to compare with.

use std::time::Instant;

use tapetum_ckks::Parameters;
use tapetum_learn::{Features, LinearModel, PlainClassifier, RangeReport};
use tapetum_vision::{DataSet, Pipeline};

use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::samples::class_labels;

/// What the reference of an encrypted run finds.
pub struct Reference {
    /// The scores of the held-out samples: one a sample for two classes, one a class for more.
    pub scores: Vec<f64>,
    /// What was learned.
    pub model: PlainClassifier,
    /// Whether values stayed where polynomials hold.
    pub ranges: RangeReport,
    /// How long training took, on the wall's clock, without the features.
    pub train_seconds: f64,
}

impl Reference {
    /// Trains on `train` and classifies `test`, both through the same pipeline as for encryption.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if the data do not suit the plan.
    pub fn run(plan: &Plan, pipeline: &Pipeline, train: &DataSet, test: &DataSet) -> Result<Self> {
        let labels = class_labels(train)?;
        let train = pipeline.apply(train.samples())?;
        let test = pipeline.apply(test.samples())?;
        let estimator = plan.training_spec()?.learner.estimator()?;
        let features = Features::new(train.values(), train.cols())?;
        let started = Instant::now();
        let simulation = estimator.simulate(&features, &labels)?;
        let train_seconds = started.elapsed().as_secs_f64();
        let samples = Features::new(test.values(), test.cols())?;
        Ok(Self {
            scores: simulation.model.decision_function(&samples)?,
            model: simulation.model,
            ranges: simulation.ranges,
            train_seconds,
        })
    }

    /// Whether encryption will give the same.
    ///
    /// # Errors
    /// [`ErrorKind::Computation`](crate::ErrorKind::Computation) if a value leaves its range.
    pub fn check(&self, parameters: &Parameters) -> Result<()> {
        let largest = self
            .scores
            .iter()
            .fold(0.0, |max, s| f64::max(max, s.abs()));
        check_ranges(
            &self.ranges,
            largest,
            LinearModel::largest_score(parameters),
        )
    }
}

/// Fails if a value of the training leaves its range, or a score that of the parameters.
pub(super) fn check_ranges(ranges: &RangeReport, largest_score: f64, limit: f64) -> Result<()> {
    ranges.check()?;
    if largest_score >= limit {
        let message = format!(
            "a score is {largest_score:.1} in magnitude, but these parameters give back scores \
             below {limit:.1} only: encrypted predictions would be wrong without a sign; take \
             fewer or other features"
        );
        return Err(Error::computation(message));
    }
    Ok(())
}
