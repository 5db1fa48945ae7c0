//! Trainings.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use sqlx::Row;
use tapetum_client::{CreateTraining, DataSetDetails, KeysDetails, PartDetails, TrainingRequest};

use super::create::CreateRequest;
use super::jobs;
use super::objects;
use super::openapi::Routes;
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;
use crate::store::audit;
use crate::store::db::stored;

/// The kind.
pub const KIND: Kind = Kind::TrainingJob;

/// The addresses of trainings.
pub fn routes() -> Routes {
    let created = jobs::creation::<CreateTraining>(KIND).problems(&[507]);
    jobs::routes(KIND, "training-jobs").post("/v1/training-jobs", create, created)
}

/// `POST`: a training on all parts that a data set has now.
pub async fn create(
    State(app): State<App>,
    CreateRequest { caller, key, body }: CreateRequest<CreateTraining>,
) -> Result<Response> {
    let CreateTraining {
        name,
        data_set,
        key_set,
        without,
        until,
    } = body;
    let tenant = &caller.tenant;
    let set: DataSetDetails = objects::details(&app, tenant, Kind::DataSet, &data_set).await?;
    let keys: KeysDetails = objects::details(&app, tenant, Kind::KeySet, &key_set).await?;
    if set.parameter_set != keys.parameter_set {
        return Err(Error::unacceptable(
            "data set and key set belong to different parameter sets",
        ));
    }
    if until.is_some() && set.recipe.batch_rows()?.is_none() {
        return Err(Error::unacceptable(
            "`until` is for training in mini-batches, and this data set's recipe has none",
        ));
    }
    let mut tx = app.database.begin().await?;
    if let Some(answer) = key.replay(&mut *tx).await? {
        return Ok(answer);
    }
    jobs::check_room(&mut tx, &app, &caller.tenant).await?;
    objects::check_room(&mut tx, &app, &caller.tenant).await?;
    let (parts, samples) = parts(&mut tx, &app, &caller, &data_set, (&set, &without)).await?;
    let id = KIND.new_id()?;
    let request = TrainingRequest {
        data_set,
        key_set,
        parameter_set: set.parameter_set,
        recipe: set.recipe,
        parts,
        samples,
        without,
        until,
    };
    let mut inputs = vec![
        request.data_set.as_str(),
        request.key_set.as_str(),
        request.parameter_set.as_str(),
    ];
    inputs.extend(request.parts.iter().map(String::as_str));
    let job = jobs::insert(&mut tx, &caller, (KIND, &id), &name, &request, &inputs).await?;
    let about = json!({
        "data_set": request.data_set, "parts": request.parts.len(), "learner": request.recipe.learner.describe(),
        "without": request.without,
    });
    audit::record(&mut tx, caller.actor(), "train", &id, &about).await?;
    let answer = key
        .remember(&mut tx, StatusCode::ACCEPTED, &job.view()?, &id)
        .await?;
    tx.commit().await?;
    crate::jobs::deliver(&app, &job).await;
    Ok(answer)
}

/// The ids of all parts and the number of samples in them, if they can be trained on together.
async fn parts(
    tx: &mut crate::store::db::Tx,
    app: &App,
    caller: &Caller,
    data_set: &str,
    (set, without): (&DataSetDetails, &[String]),
) -> Result<(Vec<String>, usize)> {
    let rows = sqlx::query(
        "SELECT o.id AS id, o.details AS details, b.bytes AS bytes FROM objects o \
         JOIN blobs b ON b.object = o.id \
         WHERE o.parent = $1 AND o.tenant = $2 ORDER BY o.created_at, o.id",
    )
    .bind(data_set)
    .bind(&caller.tenant)
    .fetch_all(&mut **tx)
    .await?;
    let streams = set.recipe.streams();
    let (mut ids, mut bytes, mut labels, mut samples) = (Vec::new(), 0, String::new(), 0);
    // Parts of earlier versions do not say whose they are: the job finds out.
    let (mut contributors, mut known) = (BTreeSet::new(), true);
    for (index, row) in rows.iter().enumerate() {
        let details: PartDetails = stored(&row.try_get::<String, _>("details")?)?;
        if index > 0 && labels != details.labels {
            return Err(Error::unacceptable(
                "labels must be encrypted in all parts or in none",
            ));
        }
        labels = details.labels;
        samples += details.samples;
        known &= !details.contributors.is_empty();
        contributors.extend(details.contributors);
        bytes += row.try_get::<i64, _>("bytes")?;
        ids.push(row.try_get("id")?);
    }
    if ids.is_empty() {
        return Err(Error::unacceptable("the data set has no parts yet"));
    }
    if let Some(name) = without
        .iter()
        .find(|&name| known && !contributors.contains(name))
    {
        let contributors = contributors.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Error::unacceptable(format!(
            "no samples from {name}; contributors: {contributors}"
        )));
    }
    let most = app.config.limits.bundle_bytes;
    if !streams && bytes as u64 > most {
        return Err(Error::unacceptable(format!(
            "this training needs all {bytes} bytes in memory, more than this server's limit of \
             {most}: train in mini-batches"
        )));
    }
    Ok((ids, samples))
}
