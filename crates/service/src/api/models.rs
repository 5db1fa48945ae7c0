//! Encrypted models that jobs have trained.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tapetum_learn::Recipe;

use super::json::{Path, Query, ok};
use super::objects::{self, Page};
use crate::auth::{Caller, Scope};
use crate::error::Answer;
use crate::id::Kind;
use crate::state::App;

const KIND: Kind = Kind::Model;
/// The role of a model's file.
pub const ROLE: &str = "model";

/// What is told of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelDetails {
    /// The id of the job that trained it.
    pub training_job: String,
    /// The id of the data set.
    pub data_set: String,
    /// The id of the key set.
    pub key_set: String,
    /// The id of the parameter set.
    pub parameter_set: String,
    /// How it was trained.
    pub recipe: Recipe,
    /// On how many samples.
    pub samples: usize,
    /// Whether the server saw the labels.
    pub labels: String,
    /// The level that is left.
    pub level: usize,
}

/// `GET`: all of them.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Answer<Response> {
    caller.need(&[Scope::Classify])?;
    objects::list(&app, &caller, KIND, "", "%", &page).await
}

/// `GET`: one.
pub async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Response> {
    caller.need(&[Scope::Classify])?;
    ok(&objects::find(&app, &caller, KIND, &id).await?)
}

/// `GET`: the model itself, which only the owner's secret key opens.
pub async fn content(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Response> {
    caller.need(&[Scope::Owner])?;
    objects::find(&app, &caller, KIND, &id).await?;
    objects::send(&app, &id, ROLE).await
}

/// `DELETE`.
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Response> {
    caller.need(&[Scope::Owner])?;
    objects::delete(&app, &caller, KIND, &id).await
}
