//! What keys are made for: a training algorithm, or classification only.

use serde::{Deserialize, Serialize};
use tapetum_learn::{EstimatorConfig, MAX_CLASSES};

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
            "{} does not tell {classes} classes apart: two by any learner but softmax, 3 to {MAX_CLASSES} by \
             --learner ovr, ridge or softmax",
            self.describe()
        );
        Err(Error::input(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapetum_learn::{LeastSquaresConfig, LogisticRegressionConfig, SoftmaxRegressionConfig};

    /// Plans of before must be made again as they were.
    #[test]
    fn defaults_are_written_as_ever() {
        let written = |config| serde_json::to_string(&Purpose::Training(config)).unwrap();
        let squares = LeastSquaresConfig::default();
        let (logistic, batches) = (
            LogisticRegressionConfig::default(),
            LogisticRegressionConfig::mini_batches(1024),
        );
        for (config, text) in [
            (
                EstimatorConfig::Ridge(squares),
                r#"{"ridge":{"steps":6,"largest-eigenvalue":1.1}}"#,
            ),
            (
                EstimatorConfig::Logistic(logistic),
                r#"{"logistic":{"iterations":3,"degree":"three","interval":8.0,"steps":{"listed":[12.0,8.0,32.0]}}}"#,
            ),
            (
                EstimatorConfig::OneVsRest(batches),
                r#"{"softmax":{"iterations":32,"degree":"five","interval":16.0,"steps":{"inverse-time":12.0},"batches":{"rows":1024,"weight_bound":4.0}}}"#,
            ),
            (
                EstimatorConfig::Softmax(SoftmaxRegressionConfig::default()),
                r#"{"multinomial":{"iterations":20,"interval":16.0,"steps":{"constant":2.0},"batches":{"rows":1024,"weight_bound":4.0}}}"#,
            ),
        ] {
            assert_eq!(written(config), text);
        }
    }

    #[test]
    fn every_purpose_is_a_word_or_has_settings() {
        for text in [
            r#""classify-only""#,
            r#""linear-means""#,
            r#"{"ridge":{"steps":6,"largest-eigenvalue":1.1}}"#,
            r#"{"ridge":{"steps":6,"largest-eigenvalue":1.1,"alpha":2.5}}"#,
        ] {
            let purpose: Purpose = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&purpose).unwrap(), text);
        }
        for text in [r#""nothing""#, r#"{"ridge":{"steps":6}}"#, "{}", "null"] {
            assert!(serde_json::from_str::<Purpose>(text).is_err(), "{text}");
        }
    }
}
