//! From scores to verdicts: what `decrypt` and `simulate` print and write.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::files;
use crate::index::Entry;

/// All verdicts.
#[derive(Debug, Serialize)]
pub struct Verdicts {
    /// One for each sample.
    pub verdicts: Vec<Verdict>,
    /// The share of right verdicts, where labels are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Where they were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
}

/// The verdict on one sample.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// Where the sample came from, or its number.
    pub source: String,
    /// The class that it is found to be in.
    pub class: String,
    /// The score: positive for the positive class. Left out of what is given to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The class that it is really in, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth: Option<String>,
}

impl Verdict {
    /// Whether it is right, if that is known.
    pub fn is_right(&self) -> Option<bool> {
        self.truth.as_ref().map(|truth| *truth == self.class)
    }
}

impl Verdicts {
    /// Verdicts by scores: the second class where the score is positive. There are either no
    /// entries or as many as scores.
    pub fn new(scores: &[f64], classes: &[String; 2], entries: Option<&[Entry]>) -> Self {
        let class = |positive: bool| classes[usize::from(positive)].clone();
        let verdicts: Vec<_> = scores
            .iter()
            .enumerate()
            .map(|(i, &score)| {
                let entry = entries.and_then(|entries| entries.get(i));
                Verdict {
                    source: entry.map_or_else(|| i.to_string(), |entry| entry.source.clone()),
                    class: class(score > 0.0),
                    score: Some(score),
                    truth: entry.and_then(|entry| entry.label).map(class),
                }
            })
            .collect();
        let judged: Vec<_> = verdicts.iter().filter_map(Verdict::is_right).collect();
        let right = judged.iter().filter(|&&right| right).count();
        Self {
            accuracy: (!judged.is_empty()).then(|| right as f64 / judged.len() as f64),
            verdicts,
            out: None,
        }
    }

    /// Without the scores, to be given to others.
    pub fn without_scores(mut self) -> Self {
        self.verdicts.iter_mut().for_each(|v| v.score = None);
        self
    }

    /// Writes them as a CSV file, for the user's eyes only.
    pub fn write(&mut self, path: &Path) -> Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["source", "class", "score", "truth"])?;
        for v in &self.verdicts {
            let score = v.score.map_or_else(String::new, |s| s.to_string());
            let truth = v.truth.as_deref().unwrap_or_default();
            writer.write_record([v.source.as_str(), &v.class, &score, truth])?;
        }
        let bytes = writer.into_inner().context("cannot write the verdicts")?;
        files::write_private(path, &bytes)?;
        self.out = Some(path.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_follow_the_sign_of_the_score() {
        let classes = ["dog".to_owned(), "cat".to_owned()];
        let entry = |source: &str, label| Entry {
            source: source.to_owned(),
            label,
        };
        let entries = [
            entry("a", Some(true)),
            entry("b", Some(true)),
            entry("c", None),
        ];
        let found = Verdicts::new(&[0.5, -0.5, 0.0], &classes, Some(&entries));
        let names: Vec<_> = found.verdicts.iter().map(|v| v.class.as_str()).collect();
        assert_eq!(names, ["cat", "dog", "dog"]);
        assert_eq!(found.accuracy, Some(0.5));
        assert!(
            found
                .without_scores()
                .verdicts
                .iter()
                .all(|v| v.score.is_none())
        );

        let unnamed = Verdicts::new(&[0.5, -0.5], &classes, None);
        assert_eq!(unnamed.accuracy, None);
        assert_eq!(unnamed.verdicts[1].source, "1");
    }
}
