//! What each role does on a server.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use tapetum_client::{Client, JobKind, JobView};

use super::args::RemoteAction;
use super::connect;
use crate::failure::Failure;
use crate::files;
use crate::plan::Plan;
use crate::progress::{Step, Steps};
use crate::roles::{EVALUATION_KEYS, is_secret_key};

/// Where things of a kind are, by the first letters of their ids.
const COLLECTIONS: [(&str, &str); 6] = [
    ("par_", "parameter-sets"),
    ("key_", "key-sets"),
    ("dat_", "data-sets"),
    ("mod_", "models"),
    ("cls_", "classifications"),
    ("tok_", "tokens"),
];

/// Carries out what is not the demo.
pub async fn run(action: &RemoteAction, steps: Steps) -> Result<Value> {
    match action {
        RemoteAction::Demo(_) => anyhow::bail!("the demo is a command of its own"),
        RemoteAction::Status { connection } => Ok(connect(connection)?.whoami().await?),
        RemoteAction::Token {
            connection,
            scopes,
            name,
            expires_in,
        } => {
            let client = connect(connection)?;
            Ok(serde_json::to_value(
                client.create_token(name, scopes, *expires_in).await?,
            )?)
        }
        RemoteAction::Prepare {
            connection,
            keys,
            public_key,
            name,
        } => {
            let client = connect(connection)?;
            prepare(&client, keys, public_key.as_deref(), name, steps).await
        }
        RemoteAction::Append {
            connection,
            data_set,
            file,
        } => {
            refuse_secret_key(file)?;
            let client = connect(connection)?;
            let upload = send(&client, file, steps, &mut 0).await?;
            let part = client.append(data_set, &name_of(file), &upload).await?;
            Ok(json!({"part": part.id, "details": part.details}))
        }
        RemoteAction::Train {
            connection,
            data_set,
            key_set,
        } => {
            let client = connect(connection)?;
            let job = client.train("", data_set, key_set).await?;
            let step = steps.begin("the server trains");
            let trained = finish(&client, JobKind::Training, &job.id, &step).await?;
            step.finish();
            Ok(json!({"training_job": job.id, "model": trained.result}))
        }
        RemoteAction::Classify {
            connection,
            model,
            file,
            out,
        } => {
            refuse_secret_key(file)?;
            files::check_target(out)?;
            let client = connect(connection)?;
            let upload = send(&client, file, steps, &mut 0).await?;
            let job = client.classify(&name_of(file), model, &upload).await?;
            let step = steps.begin("the server classifies");
            finish(&client, JobKind::Classification, &job.id, &step).await?;
            step.finish();
            let bytes = client.scores(&job.id, out).await?;
            Ok(json!({"classification": job.id, "out": out, "bytes": bytes}))
        }
        RemoteAction::Delete { connection, id } => {
            let client = connect(connection)?;
            let found = COLLECTIONS
                .iter()
                .find(|(prefix, _)| id.starts_with(prefix));
            let (_, collection) =
                found.ok_or_else(|| Failure::Role(format!("{id} is not an id of this server")))?;
            if *collection == "tokens" {
                client.revoke_token(id).await?;
                return Ok(json!({"revoked": id}));
            }
            Ok(serde_json::to_value(client.delete(collection, id).await?)?)
        }
    }
}

/// A file that is to leave this machine must not be the one that never may.
fn refuse_secret_key(path: &Path) -> Result<()> {
    match is_secret_key(path)? {
        false => Ok(()),
        true => Err(Failure::Role(format!(
            "{} holds a secret key, which never leaves its owner: nothing was sent",
            path.display()
        ))
        .into()),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

async fn prepare(
    client: &Client,
    keys: &Path,
    public_key: Option<&Path>,
    name: &str,
    steps: Steps,
) -> Result<Value> {
    let plan = Plan::read(keys)?;
    let advice = "name the directory that `tapetum keygen` made for the server";
    let evaluation_keys = files::existing(keys, EVALUATION_KEYS, advice)?;
    for path in [Some(evaluation_keys.as_path()), public_key]
        .into_iter()
        .flatten()
    {
        refuse_secret_key(path)?;
    }
    let upload = client.upload_bytes(plan.parameters()?.to_bytes()).await?;
    let parameter_set = client.create_parameter_set(name, &upload).await?.id;
    let evaluation_keys = send(client, &evaluation_keys, steps, &mut 0).await?;
    let public_key = match public_key {
        Some(path) => Some(send(client, path, steps, &mut 0).await?),
        None => None,
    };
    let keys = client.create_key_set(
        name,
        &parameter_set,
        &evaluation_keys,
        public_key.as_deref(),
    );
    let key_set = keys.await?.id;
    let data_set = client
        .create_data_set(name, &parameter_set, &plan.training_spec()?)
        .await?
        .id;
    Ok(json!({"parameter_set": parameter_set, "key_set": key_set, "data_set": data_set}))
}

/// Uploads a file. Returns the id of the upload.
pub async fn send(client: &Client, path: &Path, steps: Steps, sent: &mut u64) -> Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let step = steps.begin(&format!("sending {name}"));
    let mut advance = |done: u64, total: u64| step.advance_bytes(done, total);
    let upload = client.upload(path, &mut advance).await?;
    *sent += files::size(path)?;
    step.finish();
    Ok(upload)
}

/// Waits for a job.
pub async fn finish(client: &Client, kind: JobKind, id: &str, step: &Step) -> Result<JobView> {
    let mut advance = |job: &JobView| {
        step.advance(
            job.progress.done as usize,
            job.progress.total.max(1) as usize,
        );
    };
    Ok(client.finish(kind, id, &mut advance).await?)
}
