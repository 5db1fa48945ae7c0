//! From scores to predictions: what `decrypt` and `simulate` print and write.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tapetum_ckks::Rounding;
use tapetum_learn::{ClassLabels, Metrics, classes_of};

use crate::error::{Context, Result};
use crate::escape;
use crate::folders::{Entry, files};

const HEADER: [&str; 4] = ["source", "class", "score", "truth"];

/// Whether a text holds predictions as [`Predictions::write`] writes them, by its beginning.
pub(crate) fn are_in(text: &str) -> bool {
    text.starts_with(&HEADER.join(","))
}

/// All predictions.
#[derive(Debug, Serialize)]
pub struct Predictions {
    /// The names of the classes; of two the second is the positive one.
    pub classes: Vec<String>,
    /// One for each sample.
    #[serde(rename = "verdicts")]
    pub predictions: Vec<Prediction>,
    /// How good they are, where labels are known: accuracy, balanced accuracy, area under the ROC
    /// curve and confusion matrix.
    #[serde(flatten)]
    pub metrics: Option<Metrics>,
    /// Where they were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// The pictures that were drawn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plots: Vec<PathBuf>,
    /// How many are undecided. They are left out of the figures of merit.
    #[serde(skip_serializing_if = "is_zero")]
    pub undecided: usize,
    /// What there is to note of the scores.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The class of a sample whose score is no larger than the noise.
const UNDECIDED: &str = "undecided";

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The prediction on one sample.
#[derive(Debug, Serialize)]
pub struct Prediction {
    /// Where the sample came from, or its number.
    pub source: String,
    /// The class that it is found to be in, or `undecided`.
    pub class: String,
    /// Whether the score is larger than the noise.
    #[serde(skip)]
    pub is_decided: bool,
    /// The score: of two classes positive for the positive one, of more that of the class that it is
    /// found to be in. Left out of what is given to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Of more than two classes the score of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores: Option<Vec<f64>>,
    /// The class that it is really in, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth: Option<String>,
}

impl Prediction {
    /// Whether it is right, if that is known and it is decided.
    pub fn is_right(&self) -> Option<bool> {
        let truth = self.truth.as_ref().filter(|_| self.is_decided);
        truth.map(|truth| *truth == self.class)
    }
}

impl Predictions {
    /// Predictions by scores: of two classes there is one a sample, and the second class where it is
    /// positive; of more there is one a class, and that of the largest. There are either no entries
    /// or as many as samples.
    ///
    /// # Errors
    /// If there are more classes than labels can be of.
    pub fn new(scores: &[f64], classes: &[String], entries: Option<&[Entry]>) -> Result<Self> {
        Self::above(0.0, scores, classes, entries)
    }

    /// The same for scores with noise up to this magnitude, of which smaller ones decide nothing.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn above(
        noise: f64,
        scores: &[f64],
        classes: &[String],
        entries: Option<&[Entry]>,
    ) -> Result<Self> {
        let outputs = match classes.len() {
            2 => 1,
            many => many,
        };
        let found = classes_of(scores, outputs);
        let entry = |i: usize| entries.and_then(|entries| entries.get(i));
        let is_decided = |scores: &[f64]| margin(scores) > noise;
        let predictions: Vec<_> = found
            .iter()
            .zip(scores.chunks_exact(outputs))
            .enumerate()
            .map(|(i, (&class, scores))| {
                let class = usize::from(class);
                let is_decided = is_decided(scores);
                Prediction {
                    source: entry(i).map_or_else(|| i.to_string(), |e| e.source.clone()),
                    class: match is_decided {
                        true => classes[class].clone(),
                        false => UNDECIDED.to_owned(),
                    },
                    is_decided,
                    score: Some(if outputs == 1 {
                        scores[0]
                    } else {
                        scores[class]
                    }),
                    scores: (outputs > 1).then(|| scores.to_vec()),
                    truth: entry(i).and_then(|e| e.label).map(|l| classes[l].clone()),
                }
            })
            .collect();
        let (mut known, mut labels) = (Vec::new(), Vec::new());
        for (i, scores) in scores.chunks_exact(outputs).enumerate() {
            if let Some(label) = entry(i).and_then(|entry| entry.label)
                && is_decided(scores)
            {
                known.extend_from_slice(scores);
                labels.push(
                    u8::try_from(label)
                        .ok()
                        .context("there are too many classes")?,
                );
            }
        }
        let metrics = match labels.is_empty() {
            true => None,
            false => {
                let labels = ClassLabels::of_classes(labels, classes.len())?;
                Some(Metrics::new(&known, &labels)?)
            }
        };
        Ok(Self {
            classes: classes.to_vec(),
            undecided: predictions.iter().filter(|p| !p.is_decided).count(),
            notes: Vec::new(),
            predictions,
            metrics,
            out: None,
            plots: Vec::new(),
        })
    }

    /// The share of right predictions, where labels are known.
    pub fn accuracy(&self) -> Option<f64> {
        self.metrics.as_ref().map(|metrics| metrics.accuracy)
    }

    /// With scores rounded to a step far above their error.
    pub fn rounded(mut self, rounding: Rounding) -> Self {
        for prediction in &mut self.predictions {
            let scores = prediction.scores.iter_mut().flatten();
            for score in scores.chain(&mut prediction.score) {
                *score = rounding.round(*score);
            }
        }
        self
    }

    /// Without the scores and what follows from their order, to be given to others.
    pub fn without_scores(mut self) -> Self {
        for prediction in &mut self.predictions {
            (prediction.score, prediction.scores) = (None, None);
        }
        if let Some(metrics) = &mut self.metrics {
            metrics.roc_auc = None;
        }
        self
    }

    /// Writes them as a CSV file, for the user's eyes only. Of more than two classes the score of
    /// each has a column of its own.
    pub fn write(&mut self, path: &Path) -> Result<()> {
        let many = self.predictions.iter().any(|v| v.scores.is_some());
        let names = self.classes.iter().map(|class| format!("score of {class}"));
        let names: Vec<_> = names.filter(|_| many).collect();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(HEADER.into_iter().chain(names.iter().map(String::as_str)))?;
        for v in &self.predictions {
            let score = v.score.map_or_else(String::new, |s| s.to_string());
            let truth = v.truth.clone().unwrap_or_default();
            let each = v.scores.iter().flatten().map(f64::to_string);
            let [source, class, truth] =
                [&v.source, &v.class, &truth].map(|name| escape::cell(name));
            let record = [source, class, score.into(), truth].map(Cow::into_owned);
            writer.write_record(record.into_iter().chain(each))?;
        }
        let bytes = writer
            .into_inner()
            .ok()
            .context("cannot write the predictions")?;
        files::write_private(path, &bytes)?;
        self.out = Some(path.to_owned());
        Ok(())
    }
}

/// How far scores are from deciding otherwise: a lone one from zero, the largest of several from the next.
fn margin(scores: &[f64]) -> f64 {
    match scores {
        [score] => score.abs(),
        scores => {
            let mut sorted = scores.to_vec();
            sorted.sort_by(f64::total_cmp);
            match sorted[..] {
                [.., next, largest] => largest - next,
                _ => 0.0,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(source: &str, label: Option<usize>) -> Entry {
        Entry {
            source: source.to_owned(),
            label,
        }
    }

    #[test]
    fn predictions_follow_the_sign_of_the_score() {
        let classes = ["dog", "cat"].map(str::to_owned);
        let entries = [entry("a", Some(1)), entry("b", Some(1)), entry("c", None)];
        let found = Predictions::new(&[0.5, -0.5, 0.0], &classes, Some(&entries)).unwrap();
        let names: Vec<_> = found.predictions.iter().map(|v| v.class.as_str()).collect();
        // A score of zero says nothing.
        assert_eq!(names, ["cat", "dog", "undecided"]);
        assert_eq!((found.accuracy(), found.undecided), (Some(0.5), 1));
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(
            (&json["accuracy"], &json["balanced_accuracy"]),
            (&0.5.into(), &0.5.into())
        );
        assert_eq!(json["confusion"], serde_json::json!([[0, 0], [1, 1]]));
        let others = found.without_scores();
        assert!(others.predictions.iter().all(|v| v.score.is_none()));

        let unnamed = Predictions::new(&[0.5, -0.5], &classes, None).unwrap();
        assert_eq!(unnamed.accuracy(), None);
        assert_eq!(unnamed.predictions[1].source, "1");
        let json = serde_json::to_value(&unnamed).unwrap();
        assert!(json.get("accuracy").is_none() && json.get("metrics").is_none());
    }

    #[test]
    fn of_many_classes_the_largest_score_wins() {
        let classes = ["a", "b", "c"].map(str::to_owned);
        let entries = [entry("x", Some(2)), entry("y", Some(0))];
        let scores = [0.1, -0.3, 0.4, 0.2, 0.3, 0.1];
        let mut found = Predictions::new(&scores, &classes, Some(&entries)).unwrap();
        let names: Vec<_> = found.predictions.iter().map(|v| v.class.as_str()).collect();
        assert_eq!(
            (names, found.predictions[0].score),
            (vec!["c", "b"], Some(0.4))
        );
        assert_eq!(found.metrics.as_ref().unwrap().confusion[2], [0, 0, 1]);
        // No sample is of class b.
        assert_eq!(found.metrics.as_ref().unwrap().roc_auc, None);

        let (_dir, path) = crate::folders::scratch("verdicts.csv");
        found.write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines();
        assert_eq!(
            lines.next(),
            Some("source,class,score,truth,score of a,score of b,score of c")
        );
        assert_eq!(lines.next(), Some("x,c,0.4,c,0.1,-0.3,0.4"));
        found.without_scores().write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().nth(2), Some("y,b,,a"));
    }
}
