//! Evaluation keys, with which the server computes, and the public key, with which contributors encrypt.

use axum::extract::State;
use axum::response::Response;
use tapetum_client::CreateKeySet;

use super::create::{CreateBody, CreateRequest};
use super::objects::{self, Draft};
use super::openapi::Routes;
use super::parameter_sets::{checked, parameters};
use super::resource::{self, EVERYONE, Resource};
use super::uploads;
use crate::error::Result;
use crate::id::Kind;
use crate::state::App;
use crate::store::content;
use crate::store::rows::role;

const KIND: Kind = Kind::KeySet;

/// The public key is for everyone who encrypts. Who has a network classify under keys of their own brings these.
pub const RESOURCE: Resource = Resource::new(KIND, "key-sets", EVERYONE)
    .deleted_by(CreateKeySet::CREATORS)
    .with_file("public-key", role::PUBLIC_KEY, EVERYONE);

/// The addresses of key sets.
pub fn routes() -> Routes {
    let created = objects::creation::<CreateKeySet>(KIND, "A new key set");
    resource::routes(&RESOURCE).post("/v1/key-sets", create, created)
}

/// `POST`: keys from uploads.
pub async fn create(
    State(app): State<App>,
    CreateRequest { caller, key, body }: CreateRequest<CreateKeySet>,
) -> Result<Response> {
    let parameters = parameters(&app, &caller.tenant, &body.parameter_set).await?;
    let keys = uploads::complete(&app, &caller, &body.evaluation_keys).await?;
    let of_keys = parameters.clone();
    let check = move |path: &_, _: &_| content::evaluation_keys(path, &of_keys);
    let mut details = checked(&app, &caller, &keys, check).await?;
    details.parameter_set = body.parameter_set;
    let mut files = vec![(keys, role::EVALUATION_KEYS)];
    if let Some(upload) = body.public_key {
        let public = uploads::complete(&app, &caller, &upload).await?;
        let check = move |path: &_, _: &_| content::public_key(path, &parameters);
        checked(&app, &caller, &public, check).await?;
        files.push((public, role::PUBLIC_KEY));
    }
    let draft = Draft {
        kind: KIND,
        name: body.name,
        parent: None,
        details,
        files,
    };
    objects::make(&app, &caller, &key, draft).await
}
