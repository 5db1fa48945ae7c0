//! Classifications.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use tapetum_client::{ClassificationRequest, ModelDetails, Scope};

use super::jobs;
use super::json::{Path, ok};
use super::making::{Making, Wanted};
use super::objects;
use super::parameter_sets::{checked, parameters};
use super::uploads;
use crate::audit;
use crate::auth::Caller;
use crate::content;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;

/// What it is.
pub const KIND: Kind = Kind::Classification;
/// The role of the samples of a classification.
pub const SAMPLES: &str = "samples";
/// The role of its result.
pub const SCORES: &str = "scores";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    #[serde(default)]
    name: String,
    model: String,
    upload: String,
}

impl Wanted for Create {
    const MAKERS: &'static [Scope] = &[Scope::Classify];

    fn name(&self) -> &str {
        &self.name
    }
}

/// `POST`: samples to be classified.
pub async fn create(State(app): State<App>, making: Making<Create>) -> Result<Response> {
    let Making {
        caller,
        once,
        wanted,
    } = making;
    let Create {
        name,
        model,
        upload,
    } = wanted;
    let found = objects::find(&app, &caller, Kind::Model, &model).await?;
    let details: ModelDetails = objects::details(found)?;
    let upload = uploads::complete(&app, &caller, &upload).await?;
    let parameters = parameters(&app, &caller.tenant, &details.parameter_set).await?;
    let columns = details.recipe.columns;
    let check = move |path: &_, app: &App| {
        let matrix = content::samples(path, &parameters, app.caps())?;
        match matrix.layout().cols() == columns {
            true => Ok(matrix.layout().rows()),
            false => Err(Error::unacceptable(format!(
                "the samples have {} features, the model has {columns}",
                matrix.layout().cols()
            ))),
        }
    };
    let samples = checked(&app, &upload, check).await?;

    let accepted = vec![uploads::accept(&app, upload).await?];
    let made = async {
        let id = KIND.new_id()?;
        let mut tx = app.database.begin().await?;
        if let Some(answer) = once.replay(&mut *tx).await? {
            return Ok(answer);
        }
        jobs::check_room(&mut tx, &app, &caller.tenant).await?;
        let request = ClassificationRequest {
            model,
            key_set: details.key_set,
            parameter_set: details.parameter_set,
            verdicts: details.recipe.threshold,
            samples,
        };
        let inputs = [&request.model, &request.key_set, &request.parameter_set].map(String::as_str);
        let job = jobs::insert(&mut tx, &caller, (KIND, &id), &name, &request, &inputs).await?;
        uploads::adopt(&mut tx, &caller, &accepted[0], &id, SAMPLES).await?;
        let about = json!({"model": request.model, "samples": samples});
        audit::record(&mut tx, caller.actor(), "classify", &id, &about).await?;
        let answer = once
            .remember(&mut tx, StatusCode::ACCEPTED, &job.view()?, &id)
            .await?;
        tx.commit().await?;
        crate::jobs::deliver(&app, &job).await;
        Ok(answer)
    };
    let made = made.await;
    uploads::settle(&app, accepted, made).await
}

/// `GET .../content`: the encrypted scores.
pub async fn content(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let job = jobs::find(&app, &caller, KIND, &id).await?;
    if !job.state.is_final() {
        return Err(Error::conflict("it is not finished: wait for it"));
    }
    objects::send(&app, &id, SCORES, &headers).await
}

/// `DELETE`: the classification with its scores.
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response> {
    let job = jobs::find(&app, &caller, KIND, &id).await?;
    if !job.state.is_final() {
        return Err(Error::conflict(
            "it is not finished: wait for it, or cancel it",
        ));
    }
    let mut tx = app.database.begin().await?;
    // Somebody else may have been faster.
    let removed = jobs::remove(&mut tx, &id).await?;
    let removed = removed.ok_or_else(|| Error::not_found(KIND.name()))?;
    let receipt = objects::receipt(&mut tx, &caller, &id, &removed).await?;
    tx.commit().await?;
    objects::unlink(&app, removed).await?;
    ok(&receipt)
}
