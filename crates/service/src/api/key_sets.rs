//! Evaluation keys, with which the server computes, and the public key, with which contributors encrypt.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tapetum_client::Scope;

use super::making::{Making, Wanted};
use super::objects::{self, Draft};
use super::parameter_sets::{checked, parameters};
use super::resource::{Download, EVERYONE, OWNER, Resource};
use super::uploads;
use crate::content;
use crate::error::Result;
use crate::id::Kind;
use crate::state::App;

const KIND: Kind = Kind::KeySet;
/// The role of the evaluation keys.
pub const EVALUATION_KEYS: &str = "evaluation-keys";
const PUBLIC_KEY: &str = "public-key";

/// The public key is for whoever encrypts.
pub const RESOURCE: Resource = Resource {
    kind: KIND,
    path: "key-sets",
    readers: EVERYONE,
    file: Some(Download {
        path: PUBLIC_KEY,
        role: PUBLIC_KEY,
        readers: EVERYONE,
    }),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    #[serde(default)]
    name: String,
    parameter_set: String,
    evaluation_keys: String,
    public_key: Option<String>,
}

impl Wanted for Create {
    const MAKERS: &'static [Scope] = OWNER;

    fn name(&self) -> &str {
        &self.name
    }
}

/// `POST`: keys from uploads.
pub async fn create(State(app): State<App>, making: Making<Create>) -> Result<Response> {
    let Making {
        caller,
        once,
        wanted,
    } = making;
    let parameters = parameters(&app, &caller.tenant, &wanted.parameter_set).await?;
    let keys = uploads::complete(&app, &caller, &wanted.evaluation_keys).await?;
    let of_keys = parameters.clone();
    let check = move |path: &_, _: &_| content::evaluation_keys(path, &of_keys);
    let mut details = checked(&app, &keys, check).await?;
    details.parameter_set = wanted.parameter_set;
    let mut files = vec![(keys, EVALUATION_KEYS)];
    if let Some(upload) = wanted.public_key {
        let key = uploads::complete(&app, &caller, &upload).await?;
        let check = move |path: &_, _: &_| content::public_key(path, &parameters);
        checked(&app, &key, check).await?;
        files.push((key, PUBLIC_KEY));
    }
    let draft = Draft {
        kind: KIND,
        name: wanted.name,
        parent: None,
        details,
        files,
    };
    objects::make(&app, &caller, &once, draft).await
}
