//! Data sets: encrypted samples with labels, to which contributors add parts.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tapetum_client::{DataSetDetails, Object, Scope};
use tapetum_learn::TrainingSpec;

use super::json::{Path, Query, ok};
use super::making::{Making, Wanted};
use super::objects::{self, Draft, Page};
use super::parameter_sets::{checked, parameters};
use super::resource::{OWNER, Resource};
use super::uploads;
use crate::auth::Caller;
use crate::content;
use crate::error::{Error, Result};
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
    recipe: TrainingSpec,
}

impl Wanted for Create {
    const MAKERS: &'static [Scope] = OWNER;

    fn name(&self) -> &str {
        &self.name
    }
}

/// `POST`: an empty data set.
pub async fn create(State(app): State<App>, making: Making<Create>) -> Result<Response> {
    let Making {
        caller,
        once,
        wanted,
    } = making;
    let parameters = parameters(&app, &caller.tenant, &wanted.parameter_set).await?;
    wanted.recipe.check(&parameters)?;
    let draft = Draft {
        kind: KIND,
        name: wanted.name,
        parent: None,
        details: DataSetDetails {
            parameter_set: wanted.parameter_set,
            recipe: wanted.recipe,
        },
        files: Vec::new(),
    };
    objects::make(&app, &caller, &once, draft).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Append {
    #[serde(default)]
    name: String,
    upload: String,
}

impl Wanted for Append {
    const MAKERS: &'static [Scope] = RESOURCE.readers;

    fn name(&self) -> &str {
        &self.name
    }
}

/// `POST .../parts`: more samples.
pub async fn append(
    State(app): State<App>,
    Path(set): Path<String>,
    making: Making<Append>,
) -> Result<Response> {
    let Making {
        caller,
        once,
        wanted,
    } = making;
    let found = objects::find(&app, &caller, KIND, &set).await?;
    let details: DataSetDetails = objects::details(found)?;
    let upload = uploads::complete(&app, &caller, &wanted.upload).await?;
    let parameters = parameters(&app, &caller.tenant, &details.parameter_set).await?;
    let check =
        move |path: &_, app: &App| content::part(path, &parameters, &details.recipe, app.caps());
    let draft = Draft {
        kind: Kind::Part,
        name: wanted.name,
        parent: Some((set, MAX_PARTS)),
        details: checked(&app, &upload, check).await?,
        files: vec![(upload, ROLE)],
    };
    objects::make(&app, &caller, &once, draft).await
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
    match is_own && is_of_set.is_some() {
        true => Ok(object),
        false => Err(Error::not_found(Kind::Part.name())),
    }
}

/// `DELETE .../parts/{part}`: by the owner, or by whoever sent it.
pub async fn delete_part(
    State(app): State<App>,
    caller: Caller,
    Path((set, part)): Path<(String, String)>,
) -> Result<Response> {
    own_part(&app, &caller, &set, &part).await?;
    objects::delete(&app, &caller, Kind::Part, &part).await
}
