//! Parameters, which everything else belongs to.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use tapetum_ckks::Parameters;

use super::json::{Json, Once, check_name};
use super::objects;
use super::resource::{Download, EVERYONE, Resource};
use super::uploads;
use crate::auth::{Caller, Scope};
use crate::content::{self, ParametersDetails};
use crate::error::{Answer, Problem};
use crate::id::Kind;
use crate::state::{App, run_blocking};

const KIND: Kind = Kind::ParameterSet;
const ROLE: &str = "content";

/// Parameters are public.
pub const RESOURCE: Resource = Resource {
    kind: KIND,
    path: "parameter-sets",
    readers: EVERYONE,
    file: Some(Download {
        path: "content",
        role: ROLE,
        readers: EVERYONE,
    }),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    #[serde(default)]
    name: String,
    upload: String,
}

/// `POST`: parameters from an upload.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Json<Create>,
) -> Answer<Response> {
    caller.need(&[Scope::Owner])?;
    let once = Once::new(&headers, &caller, "parameter-sets", &body.text)?;
    if let Some(answer) = once.replay(app.database.pool()).await? {
        return Ok(answer);
    }
    let Create { name, upload } = body.value;
    check_name(&name)?;
    let upload = uploads::complete(&app, &caller, &upload).await?;
    let parameters = checked(&app, &upload, |path, app| {
        content::parameters(path, app.caps())
    })
    .await?;

    let accepted = vec![uploads::accept(&app, upload).await?];
    let made = async {
        let id = KIND.new_id()?;
        let mut tx = app.database.begin().await?;
        if let Some(answer) = once.replay(&mut *tx).await? {
            return Ok(answer);
        }
        let details = ParametersDetails::of(&parameters);
        objects::check_room(&mut tx, &app, &caller.tenant).await?;
        let owner = (caller.tenant.as_str(), caller.token.as_str());
        let object = objects::insert(&mut tx, owner, (KIND, &id), &name, "", &details).await?;
        uploads::adopt(&mut tx, &caller, &accepted[0], &id, ROLE).await?;
        let location = format!("/v1/parameter-sets/{id}");
        let answer = once
            .remember(&mut tx, StatusCode::CREATED, &object, &location)
            .await?;
        tx.commit().await?;
        Ok(answer)
    };
    let made = made.await;
    uploads::settle(&app, accepted, made).await
}

/// Looks into an upload, beside no more than a few others.
pub async fn checked<T: Send + 'static>(
    app: &App,
    upload: &uploads::Complete,
    check: impl FnOnce(&std::path::Path, &App) -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let permit = app.checks.acquire().await;
    let _permit = permit.map_err(|e| Problem::internal("the queue of checks", e))?;
    let (path, shared) = (upload.path.clone(), app.clone());
    let found = run_blocking(move || check(&path, &shared)).await?;
    if matches!(&found, Err(problem) if *problem == Problem::secret_key()) {
        uploads::discard(app, &upload.id).await?;
    }
    found
}

/// The parameters of a set.
pub async fn parameters(app: &App, tenant: &str, id: &str) -> Answer<Parameters> {
    let object = objects::find_of(app, tenant, KIND, id).await?;
    let details: ParametersDetails = object.details()?;
    let (app, id) = (app.clone(), id.to_owned());
    let make = move || {
        Parameters::new(details.literal)
            .map_err(|e| Problem::internal("parameters that were accepted", e))
    };
    run_blocking(move || app.parameters(&id, make)).await?
}
