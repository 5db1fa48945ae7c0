//! Models: encrypted ones that jobs have trained, and plain ones that owners send.

use axum::extract::State;
use axum::response::Response;
use tapetum_client::{CreateModel, KeysDetails, ModelDetails, Origin, Scope};
use tapetum_learn::Computation;

use super::create::CreateRequest;
use super::objects::{self, Draft};
use super::openapi::Routes;
use super::parameter_sets::{checked, parameters};
use super::resource::{self, OWNER, Resource};
use super::uploads;
use crate::error::Result;
use crate::id::Kind;
use crate::state::App;
use crate::store::content;
use crate::store::rows::role;

/// An encrypted model is opened by the owner's secret key only, so nobody else needs it.
pub const RESOURCE: Resource = Resource::new(Kind::Model, "models", &[Scope::Classify]).with_file(
    "content",
    role::MODEL,
    OWNER,
);

/// The addresses of models.
pub fn routes() -> Routes {
    let created = objects::creation::<CreateModel>(Kind::Model, "A model that is not encrypted");
    resource::routes(&RESOURCE).post("/v1/models", create, created)
}

/// `POST`: a plain model from an upload.
pub async fn create(
    State(app): State<App>,
    CreateRequest { caller, key, body }: CreateRequest<CreateModel>,
) -> Result<Response> {
    let keys: KeysDetails =
        objects::details(&app, &caller.tenant, Kind::KeySet, &body.key_set).await?;
    let parameters = parameters(&app, &caller.tenant, &keys.parameter_set).await?;
    let upload = uploads::complete(&app, &caller, &body.upload).await?;
    let check = move |path: &_, app: &App| {
        let (_, plain) = content::plain_model(path, app.caps())?;
        plain.check(&parameters)?;
        Ok(plain)
    };
    let plain = checked(&app, &caller, &upload, check).await?;
    let draft = Draft {
        kind: Kind::Model,
        name: body.name,
        parent: None,
        details: ModelDetails {
            key_set: body.key_set,
            parameter_set: keys.parameter_set,
            origin: Origin::Plain { plain },
        },
        files: vec![(upload, role::MODEL)],
    };
    objects::make(&app, &caller, &key, draft).await
}
