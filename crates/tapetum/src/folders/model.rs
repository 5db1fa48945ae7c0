//! A linear model in the clear, as JSON: what a provider's server classifies with.

use std::path::Path;

use tapetum_learn::{Id, PlainModel, PlainModelFile};

use crate::error::{Context, Error, Result};
use crate::folders::files;

/// Whether a file is JSON and not an encrypted model.
pub fn is_one(path: &Path) -> Result<bool> {
    files::starts_with(path, b"{")
}

/// Whether a text is one that [`write`] wrote, by its beginning.
pub(super) fn is_in(text: &str) -> bool {
    text.starts_with("{\"version\":") && text.contains("\"features\":")
}

/// Reads and checks a model. Returns it with the id of its features, if they have one.
pub fn read(path: &Path) -> Result<(PlainModel, Option<Id>)> {
    let wrong = |reason: &dyn std::fmt::Display| {
        Error::input(format!("{} is not a model: {reason}", path.display()))
    };
    let text = files::read_text(path)?;
    let written: PlainModelFile = serde_json::from_str(&text).map_err(|e| wrong(&e))?;
    let features_id = written.features_id;
    Ok((written.into_model().map_err(|e| wrong(&e))?, features_id))
}

/// Writes a model trained on the features of this id, for the user's eyes only.
pub fn write(
    path: &Path,
    model: &PlainModel,
    classes: &[String],
    features_id: Option<Id>,
) -> Result<u64> {
    let mut written = PlainModelFile::new(model, classes);
    written.features_id = features_id;
    let text = serde_json::to_string(&written).context("cannot write down the model")?;
    files::write_private(path, (text + "\n").as_bytes())
}
