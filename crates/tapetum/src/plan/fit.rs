//! From training data to a pipeline whose features suit the plan.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tapetum_learn::{EstimatorConfig, Features, Id, LearnError};
use tapetum_vision::{DataSet, Moments, Pipeline, PipelineOptions, StandardizerOptions};

use super::Plan;
use super::expansion::Expansion;
use crate::error::{Context, Error, Result};
use crate::folders::{FEATURES, files};
use crate::samples::{Samples, class_labels};

/// The part of a polynomial's interval that the data fitted on may fill: others may go farther.
const FILLED: f64 = 0.9;
/// How the features shrink until they fill no more.
const SHRINKING: f64 = 0.95;
/// Shrunk so often, they are a hundredth of what they were.
const MOST_SHRINKINGS: usize = 90;
/// What features are scaled by where nobody sees how far they go into the interval of a polynomial.
const UNSEEN: f64 = 0.8;

/// Features that were fitted to samples.
#[derive(Debug, Serialize)]
pub struct Fitted {
    /// The number of samples.
    pub samples: usize,
    /// Features that go to training, with the intercept if there is one.
    pub columns: usize,
    /// What was guessed, left out or changed on the way from the files to the features.
    pub notes: Vec<String>,
    /// The file with the features.
    pub features: PathBuf,
}

impl Plan {
    /// The pipeline from samples to features, fitted to training data. Its scale is such that 1 is the largest
    /// eigenvalue of X^T X / m, for which learning rates are made, or smaller where the training would leave the
    /// interval of the sigmoid's polynomial.
    ///
    /// # Errors
    /// [`Error`] if the data do not have the plan's classes and features.
    pub fn fit(&self, data: &DataSet) -> Result<Pipeline> {
        self.check_class_names(data.class_names())?;
        let spec = self.feature_spec()?;
        let pipeline = Pipeline::fit(spec, data, self.pipeline_options())?;
        self.check_columns(pipeline.standardizer().columns())?;
        let id = Id::random().context("cannot name the features")?;
        self.within_interval(pipeline.with_id(id.to_string()), data)
    }

    /// The pipeline that is fitted to sums over the samples of several sites, whose columns have these names. Sums do not
    /// tell how far training goes into a sigmoid's interval, so features are a fifth smaller where there is one.
    ///
    /// # Errors
    /// [`Error`] if the sums are not of the plan's features, or there are not its number of classes.
    pub fn fit_moments(
        &self,
        moments: &Moments,
        classes: Vec<String>,
        names: Option<Vec<String>>,
    ) -> Result<Pipeline> {
        self.check_class_names(&classes)?;
        self.check_columns(moments.columns())?;
        let (spec, options) = (self.feature_spec()?, self.pipeline_options());
        let pipeline = Pipeline::from_moments(spec, moments, classes, options)?;
        let pipeline = pipeline.with_column_names(names)?;
        let id = Id::random().context("cannot name the features")?;
        let pipeline = pipeline.with_id(id.to_string());
        Ok(match self.learner().and_then(EstimatorConfig::interval) {
            Some(_) => pipeline.scaled(UNSEEN)?,
            None => pipeline,
        })
    }

    /// The same as [`fit`](Self::fit), with the pipeline as features.json in the directory of a role.
    ///
    /// # Errors
    /// As there, and if the samples have no labels, or there are features already and `refit` is not set.
    pub fn fit_file(&self, samples: &Samples, dir: &Path, refit: bool) -> Result<Fitted> {
        let path = dir.join(FEATURES);
        if path.exists() && !refit {
            return Err(Error::role(format!(
                "{} is there already: everything encrypted with it must be encrypted again if it is replaced \
                 (--refit)",
                path.display()
            )));
        }
        let Samples::Labelled(data) = samples else {
            return Err(Error::input(
                "samples to fit features to need labels, because the classes are those of the features",
            ));
        };
        let pipeline = self.fit(data)?;
        files::write_private(&path, pipeline.to_json()?.as_bytes())?;
        let notes = samples.notes().iter().cloned();
        Ok(Fitted {
            samples: data.len(),
            columns: pipeline.columns(),
            notes: notes.chain(pipeline.constant_columns()).collect(),
            features: path,
        })
    }

    fn check_class_names(&self, names: &[String]) -> Result<()> {
        let classes = names.len();
        if classes == self.classes {
            return Ok(());
        }
        let message = format!(
            "these data have {classes} classes, but the keys were made for {}: make keys with \
             --classes {classes}",
            self.classes
        );
        Err(Error::input(message))
    }

    /// Fails unless so many features make those of the plan.
    pub(crate) fn check_columns(&self, columns: usize) -> Result<()> {
        let intercept = usize::from(self.wants_intercept());
        if self.expansion.columns(columns).saturating_add(intercept) == self.columns {
            return Ok(());
        }
        let planned = match self.expansion.directions {
            Some(directions) => format!("at least {directions}"),
            None => ((self.columns - intercept) / self.expansion.columns(1)).to_string(),
        };
        let message = format!(
            "these data have {columns} features, but the keys were made for {planned}: make keys with \
             `tapetum keygen --like` for them"
        );
        Err(Error::input(message))
    }

    fn wants_intercept(&self) -> bool {
        self.learner().is_some_and(EstimatorConfig::wants_intercept)
    }

    fn pipeline_options(&self) -> PipelineOptions {
        PipelineOptions {
            side: self.side,
            intercept: self.wants_intercept(),
            standardizer: StandardizerOptions {
                squares: self.expansion.squares,
                whitening: self.expansion.whitening,
                directions: self.expansion.directions,
                ..StandardizerOptions::default()
            },
            ..PipelineOptions::default()
        }
    }

    /// With features small enough that training on these data stays within the sigmoid's interval.
    fn within_interval(&self, pipeline: Pipeline, data: &DataSet) -> Result<Pipeline> {
        let has_interval = |learner: &&EstimatorConfig| learner.interval().is_some();
        let Some(learner) = self.learner().filter(has_interval) else {
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
        let nowhere = Path::new("-");
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
                match (expansion.whitening, expansion.directions) {
                    (Some(_), Some(directions)) => {
                        text += &format!(", whitened, {directions} principal directions");
                    }
                    (Some(_), None) => text += ", whitened",
                    (None, _) => {}
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
