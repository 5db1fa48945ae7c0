//! A linear model in the clear, as JSON: what a provider's server classifies with.

use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tapetum_learn::{MAX_CLASSES, MAX_COLS, PlainModel};

use crate::error::{Context, Error, Result};
use crate::folders::files;

const VERSION: u32 = 1;

/// The model as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    /// The names of the classes; of two the second is the positive one.
    classes: Vec<String>,
    /// Features of a sample, with the intercept if there is one.
    features: usize,
    /// For each score the weight of each feature: one score for two classes, one a class for more.
    weights: Vec<Vec<f64>>,
    /// What is added to each score.
    offsets: Vec<f64>,
}

/// Whether a file is JSON and not an encrypted model.
pub fn is_one(path: &Path) -> Result<bool> {
    let mut first = [0];
    let read = files::open(path)?.read(&mut first);
    let read = read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(read == 1 && first == *b"{")
}

/// Whether a text is one that [`write`] wrote, by its beginning.
pub(super) fn is_in(text: &str) -> bool {
    text.starts_with("{\"version\":") && text.contains("\"features\":")
}

/// Reads and checks a model.
pub fn read(path: &Path) -> Result<PlainModel> {
    let wrong =
        |reason: String| Error::input(format!("{} is not a model: {reason}", path.display()));
    let written: Written =
        serde_json::from_str(&files::read_text(path)?).map_err(|e| wrong(e.to_string()))?;
    let Written {
        version,
        classes,
        features,
        weights,
        offsets,
    } = written;
    if version != VERSION {
        return Err(wrong(format!(
            "it has version {version}, this program reads version {VERSION}"
        )));
    }
    let scores = match classes.len() {
        2 => 1,
        many => many,
    };
    let fits = (2..=MAX_CLASSES).contains(&classes.len())
        && (1..=MAX_COLS).contains(&features)
        && (weights.len(), offsets.len()) == (scores, scores)
        && weights.iter().all(|row| row.len() == features);
    if !fits {
        return Err(wrong(
            "its classes, features, weights and offsets do not match".to_owned(),
        ));
    }
    let weights = weights.concat();
    if weights.iter().chain(&offsets).any(|x| !x.is_finite()) {
        return Err(wrong("a number is infinite".to_owned()));
    }
    Ok(PlainModel {
        weights,
        intercepts: offsets,
    })
}

/// Writes a model, for the user's eyes only.
pub fn write(path: &Path, model: &PlainModel, classes: &[String]) -> Result<u64> {
    let features = model.features();
    let written = Written {
        version: VERSION,
        classes: classes.to_vec(),
        features,
        weights: model
            .weights
            .chunks(features.max(1))
            .map(<[f64]>::to_vec)
            .collect(),
        offsets: model.intercepts.clone(),
    };
    let text = serde_json::to_string(&written).context("cannot write down the model")?;
    files::write_private(path, (text + "\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_and_refuses_what_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.json");
        let model = PlainModel {
            weights: vec![0.1, -2.5e-7, 3.0, 4.0, 5.0, 6.0],
            intercepts: vec![0.5, 0.0, -0.25],
        };
        let classes = ["a", "b", "c"].map(str::to_owned);
        write(&path, &model, &classes).unwrap();
        assert!(is_one(&path).unwrap());
        assert_eq!(read(&path).unwrap(), model);
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("\"features\":2", "\"features\":3"),
            ("[\"a\",\"b\",\"c\"]", "[\"a\",\"b\"]"),
            ("[0.5,", "["),
            ("5.0", "1e999"),
            ("3.0,", ""),
            ("{", "{\"more\":1,"),
        ] {
            assert!(text.contains(from), "{from}");
            std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
            assert!(
                read(&path).unwrap_err().kind() == crate::ErrorKind::Input,
                "{to}"
            );
        }
    }
}
