//! The same training and classification in the clear, to compare with.

use tapetum_learn::{Features, PlainModel, RangeReport};
use tapetum_vision::{DataSet, Pipeline};

use crate::error::Result;
use crate::plan::Plan;
use crate::samples::class_labels;

/// What the reference of an encrypted run finds.
pub struct Reference {
    /// The scores of the held-out samples: one a sample for two classes, one a class for more.
    pub scores: Vec<f64>,
    /// What was learned.
    pub model: PlainModel,
    /// Whether values stayed where polynomials hold.
    pub ranges: RangeReport,
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
        let simulation = plan
            .training_spec()?
            .learner
            .estimator()?
            .simulate(&Features::new(train.values(), train.cols())?, &labels)?;
        let samples = Features::new(test.values(), test.cols())?;
        Ok(Self {
            scores: simulation.model.decision_function(&samples)?,
            model: simulation.model,
            ranges: simulation.ranges,
        })
    }
}
