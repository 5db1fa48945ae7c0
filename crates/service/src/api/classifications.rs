//! Classifications.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;
use tapetum_client::{ClassificationRequest, CreateClassification, ModelDetails, Origin, Receipt};
use tapetum_learn::classification_bytes;

use super::create::CreateRequest;
use super::jobs;
use super::json::{Path, ok};
use super::networks;
use super::objects;
use super::openapi::{Op, Routes};
use super::parameter_sets::{checked, parameters};
use super::uploads::{self, Complete};
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;
use crate::store::content;
use crate::store::rows::{role, unlink};
use crate::store::{self, audit};

/// The kind.
pub const KIND: Kind = Kind::Classification;

/// The addresses of classifications.
pub fn routes() -> Routes {
    let (all, one) = ("/v1/classifications", "/v1/classifications/{id}");
    let op = |verb, summary| Op::of(KIND, verb, summary).id("id", KIND).problems(&[409]);
    let deleted = op("delete", "Delete a classification with its scores");
    let sent = Op::new("classifications", "downloadScores", "The encrypted scores");
    let sent = sent.id("id", KIND).file().problems(&[409]);
    jobs::routes(KIND, "classifications")
        .post(
            all,
            create,
            jobs::creation::<CreateClassification>(KIND).problems(&[423]),
        )
        .delete(one, delete, deleted.answers::<Receipt>(StatusCode::OK, &[]))
        .get(&format!("{one}/content"), content, sent)
}

/// `POST`: samples to be classified by a model, or an image by a network.
pub async fn create(
    State(app): State<App>,
    CreateRequest { caller, key, body }: CreateRequest<CreateClassification>,
) -> Result<Response> {
    let upload = uploads::complete(&app, &caller, &body.upload).await?;
    let (request, allowed) = match Kind::Network.begins(&body.model) {
        true => by_network(&app, &caller, &body, &upload).await?,
        false => (by_model(&app, &caller, &body, &upload).await?, None),
    };
    let accepted = vec![uploads::accept(&app, upload).await?];
    let made = async {
        let id = KIND.new_id()?;
        let mut tx = app.database.begin().await?;
        if let Some(answer) = key.replay(&mut *tx).await? {
            return Ok(answer);
        }
        jobs::check_room(&mut tx, &app, &caller.tenant).await?;
        if Kind::Network.begins(&request.model) {
            networks::count_query(&mut tx, &caller, &request.model, allowed).await?;
        }
        let inputs = [&request.model, &request.key_set, &request.parameter_set].map(String::as_str);
        let job =
            jobs::insert(&mut tx, &caller, (KIND, &id), &body.name, &request, &inputs).await?;
        uploads::attach(&mut tx, &caller, &accepted[0], &id, role::SAMPLES).await?;
        let about = json!({"model": request.model, "samples": request.samples});
        audit::record(&mut tx, caller.actor(), "classify", &id, &about).await?;
        jobs::submit(&app, tx, &key, &job).await
    };
    let made = made.await;
    uploads::finalize(&app, accepted, made).await
}

/// What a classification by a model works on, once the samples are checked.
async fn by_model(
    app: &App,
    caller: &Caller,
    body: &CreateClassification,
    upload: &Complete,
) -> Result<ClassificationRequest> {
    let tenant = &caller.tenant;
    let details: ModelDetails = objects::details(app, tenant, Kind::Model, &body.model).await?;
    if let Some(key_set) = &body.key_set
        && *key_set != details.key_set
    {
        return Err(Error::unacceptable(format!(
            "the model is for {}, not for {key_set}: leave the key set out",
            details.key_set
        )));
    }
    let parameters = parameters(app, tenant, &details.parameter_set).await?;
    let (columns, classes, ids) = (details.columns(), details.classes(), details.ids());
    let recipe = match &details.origin {
        Origin::Trained(trained) => Some(trained.recipe.clone()),
        Origin::Plain { .. } => None,
    };
    let check = move |path: &_, app: &App| {
        let shape = content::sample_shape(path, &parameters, app.caps())?;
        shape.origin.check(&ids, "the model")?;
        let found = shape.layout.cols();
        if found != columns {
            return Err(Error::unacceptable(format!(
                "the samples have {found} features, the model has {columns}"
            )));
        }
        let memory = match &recipe {
            Some(recipe) => recipe.classification_bytes(&parameters, &shape),
            None => classification_bytes(&parameters, &shape, classes),
        };
        let part = &app.memory.classifications;
        part.check(
            "this classification",
            memory,
            "send fewer samples at a time",
        )?;
        Ok((shape.layout.rows(), memory))
    };
    let (samples, memory) = checked(app, caller, upload, check).await?;
    let (plain, verdicts) = match details.origin {
        Origin::Trained(trained) => (false, trained.recipe.threshold),
        Origin::Plain { .. } => (true, None),
    };
    Ok(ClassificationRequest {
        model: body.model.clone(),
        key_set: details.key_set,
        parameter_set: details.parameter_set,
        plain,
        verdicts,
        samples,
        memory,
    })
}

/// What a classification by a network works on, once the image is checked, and how many a token may ask for.
async fn by_network(
    app: &App,
    caller: &Caller,
    body: &CreateClassification,
    upload: &Complete,
) -> Result<(ClassificationRequest, Option<u32>)> {
    let key_set = body
        .key_set
        .clone()
        .ok_or_else(|| Error::unacceptable("name the key set: a network has none of its own"))?;
    let details = networks::with_keys(app, caller, &body.model, &key_set).await?;
    let parameters = parameters(app, &caller.tenant, &details.parameter_set).await?;
    let plan = networks::plan(app, &body.model).await?;
    let check =
        move |path: &_, _: &App| store::networks::check_image(path, &parameters, plan.plan());
    checked(app, caller, upload, check).await?;
    let request = ClassificationRequest {
        model: body.model.clone(),
        key_set,
        parameter_set: details.parameter_set,
        plain: true,
        verdicts: None,
        samples: 1,
        memory: details.memory,
    };
    Ok((request, details.queries_per_token))
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
        return Err(Error::conflict(
            "the classification is not finished: wait for it",
        ));
    }
    objects::send(&app, &id, role::SCORES, &headers).await
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
            "the classification is not finished: wait for it, or cancel it",
        ));
    }
    let mut tx = app.database.begin().await?;
    // Somebody else may have been faster.
    let removed = crate::jobs::remove(&mut tx, &id).await?;
    let removed = removed.ok_or_else(|| Error::not_found(KIND.name()))?;
    let receipt = objects::receipt(&mut tx, &caller, &id, &removed).await?;
    tx.commit().await?;
    unlink(&app.blobs, removed).await?;
    ok(&receipt)
}
