//! Data sets: encrypted samples with labels, to which contributors add parts.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use tapetum_client::{CreateDataSet, CreatePart, DataSetDetails, Object, Receipt, Scope};

use super::create::CreateRequest;
use super::json::{Path, Query, ok};
use super::objects::{self, Draft, Page};
use super::openapi::{Op, Routes};
use super::parameter_sets::{checked, parameters};
use super::resource::{self, Resource};
use super::uploads;
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;
use crate::store::content;
use crate::store::rows::role;

const KIND: Kind = Kind::DataSet;
/// Most parts of a data set.
const MAX_PARTS: i64 = 4096;

/// Data sets are for those who add to them. One is deleted with all its parts.
pub const RESOURCE: Resource = Resource::new(KIND, "data-sets", &[Scope::Contributor]);

/// The addresses of data sets and their parts.
pub fn routes() -> Routes {
    let (parts_of, one) = (
        "/v1/data-sets/{id}/parts",
        "/v1/data-sets/{id}/parts/{part}",
    );
    let op = |verb, summary| Op::of(Kind::Part, verb, summary).id("id", KIND);
    let of_one = |verb, summary| op(verb, summary).id("part", Kind::Part).problems(&[403]);
    let listed = op("list", "Parts; for contributors, their own").scopes(RESOURCE.readers);
    let appended = objects::creation::<CreatePart>(Kind::Part, "More samples").id("id", KIND);
    let found = of_one("read", "One part").answers::<Object>(StatusCode::OK, &[]);
    let deleted = of_one("delete", "Delete a part").answers::<Receipt>(StatusCode::OK, &[]);
    resource::routes(&RESOURCE)
        .post(
            "/v1/data-sets",
            create,
            objects::creation::<CreateDataSet>(KIND, "A new data set"),
        )
        .get(parts_of, parts, listed.pages().lists::<Object>())
        .post(parts_of, append, appended)
        .get(one, part, found)
        .delete(one, delete_part, deleted.problems(&[409]))
}

/// `POST`: an empty data set.
pub async fn create(
    State(app): State<App>,
    CreateRequest { caller, key, body }: CreateRequest<CreateDataSet>,
) -> Result<Response> {
    let parameters = parameters(&app, &caller.tenant, &body.parameter_set).await?;
    body.recipe.check(&parameters)?;
    let draft = Draft {
        kind: KIND,
        name: body.name,
        parent: None,
        details: DataSetDetails {
            parameter_set: body.parameter_set,
            recipe: body.recipe,
        },
        files: Vec::new(),
    };
    objects::make(&app, &caller, &key, draft).await
}

/// `POST .../parts`: more samples.
pub async fn append(
    State(app): State<App>,
    Path(set): Path<String>,
    CreateRequest { caller, key, body }: CreateRequest<CreatePart>,
) -> Result<Response> {
    let details: DataSetDetails = objects::details(&app, &caller.tenant, KIND, &set).await?;
    let upload = uploads::complete(&app, &caller, &body.upload).await?;
    let parameters = parameters(&app, &caller.tenant, &details.parameter_set).await?;
    let check =
        move |path: &_, app: &App| content::part(path, &parameters, &details.recipe, app.caps());
    let draft = Draft {
        kind: Kind::Part,
        name: body.name,
        parent: Some((set, MAX_PARTS)),
        details: checked(&app, &caller, &upload, check).await?,
        files: vec![(upload, role::SAMPLES)],
    };
    objects::make(&app, &caller, &key, draft).await
}

/// `GET .../parts`: all for the owner, their own for contributors.
pub async fn parts(
    State(app): State<App>,
    caller: Caller,
    Path(set): Path<String>,
    Query(page): Query<Page>,
) -> Result<Response> {
    caller.need(&[Scope::Contributor])?;
    objects::find(&app, &caller, KIND, &set).await?;
    objects::list(&app, &caller, Kind::Part, &set, caller.sees(), &page).await
}

/// `GET .../parts/{part}`.
pub async fn part(
    State(app): State<App>,
    caller: Caller,
    Path((set, part)): Path<(String, String)>,
) -> Result<Response> {
    ok(&own_part(&app, &caller, &set, &part).await?)
}

async fn own_part(app: &App, caller: &Caller, set: &str, part: &str) -> Result<Object> {
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
    if is_own && is_of_set.is_some() {
        Ok(object)
    } else {
        Err(Error::not_found(Kind::Part.name()))
    }
}

/// `DELETE .../parts/{part}`: by the owner, or by the contributor who sent it.
pub async fn delete_part(
    State(app): State<App>,
    caller: Caller,
    Path((set, part)): Path<(String, String)>,
) -> Result<Response> {
    own_part(&app, &caller, &set, &part).await?;
    objects::delete(&app, &caller, Kind::Part, &part).await
}
