//! The same training and classification in the clear, to compare with.

use anyhow::Result;
use tapetum_learn::{ClassLabels, Features, RangeReport};
use tapetum_vision::{DataSet, Pipeline};

use crate::plan::Plan;

/// What the twin of an encrypted run finds.
pub struct Twin {
    /// The score of each held-out sample.
    pub scores: Vec<f64>,
    /// Whether values stayed where polynomials hold.
    pub ranges: RangeReport,
}

impl Twin {
    /// Trains on `train` and classifies `test`, both through the same pipeline as for encryption.
    pub fn run(plan: &Plan, pipeline: &Pipeline, train: &DataSet, test: &DataSet) -> Result<Self> {
        let labels = ClassLabels::new(truths(train))?;
        let train = pipeline.apply(train.samples())?;
        let test = pipeline.apply(test.samples())?;
        let simulation = plan
            .learner
            .estimator()?
            .simulate(&Features::new(train.values(), train.cols())?, &labels)?;
        let samples = Features::new(test.values(), test.cols())?;
        Ok(Self {
            scores: simulation.model.decision_function(&samples)?,
            ranges: simulation.ranges,
        })
    }
}

/// The labels of a set of two classes: true for the class of index 1.
pub fn truths(data: &DataSet) -> Vec<bool> {
    data.labels().iter().map(|&label| label == 1).collect()
}
