//! Trainings.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use sqlx::Row;
use tapetum_client::{DataSetDetails, KeysDetails, PartDetails, Scope, TrainingRequest};

use super::jobs;
use super::making::{Making, Wanted};
use super::objects;
use super::resource::OWNER;
use crate::audit;
use crate::auth::Caller;
use crate::db::stored;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;

/// What it is.
pub const KIND: Kind = Kind::TrainingJob;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    #[serde(default)]
    name: String,
    data_set: String,
    key_set: String,
}

impl Wanted for Create {
    const MAKERS: &'static [Scope] = OWNER;

    fn name(&self) -> &str {
        &self.name
    }
}

/// `POST`: a training on all parts that a data set has now.
pub async fn create(State(app): State<App>, making: Making<Create>) -> Result<Response> {
    let Making {
        caller,
        once,
        wanted,
    } = making;
    let Create {
        name,
        data_set,
        key_set,
    } = wanted;
    let found = objects::find(&app, &caller, Kind::DataSet, &data_set).await?;
    let set: DataSetDetails = objects::details(found)?;
    let found = objects::find(&app, &caller, Kind::KeySet, &key_set).await?;
    let keys: KeysDetails = objects::details(found)?;
    if set.parameter_set != keys.parameter_set {
        return Err(Error::unacceptable(
            "data set and key set belong to different parameter sets",
        ));
    }
    let mut tx = app.database.begin().await?;
    if let Some(answer) = once.replay(&mut *tx).await? {
        return Ok(answer);
    }
    jobs::check_room(&mut tx, &app, &caller.tenant).await?;
    objects::check_room(&mut tx, &app, &caller.tenant).await?;
    let (parts, samples) = parts(&mut tx, &app, &caller, &data_set, &set).await?;
    let id = KIND.new_id()?;
    let request = TrainingRequest {
        data_set,
        key_set,
        parameter_set: set.parameter_set,
        recipe: set.recipe,
        parts,
        samples,
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
    });
    audit::record(&mut tx, caller.actor(), "train", &id, &about).await?;
    let answer = once
        .remember(&mut tx, StatusCode::ACCEPTED, &job.view()?, &id)
        .await?;
    tx.commit().await?;
    crate::jobs::deliver(&app, &job).await;
    Ok(answer)
}

/// The ids of all parts and the number of samples in them, if they can be trained on together.
async fn parts(
    tx: &mut crate::db::Tx,
    app: &App,
    caller: &Caller,
    data_set: &str,
    set: &DataSetDetails,
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
    let streams = set.recipe.learner.streams();
    let (mut ids, mut bytes, mut labels, mut samples) = (Vec::new(), 0, String::new(), 0);
    for (index, row) in rows.iter().enumerate() {
        let details: PartDetails = stored(&row.try_get::<String, _>("details")?)?;
        if index > 0 && labels != details.labels {
            return Err(Error::unacceptable(
                "labels must be encrypted in all parts or in none",
            ));
        }
        labels = details.labels;
        samples += details.samples;
        bytes += row.try_get::<i64, _>("bytes")?;
        ids.push(row.try_get("id")?);
    }
    if ids.is_empty() {
        return Err(Error::unacceptable("the data set has no part yet"));
    }
    let most = app.config.limits.bundle_bytes;
    if !streams && bytes as u64 > most {
        return Err(Error::unacceptable(format!(
            "this training takes all {bytes} bytes into memory, and this server allows {most}: \
             train in mini-batches"
        )));
    }
    Ok((ids, samples))
}
