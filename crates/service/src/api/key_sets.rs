//! Evaluation keys, with which the server computes, and the public key, with which contributors encrypt.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::json::{Json, Once, check_name};
use super::objects;
use super::parameter_sets::{checked, parameters};
use super::resource::{Download, EVERYONE, Resource};
use super::uploads;
use crate::auth::{Caller, Scope};
use crate::content;
use crate::error::Answer;
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

/// `POST`: keys from uploads.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Json<Create>,
) -> Answer<Response> {
    caller.need(&[Scope::Owner])?;
    let once = Once::new(&headers, &caller, "key-sets", &body.text)?;
    if let Some(answer) = once.replay(app.database.pool()).await? {
        return Ok(answer);
    }
    let request = body.value;
    check_name(&request.name)?;
    let of_keys = parameters(&app, &caller.tenant, &request.parameter_set).await?;
    let mut sources = vec![(request.evaluation_keys, EVALUATION_KEYS)];
    sources.extend(request.public_key.map(|upload| (upload, PUBLIC_KEY)));
    let mut uploaded = Vec::new();
    let mut details = content::KeysDetails::default();
    for (upload, role) in sources {
        let upload = uploads::complete(&app, &caller, &upload).await?;
        let parameters = of_keys.clone();
        if role == EVALUATION_KEYS {
            let check = move |path: &_, _: &_| content::evaluation_keys(path, &parameters);
            details = checked(&app, &upload, check).await?;
        } else {
            let check = move |path: &_, _: &_| content::public_key(path, &parameters);
            checked(&app, &upload, check).await?;
        }
        uploaded.push((upload, role));
    }
    details.parameter_set = request.parameter_set;

    let (mut accepted, mut roles) = (Vec::new(), Vec::new());
    for (upload, role) in uploaded {
        accepted.push(uploads::accept(&app, upload).await?);
        roles.push(role);
    }
    let made = async {
        let id = KIND.new_id()?;
        let mut tx = app.database.begin().await?;
        if let Some(answer) = once.replay(&mut *tx).await? {
            return Ok(answer);
        }
        objects::check_room(&mut tx, &app, &caller.tenant).await?;
        let owner = (caller.tenant.as_str(), caller.token.as_str());
        let object =
            objects::insert(&mut tx, owner, (KIND, &id), &request.name, "", &details).await?;
        for (file, role) in accepted.iter().zip(roles) {
            uploads::adopt(&mut tx, &caller, file, &id, role).await?;
        }
        let location = format!("/v1/key-sets/{id}");
        let answer = once
            .remember(&mut tx, StatusCode::CREATED, &object, &location)
            .await?;
        tx.commit().await?;
        Ok(answer)
    };
    let made = made.await;
    uploads::settle(&app, accepted, made).await
}
