//! Charts of a training and of its predictions, as files.

use std::path::{Path, PathBuf};

use tapetum::folders::{Output, files};
use tapetum::simulate::Curve;
use tapetum::{Error, Predictions, Result};

use crate::charts::{confusion_matrix, learning_curve};

/// Draws the confusion matrix of predictions and, if there is one, a learning curve in a folder, which
/// is made. Returns the files.
///
/// # Errors
/// Without a label there is nothing to be drawn.
pub fn draw(dir: &Path, predictions: &Predictions, curve: Option<&Curve>) -> Result<Vec<PathBuf>> {
    let Some(metrics) = &predictions.metrics else {
        let message = "--plots needs labels to compare with, and these samples have none";
        return Err(Error::input(message));
    };
    files::create_dir(dir)?;
    let mut drawn = vec![(
        dir.join("confusion-matrix.svg"),
        confusion_matrix(&predictions.classes, &metrics.confusion),
    )];
    if let Some(curve) = curve {
        let svg = learning_curve(curve);
        drawn.push((dir.join("learning-curve.svg"), svg));
    }
    for (path, svg) in &drawn {
        Output::Plot.check(path, &[])?;
        files::write_text(path, svg)?;
    }
    Ok(drawn.into_iter().map(|(path, _)| path).collect())
}
