//! The same training and classification in the clear, to compare with.

use anyhow::{Context, Result};
use tapetum_learn::{ClassLabels, Features, Metrics, PlainModel, RangeReport};
use tapetum_vision::{DataSet, Features as Table, Pipeline};

use crate::plan::Plan;
use crate::plots::Curve;
use crate::report::CurvePoint;

/// Most points of a learning curve, each of which is a training.
const MOST_POINTS: usize = 16;

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

/// Accuracy after some of the steps that a training has, up to all of them; none for a training
/// without steps.
pub fn learning_curve(
    plan: &Plan,
    pipeline: &Pipeline,
    train: &DataSet,
    test: &DataSet,
) -> Result<Option<Curve>> {
    let learner = plan.training_spec()?.learner;
    let Some((steps_are, steps)) = learner.iterations() else {
        return Ok(None);
    };
    let [train, test] = [train, test]
        .map(|data| -> Result<_> { Ok((pipeline.apply(data.samples())?, class_labels(data)?)) });
    let (train, test) = (train?, test?);
    let accuracy = |model: &PlainModel, (table, labels): &(Table, ClassLabels)| -> Result<f64> {
        let scores = model.decision_function(&Features::new(table.values(), table.cols())?)?;
        Ok(Metrics::new(&scores, labels)?.accuracy)
    };
    let points = (1..=steps)
        .filter(|step| (steps - step).is_multiple_of(steps.div_ceil(MOST_POINTS)))
        .map(|steps| {
            let samples = Features::new(train.0.values(), train.0.cols())?;
            let estimator = learner.after(steps).estimator()?;
            let model = estimator.simulate(&samples, &train.1)?.model;
            Ok(CurvePoint {
                steps,
                train: accuracy(&model, &train)?,
                test: accuracy(&model, &test)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Some(Curve { steps_are, points }))
}

/// The labels of a set.
pub fn class_labels(data: &DataSet) -> Result<ClassLabels> {
    let labels = data.labels().iter().map(|&label| u8::try_from(label));
    let labels = labels.collect::<Result<_, _>>();
    let labels = labels.context("there are more classes than labels can be of")?;
    Ok(ClassLabels::of_classes(labels, data.class_names().len())?)
}

/// The labels of a set of two classes: true for the class of index 1.
pub fn truths(data: &DataSet) -> Vec<bool> {
    data.labels().iter().map(|&label| label == 1).collect()
}
