//! From training data to a pipeline whose features suit the plan.

use tapetum_learn::{EstimatorConfig, Features, Id, LearnError};
use tapetum_vision::{DataSet, Pipeline, PipelineOptions, StandardizerOptions};

use super::Plan;
use super::expansion::Expansion;
use crate::error::{Context, Error, Result};
use crate::samples::class_labels;

/// The part of the sigmoid's interval that the data fitted on may fill: others may go farther.
const FILLED: f64 = 0.9;
/// How the features shrink until they fill no more.
const SHRINKING: f64 = 0.95;
/// Shrunk so often, they are a hundredth of what they were.
const MOST_SHRINKINGS: usize = 90;
impl Plan {
    /// The pipeline from samples to features, fitted to training data. Its scale is such that 1 is the largest
    /// eigenvalue of X^T X / m, for which learning rates are made, or smaller where the training would leave the
    /// interval of the sigmoid's polynomial.
    ///
    /// # Errors
    /// [`Error`] if the data do not have the plan's classes and features.
    pub fn fit(&self, data: &DataSet) -> Result<Pipeline> {
        let classes = data.class_names().len();
        if classes != self.classes {
            let message = format!(
                "these data have {classes} classes, but the keys were made for {}: make keys with \
                 --classes {classes}",
                self.classes
            );
            return Err(Error::input(message));
        }
        let spec = self.feature_spec()?;
        let options = PipelineOptions {
            side: self.side,
            intercept: self.learner().is_some_and(EstimatorConfig::wants_intercept),
            standardizer: StandardizerOptions {
                squares: self.expansion.squares,
                whitening: self.expansion.whitening,
                ..StandardizerOptions::default()
            },
            ..PipelineOptions::default()
        };
        let pipeline = Pipeline::fit(spec, data, options)?;
        if pipeline.columns() != self.columns {
            let intercept = usize::from(pipeline.has_intercept());
            let message = format!(
                "these data have {} features, but the keys were made for {}: make keys with \
                 `tapetum keygen --like` for them",
                pipeline.standardizer().columns(),
                (self.columns - intercept) / self.expansion.columns(1)
            );
            return Err(Error::input(message));
        }
        let id = Id::random().context("cannot name the features")?;
        self.within_interval(pipeline.with_id(id.to_string()), data)
    }

    /// With features small enough that training on these data stays within the sigmoid's interval.
    fn within_interval(&self, pipeline: Pipeline, data: &DataSet) -> Result<Pipeline> {
        let Some(learner @ (EstimatorConfig::Logistic(_) | EstimatorConfig::OneVsRest(_))) =
            self.learner()
        else {
            return Ok(pipeline);
        };
        let (estimator, labels) = (learner.estimator()?, class_labels(data)?);
        let table = pipeline.apply(data.samples())?;
        let mut values = table.values().to_vec();
        let mut factor = 1.0;
        for _ in 0..MOST_SHRINKINGS {
            let features = Features::new(&values, table.cols())?;
            let ranges = match estimator.simulate(&features, &labels) {
                Ok(simulation) => simulation.ranges,
                // There is nothing to learn from these alone.
                Err(LearnError::OneClass(_)) => return Ok(pipeline),
                Err(error) => return Err(error.into()),
            };
            if ranges.filled() <= FILLED {
                break;
            }
            factor *= SHRINKING;
            values.iter_mut().for_each(|value| *value *= SHRINKING);
        }
        Ok(match factor {
            1.0 => pipeline,
            factor => pipeline.scaled(factor)?,
        })
    }

    /// Fails unless a pipeline makes the features of the plan.
    ///
    /// # Errors
    /// [`ErrorKind::Role`](crate::ErrorKind::Role) that says what differs; `name` is the pipeline's.
    pub fn check_pipeline(&self, name: &str, pipeline: &Pipeline) -> Result<()> {
        let spec = self.feature_spec()?;
        // Where a backbone's file lies is nobody else's business.
        let nowhere = std::path::Path::new("-");
        let same = |a: &tapetum_vision::FeatureSpec, b: &tapetum_vision::FeatureSpec| {
            a.with_backbone_at(nowhere) == b.with_backbone_at(nowhere)
        };
        let described =
            |spec: &tapetum_vision::FeatureSpec, side, columns, expansion: Expansion| {
                let mut text = match spec.is_table() {
                    true => spec.to_string(),
                    false => format!("{spec} of images of {side} pixels a side"),
                };
                if expansion.squares {
                    text += ", squares";
                }
                if expansion.whitening.is_some() {
                    text += ", whitened";
                }
                format!("{columns} features ({text})")
            };
        let expansion = Expansion::of(pipeline);
        let fits = pipeline.columns() == self.columns
            && same(pipeline.spec(), &spec)
            && (spec.is_table() || pipeline.side() == self.side)
            && expansion == self.expansion;
        if fits {
            return Ok(());
        }
        Err(Error::role(format!(
            "{name} makes {}, but the keys were made for {}: it is of another project, or was changed; use \
             --refit, or make keys for these features",
            described(
                pipeline.spec(),
                pipeline.side(),
                pipeline.columns(),
                expansion
            ),
            described(&spec, self.side, self.columns, self.expansion),
        )))
    }
}
