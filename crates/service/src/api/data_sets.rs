//! Data sets: encrypted samples with labels, to which contributors add parts.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tapetum_learn::Recipe;

use super::json::{Json, Once, Path, Query, check_name, ok};
use super::objects::{self, Object, Page};
use super::parameter_sets::{checked, parameters};
use super::uploads;
use crate::auth::{Caller, Scope};
use crate::content;
use crate::error::{Answer, Problem};
use crate::id::Kind;
use crate::state::App;

const KIND: Kind = Kind::DataSet;
/// The role of a part's file.
pub const ROLE: &str = "samples";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    #[serde(default)]
    name: String,
    parameter_set: String,
    recipe: Recipe,
}

/// What is told of a data set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DataSetDetails {
    /// The id of the parameter set.
    pub parameter_set: String,
    /// What is trained on it.
    pub recipe: Recipe,
}

/// `POST`: an empty data set.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Json<Create>,
) -> Answer<Response> {
    caller.need(&[Scope::Owner])?;
    let once = Once::new(&headers, &caller, "data-sets", &body.text)?;
    if let Some(answer) = once.replay(app.database.pool()).await? {
        return Ok(answer);
    }
    let Create {
        name,
        parameter_set,
        recipe,
    } = body.value;
    check_name(&name)?;
    recipe.check(&parameters(&app, &caller.tenant, &parameter_set).await?)?;
    let id = KIND.new_id()?;
    let details = DataSetDetails {
        parameter_set,
        recipe,
    };
    let mut tx = app.database.begin().await?;
    if let Some(answer) = once.replay(&mut *tx).await? {
        return Ok(answer);
    }
    let owner = (caller.tenant.as_str(), caller.token.as_str());
    let object = objects::insert(&mut tx, owner, (KIND, &id), &name, "", &details).await?;
    let about = serde_json::json!({"name": name});
    crate::audit::record(&mut tx, caller.actor(), "create", &id, &about).await?;
    let location = format!("/v1/data-sets/{id}");
    let answer = once
        .remember(&mut tx, StatusCode::CREATED, &object, &location)
        .await?;
    tx.commit().await?;
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Append {
    #[serde(default)]
    name: String,
    upload: String,
}

/// `POST .../parts`: more samples.
pub async fn append(
    State(app): State<App>,
    caller: Caller,
    Path(set): Path<String>,
    headers: HeaderMap,
    body: Json<Append>,
) -> Answer<Response> {
    caller.need(&[Scope::Contributor])?;
    let once = Once::new(
        &headers,
        &caller,
        &format!("data-sets/{set}/parts"),
        &body.text,
    )?;
    if let Some(answer) = once.replay(app.database.pool()).await? {
        return Ok(answer);
    }
    let Append { name, upload } = body.value;
    check_name(&name)?;
    let details: DataSetDetails = objects::find(&app, &caller, KIND, &set).await?.details()?;
    let upload = uploads::complete(&app, &caller, &upload).await?;
    let parameters = parameters(&app, &caller.tenant, &details.parameter_set).await?;
    let check =
        move |path: &_, app: &App| content::part(path, &parameters, &details.recipe, app.caps());
    let details = checked(&app, &upload, check).await?;

    let id = Kind::Part.new_id()?;
    let mut tx = app.database.begin().await?;
    if let Some(answer) = once.replay(&mut *tx).await? {
        return Ok(answer);
    }
    still_there(&mut tx, &caller, &set).await?;
    let owner = (caller.tenant.as_str(), caller.token.as_str());
    let object = objects::insert(&mut tx, owner, (Kind::Part, &id), &name, &set, &details).await?;
    uploads::adopt(&mut tx, &app, &caller, &upload, &id, ROLE).await?;
    let location = format!("/v1/data-sets/{set}/parts/{id}");
    let answer = once
        .remember(&mut tx, StatusCode::CREATED, &object, &location)
        .await?;
    tx.commit().await?;
    uploads::used(&app, &upload);
    Ok(answer)
}

/// The set may have been deleted while the part was looked into.
async fn still_there(tx: &mut crate::db::Tx, caller: &Caller, set: &str) -> Answer<()> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT id FROM objects WHERE id = $1 AND tenant = $2")
            .bind(set)
            .bind(&caller.tenant)
            .fetch_optional(&mut **tx)
            .await?;
    found
        .map(drop)
        .ok_or_else(|| Problem::not_found(KIND.name()))
}

/// `GET`: all of them.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Answer<Response> {
    objects::list(&app, &caller, KIND, "", "%", &page).await
}

/// `GET`: one.
pub async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Response> {
    ok(&objects::find(&app, &caller, KIND, &id).await?)
}

/// `GET .../parts`: all for the owner, their own for contributors.
pub async fn parts(
    State(app): State<App>,
    caller: Caller,
    Path(set): Path<String>,
    Query(page): Query<Page>,
) -> Answer<Response> {
    caller.need(&[Scope::Contributor])?;
    objects::find(&app, &caller, KIND, &set).await?;
    objects::list(&app, &caller, Kind::Part, &set, caller.sees(), &page).await
}

/// `GET .../parts/{part}`.
pub async fn part(
    State(app): State<App>,
    caller: Caller,
    Path((set, part)): Path<(String, String)>,
) -> Answer<Response> {
    ok(&own_part(&app, &caller, &set, &part).await?)
}

async fn own_part(app: &App, caller: &Caller, set: &str, part: &str) -> Answer<Object> {
    caller.need(&[Scope::Contributor])?;
    objects::find(app, caller, KIND, set).await?;
    let object = objects::find(app, caller, Kind::Part, part).await?;
    let is_own = caller.is_owner() || object.token == caller.token;
    let is_of_set: Option<String> =
        sqlx::query_scalar("SELECT id FROM objects WHERE id = $1 AND parent = $2")
            .bind(part)
            .bind(set)
            .fetch_optional(app.database.pool())
            .await?;
    match is_own && is_of_set.is_some() {
        true => Ok(object),
        false => Err(Problem::not_found(Kind::Part.name())),
    }
}

/// `DELETE .../parts/{part}`: by the owner, or by whoever sent it.
pub async fn delete_part(
    State(app): State<App>,
    caller: Caller,
    Path((set, part)): Path<(String, String)>,
) -> Answer<Response> {
    own_part(&app, &caller, &set, &part).await?;
    objects::delete(&app, &caller, Kind::Part, &part).await
}

/// `DELETE`: with all parts.
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Response> {
    caller.need(&[Scope::Owner])?;
    objects::delete(&app, &caller, KIND, &id).await
}
