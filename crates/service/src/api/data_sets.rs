//! Data sets: encrypted samples with labels, to which contributors add parts.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tapetum_learn::Recipe;

use super::json::{Json, Once, Path, Query, check_name, ok};
use super::objects::{self, Object, Page};
use super::parameter_sets::{checked, parameters};
use super::resource::Resource;
use super::uploads;
use crate::auth::{Caller, Scope};
use crate::content;
use crate::error::{Answer, Problem};
use crate::id::Kind;
use crate::state::App;

const KIND: Kind = Kind::DataSet;
/// The role of a part's file.
pub const ROLE: &str = "samples";
/// Most parts of a data set.
const MAX_PARTS: i64 = 4096;

/// Data sets are for those who add to them. One is deleted with all its parts.
pub const RESOURCE: Resource = Resource {
    kind: KIND,
    path: "data-sets",
    readers: &[Scope::Contributor],
    file: None,
};

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
    objects::check_room(&mut tx, &app, &caller.tenant).await?;
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

    let accepted = vec![uploads::accept(&app, upload).await?];
    let made = async {
        let id = Kind::Part.new_id()?;
        let mut tx = app.database.begin().await?;
        if let Some(answer) = once.replay(&mut *tx).await? {
            return Ok(answer);
        }
        still_there(&mut tx, &caller, &set).await?;
        check_parts(&mut tx, &set).await?;
        objects::check_room(&mut tx, &app, &caller.tenant).await?;
        let owner = (caller.tenant.as_str(), caller.token.as_str());
        let object =
            objects::insert(&mut tx, owner, (Kind::Part, &id), &name, &set, &details).await?;
        uploads::adopt(&mut tx, &caller, &accepted[0], &id, ROLE).await?;
        let location = format!("/v1/data-sets/{set}/parts/{id}");
        let answer = once
            .remember(&mut tx, StatusCode::CREATED, &object, &location)
            .await?;
        tx.commit().await?;
        Ok(answer)
    };
    let made = made.await;
    uploads::settle(&app, accepted, made).await
}

/// A training names all parts, so that there must not be any number of them.
async fn check_parts(tx: &mut crate::db::Tx, set: &str) -> Answer<()> {
    let parts: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM objects WHERE parent = $1")
        .bind(set)
        .fetch_one(&mut **tx)
        .await?;
    match parts < MAX_PARTS {
        true => Ok(()),
        false => Err(Problem::conflict(format!(
            "a data set has at most {MAX_PARTS} parts: send larger ones"
        ))),
    }
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
