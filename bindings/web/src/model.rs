//! What the server says of a model.

use serde::Deserialize;
use tapetum::learn::TrainingSpec;

use crate::PageError;

/// A model on the server, as far as it matters to whoever encrypts for it.
#[derive(Clone, Debug, Deserialize)]
pub struct Model {
    /// Its id.
    pub id: String,
    details: Details,
}

#[derive(Clone, Debug, Deserialize)]
struct Details {
    recipe: TrainingSpec,
}

impl Model {
    /// From the answer of `GET /v1/models/ID`.
    ///
    /// # Errors
    /// [`PageError::Model`].
    pub fn from_json(text: &str) -> Result<Self, PageError> {
        serde_json::from_str(text).map_err(PageError::Model)
    }

    /// How it was trained.
    pub fn recipe(&self) -> &TrainingSpec {
        &self.details.recipe
    }
}
