//! How accuracy grows with the iterations of a training.

use tapetum_learn::{ClassLabels, Features, Metrics, PlainClassifier};
use tapetum_vision::{DataSet, Features as Table, Split};

use crate::error::Result;
use crate::plan::Plan;
use crate::samples::class_labels;

/// Most points of a learning curve, each of which is a training.
const MOST_POINTS: usize = 16;

/// How a training went, iteration by iteration.
pub struct Curve {
    /// What its iterations are called.
    pub iterations_are: &'static str,
    /// One point at least.
    pub points: Vec<CurvePoint>,
}

/// One point of a learning curve.
#[derive(Clone, Copy, Debug)]
pub struct CurvePoint {
    /// Iterations that were done.
    pub iterations: usize,
    /// Accuracy on the data trained on.
    pub train: f64,
    /// Accuracy on held-out data.
    pub test: f64,
}

impl Curve {
    /// Accuracy after some of the iterations that a training has, up to all of them; none for a training
    /// without any.
    ///
    /// # Errors
    /// [`Error`](crate::Error) if the data do not suit the plan.
    pub fn of(plan: &Plan, split: &Split) -> Result<Option<Self>> {
        let learner = plan.training_spec()?.learner;
        let Some((iterations_are, iterations)) = learner.iterations() else {
            return Ok(None);
        };
        let pipeline = plan.fit(&split.train)?;
        let part = |data: &DataSet| -> Result<_> {
            Ok((pipeline.apply(data.samples())?, class_labels(data)?))
        };
        let (train, test) = (part(&split.train)?, part(&split.test)?);
        let accuracy = |model: &PlainClassifier,
                        (table, labels): &(Table, ClassLabels)|
         -> Result<f64> {
            let scores = model.decision_function(&Features::new(table.values(), table.cols())?)?;
            Ok(Metrics::new(&scores, labels)?.accuracy)
        };
        let every = iterations.div_ceil(MOST_POINTS);
        let points = (1..=iterations)
            .filter(|done| (iterations - done).is_multiple_of(every))
            .map(|iterations| {
                let samples = Features::new(train.0.values(), train.0.cols())?;
                let estimator = learner.after(iterations).estimator()?;
                let model = estimator.simulate(&samples, &train.1)?.model;
                Ok(CurvePoint {
                    iterations,
                    train: accuracy(&model, &train)?,
                    test: accuracy(&model, &test)?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Some(Self {
            iterations_are,
            points,
        }))
    }
}
