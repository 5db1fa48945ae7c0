//! Parameters, which everything else belongs to.

use axum::extract::State;
use axum::response::Response;
use tapetum_ckks::Parameters;
use tapetum_client::CreateParameterSet;

use super::create::CreateRequest;
use super::objects::{self, Draft};
use super::openapi::Routes;
use super::resource::{self, EVERYONE, Resource};
use super::uploads;
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::state::App;
use crate::store::blocking::run_blocking;
use crate::store::content::{self, ParametersDetails};
use crate::store::rows::role;

const KIND: Kind = Kind::ParameterSet;

/// Parameters are public.
pub const RESOURCE: Resource =
    Resource::new(KIND, "parameter-sets", EVERYONE).with_file("content", role::CONTENT, EVERYONE);

/// The addresses of parameter sets.
pub fn routes() -> Routes {
    let created = objects::creation::<CreateParameterSet>(KIND, "A new parameter set");
    resource::routes(&RESOURCE).post("/v1/parameter-sets", create, created)
}

/// `POST`: parameters from an upload.
pub async fn create(
    State(app): State<App>,
    CreateRequest { caller, key, body }: CreateRequest<CreateParameterSet>,
) -> Result<Response> {
    let upload = uploads::complete(&app, &caller, &body.upload).await?;
    let parameters = checked(&app, &caller, &upload, |path, app| {
        content::parameters(path, app.caps())
    });
    let draft = Draft {
        kind: KIND,
        name: body.name,
        parent: None,
        details: ParametersDetails::of(&parameters.await?),
        files: vec![(upload, role::CONTENT)],
    };
    objects::make(&app, &caller, &key, draft).await
}

/// Looks into an upload, beside no more than a few others. One that is refused is gone, so that nobody has the same bytes
/// read again and again.
pub async fn checked<T: Send + 'static>(
    app: &App,
    caller: &Caller,
    upload: &uploads::Complete,
    check: impl FnOnce(&std::path::Path, &App) -> Result<T> + Send + 'static,
) -> Result<T> {
    let _turn = app.memory.checks.turn(&caller.tenant).await?;
    let (path, shared) = (upload.path.clone(), app.clone());
    let found = app.computing.run(move || check(&path, &shared)).await?;
    match found {
        Err(problem) if problem.status() < 500 => {
            uploads::discard(app, &upload.id).await?;
            Err(problem.and("the upload was removed"))
        }
        found => found,
    }
}

/// The parameters of a set.
pub async fn parameters(app: &App, tenant: &str, id: &str) -> Result<Parameters> {
    let details: ParametersDetails = objects::details(app, tenant, KIND, id).await?;
    let (app, id) = (app.clone(), id.to_owned());
    let make = move || {
        Parameters::new(details.literal)
            .map_err(|e| Error::internal("parameters that were accepted", e))
    };
    run_blocking(move || app.parameters(&id, make)).await?
}
