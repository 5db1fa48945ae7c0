//! Parameters, which everything else belongs to.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tapetum_ckks::Parameters;
use tapetum_client::Scope;

use super::making::{Making, Wanted};
use super::objects::{self, Draft};
use super::resource::{Download, EVERYONE, OWNER, Resource};
use super::uploads;
use crate::content::{self, ParametersDetails};
use crate::error::{Error, Result};
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

impl Wanted for Create {
    const MAKERS: &'static [Scope] = OWNER;

    fn name(&self) -> &str {
        &self.name
    }
}

/// `POST`: parameters from an upload.
pub async fn create(State(app): State<App>, making: Making<Create>) -> Result<Response> {
    let Making {
        caller,
        once,
        wanted,
    } = making;
    let upload = uploads::complete(&app, &caller, &wanted.upload).await?;
    let parameters = checked(&app, &upload, |path, app| {
        content::parameters(path, app.caps())
    });
    let draft = Draft {
        kind: KIND,
        name: wanted.name,
        parent: None,
        details: ParametersDetails::of(&parameters.await?),
        files: vec![(upload, ROLE)],
    };
    objects::make(&app, &caller, &once, draft).await
}

/// Looks into an upload, beside no more than a few others.
pub async fn checked<T: Send + 'static>(
    app: &App,
    upload: &uploads::Complete,
    check: impl FnOnce(&std::path::Path, &App) -> Result<T> + Send + 'static,
) -> Result<T> {
    let permit = app.checks.acquire().await;
    let _permit = permit.map_err(|e| Error::internal("the queue of checks", e))?;
    let (path, shared) = (upload.path.clone(), app.clone());
    let found = run_blocking(move || check(&path, &shared)).await?;
    if matches!(&found, Err(problem) if *problem == Error::secret_key()) {
        uploads::discard(app, &upload.id).await?;
    }
    found
}

/// The parameters of a set.
pub async fn parameters(app: &App, tenant: &str, id: &str) -> Result<Parameters> {
    let object = objects::find_of(app, tenant, KIND, id).await?;
    let details: ParametersDetails = objects::details(object)?;
    let (app, id) = (app.clone(), id.to_owned());
    let make = move || {
        Parameters::new(details.literal)
            .map_err(|e| Error::internal("parameters that were accepted", e))
    };
    run_blocking(move || app.parameters(&id, make)).await?
}
