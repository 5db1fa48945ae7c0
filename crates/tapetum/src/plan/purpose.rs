//! What keys are made for: the a training algorithm, or classification only.

use serde::{Deserialize, Serialize};
use tapetum_learn::{
    EstimatorConfig, LearningRate, LeastSquaresConfig, LogisticRegressionConfig, MAX_CLASSES,
    MiniBatches, SigmoidDegree,
};

use crate::error::{Error, Result};

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
             --learner ovr or ridge",
            self.describe()
        );
        Err(Error::input(message))
    }
}

/// Whether a constant feature is appended, for want of an intercept of its own.
pub(super) fn wants_intercept(learner: &EstimatorConfig) -> bool {
    matches!(
        learner,
        EstimatorConfig::Logistic(_) | EstimatorConfig::Ridge(_) | EstimatorConfig::OneVsRest(_)
    )
}

/// For features whose largest eigenvalue is 1 on the training data of the first contributor, with room
/// for others.
pub fn least_squares() -> LeastSquaresConfig {
    LeastSquaresConfig {
        iterations: 6,
        largest_eigenvalue: 1.1,
    }
}

/// Three gradient steps on features whose largest eigenvalue is 1: where the gradient of the loss
/// has the Lipschitz constant L = 1/4, steps of 3/L, 2/L and 8/L. On the embedded images they reach
/// what four equal steps with momentum do, at five levels less; the long step is safe as the last.
pub fn logistic() -> LogisticRegressionConfig {
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
