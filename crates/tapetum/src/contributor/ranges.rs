//! What a contributor's samples would do to a training: looked at before they are encrypted, because nobody
//! can look afterwards.

use tapetum_ckks::Parameters;
use tapetum_learn::{
    ClassLabels, EstimatorConfig, Features, LearnError, LearningRate, LinearModel,
};
use tapetum_vision::{Features as Table, Pipeline, Samples as Pixels};

use crate::error::{Error, Result};
use crate::plan::Plan;

/// More cut-off values than this part are worth a note.
const CUT_OFF_NOTED: f64 = 0.02;
/// Of training data with more, most is lost.
const CUT_OFF_REFUSED: f64 = 0.25;
/// This part of what is cut off is far for most values of a feature.
const FAR_PART: f64 = 0.5;
/// Statistics of fewer samples say little of others.
const FEW_ROWS: usize = 20;
/// Values this many median deviations from the median of their column lie far from the others.
const FAR: f64 = 50.0;
/// Columns that a note names.
const NAMED: usize = 5;
/// A class of which there is a smaller part is hardly found without a weight.
const RARE: f64 = 0.1;
/// The learning rate up to which gradient steps are stable where the largest eigenvalue is 1, with some room.
const STABLE_RATE: f64 = 18.0;

/// Samples as features, and what is agreed on them.
pub(crate) struct Judged<'a> {
    pub plan: &'a Plan,
    pub parameters: &'a Parameters,
    pub pipeline: &'a Pipeline,
    pub contributor: &'a str,
    /// Whether the pipeline was fitted to these samples.
    pub is_new: bool,
}

impl Judged<'_> {
    /// What there is to note of samples, which are to be trained on if there are labels.
    ///
    /// # Errors
    /// [`ErrorKind::Computation`](crate::ErrorKind::Computation) if training would leave its ranges.
    pub fn check(
        &self,
        samples: &Pixels,
        table: &Table,
        labels: Option<&ClassLabels>,
    ) -> Result<Vec<String>> {
        let mut notes = self.notes(samples, table, labels);
        let (cut_off, message) = self.cut_off(table);
        if labels.is_some() && cut_off > CUT_OFF_REFUSED {
            return Err(Error::computation(format!(
                "{message}: fit it to data like these as well (--refit, and encrypt the others' again)"
            )));
        }
        if let (Some(labels), Some(learner)) = (labels, self.plan.learner()) {
            notes.extend(self.spectrum(table, learner)?);
            notes.extend(self.alone(table, labels, learner)?);
        }
        Ok(notes)
    }

    /// What there is to note of samples, whatever becomes of them.
    pub fn notes(
        &self,
        samples: &Pixels,
        table: &Table,
        labels: Option<&ClassLabels>,
    ) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        if self.pipeline.id().is_none() {
            notes.push(
                "features.json is of an earlier version and has no id: that models and samples have the \
                 same features cannot be checked"
                    .to_owned(),
            );
        }
        let (cut_off, message) = self.cut_off(table);
        if cut_off > CUT_OFF_NOTED {
            let little = match labels.is_none() && cut_off > CUT_OFF_REFUSED {
                true => "; predictions of them say little",
                false => "",
            };
            notes.push(message + little);
        }
        notes.extend(self.elsewhere(table));
        notes.extend(far_values(samples));
        if self.is_new && table.rows() < FEW_ROWS {
            notes.push(format!(
                "features are standardised by {} samples only, which say little of others",
                table.rows()
            ));
        }
        notes.extend(labels.and_then(rare));
        notes
    }

    /// Which part of the values the standardisation cuts off, and what to say of that.
    fn cut_off(&self, table: &Table) -> (f64, String) {
        let limit = self.pipeline.standardizer().limit() * (1.0 - 1e-9);
        let cut = table.values().iter().filter(|x| x.abs() >= limit).count();
        let part = cut as f64 / table.values().len() as f64;
        let message = format!(
            "{:.0} % of the values of {}'s samples are cut off, as they lie far from those that \
             features.json was fitted to",
            100.0 * part,
            self.contributor
        );
        (part, message)
    }

    /// Features that lie elsewhere than those that the pipeline was fitted to, in other units for example, though few of
    /// all values are.
    fn elsewhere(&self, table: &Table) -> Option<String> {
        let far = FAR_PART * self.pipeline.standardizer().limit();
        let mut counts = vec![0; table.cols()];
        for row in table.values().chunks_exact(table.cols()) {
            for (count, x) in counts.iter_mut().zip(row) {
                *count += usize::from(x.abs() >= far);
            }
        }
        let most = |count: &&usize| 2 * **count > table.rows();
        let found = counts.iter().filter(most).count();
        (found > 0 && table.rows() >= FEW_ROWS).then(|| {
            format!(
                "{found} of {} features of {}'s samples lie far from those that features.json was fitted to, in most samples: \
                 are they in the same units?",
                counts.len(),
                self.contributor
            )
        })
    }

    /// The largest eigenvalue of X^T X / m, for which the steps of a training are made. Over all contributors it is
    /// at most the mean of theirs, and those who fitted the features have at most 1.
    fn spectrum(&self, table: &Table, learner: &EstimatorConfig) -> Result<Option<String>> {
        let (limit, option) = match learner {
            EstimatorConfig::Ridge(config) | EstimatorConfig::Fisher(config) => {
                (config.largest_eigenvalue, "--largest-eigenvalue")
            }
            _ => {
                let Some(rates) = learner.learning_rate() else {
                    return Ok(None);
                };
                let rate = match rates {
                    LearningRate::Constant(rate) => *rate,
                    LearningRate::InverseTime(rate) => rate / 2.0,
                    // After a long last step nothing can grow.
                    LearningRate::Listed(rates) => {
                        let (_, before) = rates.split_last().unwrap_or((&1.0, &[]));
                        before.iter().copied().fold(1.0, f64::max)
                    }
                };
                (STABLE_RATE / rate, "a smaller --learning-rate")
            }
        };
        let found = table.largest_eigenvalue();
        // Of all samples that the features were fitted to these are a part, and the eigenvalue of all is 1.
        let share = match self.pipeline.pooled() {
            Some(all) => (table.rows() as f64 / all as f64).min(1.0),
            None => 1.0,
        };
        if found * share <= limit {
            return Ok(None);
        }
        let part = match self.plan.rows {
            Some(rows) if rows > table.rows() => table.rows() as f64 / rows as f64,
            _ => 1.0,
        };
        let together = 1.0 + (found - 1.0) * part;
        let message = format!(
            "the largest eigenvalue of {}'s samples is {found:.2}, but training is made for at most \
             {limit:.2}: they differ from those that features.json was fitted to",
            self.contributor
        );
        if together > limit {
            return Err(Error::computation(format!(
                "{message}; fit it to data like these as well (--refit, and encrypt the others' again), or \
                 make keys with room for them (`tapetum keygen` with {option})"
            )));
        }
        Ok(Some(format!(
            "{message}; that does no harm only if others send many more"
        )))
    }

    /// Whether training on these samples alone stays within its ranges.
    fn alone(
        &self,
        table: &Table,
        labels: &ClassLabels,
        learner: &EstimatorConfig,
    ) -> Result<Option<String>> {
        let features = Features::new(table.values(), table.cols())?;
        let simulation = match learner.estimator()?.simulate(&features, labels) {
            Ok(simulation) => simulation,
            // The spectrum has been looked at, and the other classes are others' to send.
            Err(LearnError::OneClass(_) | LearnError::Eigenvalue { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let scores = simulation.model.decision_function(&features)?;
        let largest = scores.iter().fold(0.0, |max, s| f64::max(max, s.abs()));
        let limit = LinearModel::largest_score(self.parameters);
        let wrong = match simulation.ranges.check() {
            Err(error) => error.to_string(),
            Ok(()) if largest >= limit => format!(
                "scores reach {largest:.1}, but these parameters give back scores below {limit:.1} only"
            ),
            Ok(()) => return Ok(None),
        };
        // With others' samples things may be better, but not if these are all.
        match self.is_new {
            true => Err(Error::computation(wrong)),
            false => Ok(Some(format!(
                "trained on {}'s samples alone, {wrong}",
                self.contributor
            ))),
        }
    }
}

/// Columns of a table in which some values lie so far from all others that means and deviations say nothing: numbers that
/// stand for missing ones, as a rule.
fn far_values(samples: &Pixels) -> Option<String> {
    let Pixels::Table(table) = samples else {
        return None;
    };
    let columns = table.columns();
    let found: Vec<String> = (0..columns)
        .filter_map(|column| {
            let values = table.values().iter().skip(column).step_by(columns);
            let values: Vec<f64> = values.copied().collect();
            let median = median(values.clone());
            let deviation = self::median(values.iter().map(|x| (x - median).abs()).collect());
            // Where most values are the same, others are no exception.
            let far = |x: &&f64| deviation > 0.0 && (**x - median).abs() > FAR * deviation;
            let farthest = values
                .iter()
                .filter(far)
                .max_by(|a, b| (*a - median).abs().total_cmp(&(*b - median).abs()))?;
            let count = values.iter().filter(far).count();
            Some(format!(
                "{count} in column {} of the features ({farthest})",
                column + 1
            ))
        })
        .collect();
    let more = match found.len() {
        0..=NAMED => String::new(),
        all => format!(" and in {} more columns", all - NAMED),
    };
    (!found.is_empty()).then(|| {
        format!(
            "values that lie far from all others: {}{more}; if they stand for missing ones, leave these \
             samples out",
            found[..found.len().min(NAMED)].join(", ")
        )
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// A class that most learners would rather never predict.
fn rare(labels: &ClassLabels) -> Option<String> {
    let counts: Vec<_> = (0..labels.classes()).map(|c| labels.count(c)).collect();
    let (&least, &most) = (
        counts.iter().filter(|c| **c > 0).min()?,
        counts.iter().max()?,
    );
    ((least as f64) < RARE * most as f64).then(|| {
        format!(
            "the rarest class has {least} samples and the most frequent one {most}: it may never be \
             predicted (--class-weight balanced gives both the same weight)"
        )
    })
}
