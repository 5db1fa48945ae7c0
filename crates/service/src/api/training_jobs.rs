//! Trainings.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;
use sqlx::Row;
use tapetum_client::{CreateTraining, DataSetDetails, KeysDetails, PartDetails, TrainingRequest};
use tapetum_learn::Origin;

use super::create::CreateRequest;
use super::jobs;
use super::objects;
use super::openapi::Routes;
use super::parameter_sets::parameters;
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;
use crate::store::audit;
use crate::store::blocking::run_blocking;
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
    let parameters = parameters(&app, tenant, &set.parameter_set).await?;
    let recipe = set.recipe.clone();
    let working = run_blocking(move || recipe.training_bytes(&parameters, 0)).await??;
    let mut tx = app.database.begin().await?;
    if let Some(answer) = key.replay(&mut *tx).await? {
        return Ok(answer);
    }
    jobs::check_room(&mut tx, &app, &caller.tenant).await?;
    objects::check_room(&mut tx, &app, &caller.tenant).await?;
    let Parts {
        ids: parts,
        samples,
        memory,
    } = parts(&mut tx, &caller, &data_set, (&set, &without)).await?;
    let memory = memory.saturating_add(working);
    let part = &app.memory.trainings;
    part.check("this training", memory, "train in mini-batches")?;
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
        memory,
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
    jobs::submit(&app, tx, &key, &job).await
}

/// Bytes in memory of a byte in a file, where it is not known: a seed stands for as much again, and residues fill words.
const EXPANSION: u64 = 8;

/// What can be trained on together.
struct Parts {
    ids: Vec<String>,
    samples: usize,
    /// Bytes of samples and labels that are in memory at a time.
    memory: u64,
}

/// All parts of a data set, if they can be trained on together.
async fn parts(
    tx: &mut crate::store::db::Tx,
    caller: &Caller,
    data_set: &str,
    (set, without): (&DataSetDetails, &[String]),
) -> Result<Parts> {
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
    let (mut ids, mut labels, mut samples) = (Vec::new(), String::new(), 0);
    // Parts of earlier versions do not say whose they are: the job finds out.
    let (mut contributors, mut known) = (BTreeSet::new(), true);
    let (mut all, mut largest) = (0_u64, 0);
    let mut ids_of_all = Origin::default();
    for (index, row) in rows.iter().enumerate() {
        let details: PartDetails = stored(&row.try_get::<String, _>("details")?)?;
        if index > 0 && labels != details.labels {
            return Err(Error::unacceptable(
                "labels must be encrypted in all parts or in none",
            ));
        }
        ids_of_all = details.ids.join(&ids_of_all, "the other parts")?;
        labels = details.labels;
        samples += details.samples;
        known &= !details.contributors.is_empty();
        contributors.extend(details.contributors);
        let of_file = row.try_get::<i64, _>("bytes")? as u64 * EXPANSION;
        let (whole, batch) = match details.expanded_bytes {
            0 => (of_file, of_file.div_ceil(details.batches.max(1) as u64)),
            known => (known, details.largest_batch_bytes),
        };
        (all, largest) = (all.saturating_add(whole), largest.max(batch));
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
    // One is read ahead.
    let memory = if streams { all.min(2 * largest) } else { all };
    Ok(Parts {
        ids,
        samples,
        memory,
    })
}
