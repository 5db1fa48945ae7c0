//! What keys are made for: the training algorithms with the settings of the command line, or classification only.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tapetum_learn::{
    EstimatorConfig, LearningRate, LeastSquaresConfig, LogisticRegressionConfig, MAX_CLASSES,
    MiniBatches, SigmoidDegree,
};

use crate::args::{Kind, LearnerName};
use crate::failure::Failure;

/// Iterations on mini-batches unless something else is said.
const DEFAULT_ITERATIONS: usize = 32;

/// What keys are made for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Classification with a plain model.
    ClassifyOnly,
    /// Training by this algorithm, and classification.
    #[serde(untagged)]
    Training(EstimatorConfig),
}

impl Purpose {
    /// For people.
    pub fn describe(&self) -> String {
        match self {
            Self::ClassifyOnly => "classification".to_owned(),
            Self::Training(learner) => learner.describe(),
        }
    }

    /// Refuses before there are keys what training would refuse.
    pub(super) fn check_classes(&self, classes: usize) -> Result<()> {
        let fits = match self {
            Self::ClassifyOnly => (2..=MAX_CLASSES).contains(&classes),
            Self::Training(learner) => learner.check_classes(classes).is_ok(),
        };
        if fits {
            return Ok(());
        }
        let message = format!(
            "{} does not tell {classes} classes apart: two by any learner, up to {MAX_CLASSES} by \
             --learner softmax or ridge",
            self.describe()
        );
        Err(Failure::Input(message).into())
    }
}

/// Whether a constant feature is appended, for want of an intercept of its own.
pub(super) fn wants_intercept(learner: &EstimatorConfig) -> bool {
    matches!(
        learner,
        EstimatorConfig::Logistic(_) | EstimatorConfig::Ridge(_) | EstimatorConfig::OneVsRest(_)
    )
}

/// An algorithm with settings from the command line.
pub(super) fn learner_of(kind: &Kind) -> Result<EstimatorConfig> {
    // Of many classes each is told from the rest by a logistic regression of its own.
    let name = match (kind.learner, kind.classes) {
        (LearnerName::Logistic, 3..) => LearnerName::Softmax,
        (name, _) => name,
    };
    let batches = |rows| mini_batches(rows, kind.iterations.unwrap_or(DEFAULT_ITERATIONS));
    let mut learner = match (name, kind.batch) {
        (LearnerName::Logistic, Some(rows)) => EstimatorConfig::Logistic(batches(rows)),
        (LearnerName::Softmax, Some(rows)) => EstimatorConfig::OneVsRest(batches(rows)),
        (_, Some(_)) => {
            let message = "--batch is for gradient steps, so for --learner logistic or softmax";
            return Err(Failure::Input(message.to_owned()).into());
        }
        (name, None) => by_name(name),
    };
    match &mut learner {
        EstimatorConfig::Fisher(config) | EstimatorConfig::Ridge(config) => {
            config.iterations = kind.steps.unwrap_or(config.iterations);
        }
        _ if kind.steps.is_some() => {
            let message = "--steps is a setting of --learner fisher and ridge";
            return Err(Failure::Input(message.to_owned()).into());
        }
        _ => (),
    }
    Ok(learner)
}

/// The default settings of an algorithm.
fn by_name(name: LearnerName) -> EstimatorConfig {
    match name {
        LearnerName::Logistic => EstimatorConfig::Logistic(logistic()),
        LearnerName::LinearMeans => EstimatorConfig::LinearMeans,
        LearnerName::Fisher => EstimatorConfig::Fisher(least_squares()),
        LearnerName::Ridge => EstimatorConfig::Ridge(least_squares()),
        LearnerName::Softmax => EstimatorConfig::OneVsRest(logistic()),
    }
}

/// For features whose largest eigenvalue is 1 on the training data of the first sender, with room
/// for others.
fn least_squares() -> LeastSquaresConfig {
    LeastSquaresConfig {
        iterations: 6,
        largest_eigenvalue: 1.1,
    }
}

/// Three gradient steps on features whose largest eigenvalue is 1: where the gradient of the loss
/// has the Lipschitz constant L = 1/4, steps of 3/L, 2/L and 8/L. On the embedded images they reach
/// what four equal steps with momentum do, at five levels less; the long step is safe as the last.
fn logistic() -> LogisticRegressionConfig {
    LogisticRegressionConfig {
        iterations: 3,
        learning_rate: LearningRate::Listed(vec![12.0, 8.0, 32.0]),
        ..LogisticRegressionConfig::default()
    }
}

/// Mini-batches on features whose largest eigenvalue is 1: Nesterov's steps that begin at 6 and
/// get shorter, and a wide interval, because scores grow with the iterations.
pub fn mini_batches(rows: usize, iterations: usize) -> LogisticRegressionConfig {
    LogisticRegressionConfig {
        iterations,
        degree: SigmoidDegree::Five,
        interval: 16.0,
        learning_rate: LearningRate::InverseTime(12.0),
        batches: Some(MiniBatches {
            rows,
            ..MiniBatches::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_is_a_word_or_has_settings() {
        for text in [
            r#""classify-only""#,
            r#""linear-means""#,
            r#"{"ridge":{"steps":6,"largest-eigenvalue":1.1}}"#,
        ] {
            let purpose: Purpose = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&purpose).unwrap(), text);
        }
        for text in [r#""nothing""#, r#"{"ridge":{"steps":6}}"#, "{}", "null"] {
            assert!(serde_json::from_str::<Purpose>(text).is_err(), "{text}");
        }
    }
}
