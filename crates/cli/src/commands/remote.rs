//! `tapetum remote`: a server over HTTPS, from its users' side.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tapetum::remote::block_on;
use tapetum::remote::client::{CreateTraining, Scope};
use tapetum::{Progress, Result};

use crate::console::Console;
use crate::demo::remote::{self, RemoteDemo};
use crate::options::Connection;

/// Arguments of `remote`.
#[derive(Debug, Args)]
pub struct Remote {
    #[command(subcommand)]
    pub action: RemoteAction,
}

/// What to do on a server.
#[derive(Debug, Subcommand)]
pub enum RemoteAction {
    /// Play all roles on the embedded images with a server in between.
    Demo(RemoteDemo),
    /// Say whose token this is, and how much is stored.
    Status {
        #[command(flatten)]
        connection: Connection,
    },
    /// List uploads that are not used yet; the owner sees those of all tokens.
    Uploads {
        #[command(flatten)]
        connection: Connection,
    },
    /// Owner: create a token for someone else.
    Token {
        #[command(flatten)]
        connection: Connection,
        /// What it may be used for: owner, contributor, classify; may be repeated.
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        /// Who it is for.
        #[arg(long, default_value = "")]
        name: String,
        /// Seconds after which it expires.
        #[arg(long, value_name = "SECONDS")]
        expires_in: Option<u32>,
    },
    /// Owner: send parameters and keys, and make a data set if they are made for training.
    Prepare {
        #[command(flatten)]
        connection: Connection,
        /// The directory that `keygen` or `net keygen` made for the server.
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
        /// The public key, for contributors to fetch.
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
        /// The name of all of it.
        #[arg(long, default_value = "")]
        name: String,
    },
    /// Contributor or owner: add what `encrypt` wrote to a data set.
    Append {
        #[command(flatten)]
        connection: Connection,
        /// The id of the data set.
        #[arg(long, value_name = "ID")]
        data_set: String,
        /// Encrypted samples with their labels.
        file: PathBuf,
    },
    /// Owner: have a model trained, and wait for it.
    Train {
        #[command(flatten)]
        connection: Connection,
        /// The id of the data set.
        #[arg(long, value_name = "ID")]
        data_set: String,
        /// The id of the key set.
        #[arg(long, value_name = "ID")]
        key_set: String,
        /// Leave out the samples of this contributor, as if they had never been there.
        #[arg(long, value_name = "NAME")]
        without: Vec<String>,
        /// With mini-batches: end after this many iterations.
        #[arg(long, value_name = "N")]
        until: Option<usize>,
    },
    /// Owner: send a model that is not encrypted, to classify with.
    AddModel {
        #[command(flatten)]
        connection: Connection,
        /// The id of the key set.
        #[arg(long, value_name = "ID")]
        key_set: String,
        /// The model, as `simulate --export` and `decrypt` write it.
        file: PathBuf,
    },
    /// Provider: send a network with its plan, for others to have photographs classified with keys of their own.
    AddNetwork {
        #[command(flatten)]
        connection: Connection,
        /// The plan, as `net plan --out` writes it. Everyone with a token may read it.
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
        /// How many classifications each token may ask for in all [default: any number]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        queries_per_token: Option<u32>,
        /// The network, an ONNX file.
        file: PathBuf,
    },
    /// Fetch the plan of a network, to make keys for.
    NetworkPlan {
        #[command(flatten)]
        connection: Connection,
        /// The id of the network.
        #[arg(long, value_name = "ID")]
        network: String,
        /// The plan to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Have encrypted samples classified, wait for it, and fetch the encrypted scores.
    Classify {
        #[command(flatten)]
        connection: Connection,
        /// The id of the model.
        #[arg(long, value_name = "ID", required_unless_present = "network")]
        model: Option<String>,
        /// The id of a network, in place of a model.
        #[arg(
            long,
            value_name = "ID",
            conflicts_with = "model",
            requires = "key_set"
        )]
        network: Option<String>,
        /// The id of the key set, for a network.
        #[arg(long, value_name = "ID", requires = "network")]
        key_set: Option<String>,
        /// Encrypted samples, or an encrypted photograph for a network.
        file: PathBuf,
        /// The encrypted scores to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Delete something, and print the receipt.
    Delete {
        #[command(flatten)]
        connection: Connection,
        /// Its id.
        id: String,
    },
}

/// A scope by its name.
fn scope(name: &str) -> Result<Scope, String> {
    let found = Scope::from_name(name);
    found.ok_or_else(|| "a scope is owner, contributor or classify".to_owned())
}

/// Runs a `remote` command.
pub fn run(args: &Remote, console: &Console) -> Result<()> {
    if let RemoteAction::Demo(args) = &args.action {
        return block_on(remote::run(args, console))?;
    }
    let done = block_on(act(&args.action, &console.steps))??;
    console.print(&done, || format!("{done:#}\n"))
}

/// Carries out what is not the demo.
async fn act(action: &RemoteAction, progress: &dyn Progress) -> Result<Value> {
    match action {
        RemoteAction::Demo(_) => Ok(Value::Null),
        RemoteAction::Status { connection } => Ok(connection.connect()?.client.whoami().await?),
        RemoteAction::Uploads { connection } => {
            let uploads = connection.connect()?.client.uploads().await?;
            Ok(json!({"uploads": uploads}))
        }
        RemoteAction::Token {
            connection,
            scopes,
            name,
            expires_in,
        } => {
            let client = connection.connect()?.client;
            let token = client.create_token(name, scopes, *expires_in).await?;
            Ok(serde_json::to_value(token)?)
        }
        RemoteAction::Prepare {
            connection,
            keys,
            public_key,
            name,
        } => {
            let server = connection.connect()?;
            let public_key = public_key.as_deref();
            let prepared = server.prepare(keys, public_key, name, progress).await?;
            Ok(serde_json::to_value(prepared)?)
        }
        RemoteAction::Append {
            connection,
            data_set,
            file,
        } => {
            let part = connection
                .connect()?
                .append(data_set, file, progress)
                .await?;
            Ok(json!({"part": part.id, "details": part.details}))
        }
        RemoteAction::Train {
            connection,
            data_set,
            key_set,
            without,
            until,
        } => {
            let server = connection.connect()?;
            let training = CreateTraining {
                without: without.clone(),
                until: *until,
                ..CreateTraining::new("", data_set, key_set)
            };
            let job = server.train(&training, progress).await?;
            Ok(json!({"training_job": job.id, "model": job.result}))
        }
        RemoteAction::AddModel {
            connection,
            key_set,
            file,
        } => {
            let server = connection.connect()?;
            let model = server.add_model(key_set, file, progress).await?;
            Ok(json!({"model": model.id}))
        }
        RemoteAction::AddNetwork {
            connection,
            plan,
            queries_per_token,
            file,
        } => {
            let server = connection.connect()?;
            let network = server.add_network(file, plan, *queries_per_token, progress);
            let network = network.await?;
            Ok(json!({"network": network.id, "details": network.details}))
        }
        RemoteAction::NetworkPlan {
            connection,
            network,
            out,
        } => {
            let bytes = connection.connect()?.network_plan(network, out).await?;
            Ok(json!({"network": network, "out": out, "bytes": bytes}))
        }
        RemoteAction::Classify {
            connection,
            model,
            network,
            key_set,
            file,
            out,
        } => {
            let server = connection.connect()?;
            let (job, bytes) = match (network, key_set) {
                (Some(network), Some(key_set)) => {
                    let job = server.classify_by_network(network, key_set, file, out, progress);
                    job.await?
                }
                _ => {
                    let model = model.as_deref().unwrap_or_default();
                    server.classify(model, file, out, progress).await?
                }
            };
            Ok(json!({"classification": job.id, "out": out, "bytes": bytes}))
        }
        RemoteAction::Delete { connection, id } => {
            let receipt = connection.connect()?.delete(id).await?;
            let done = if id.starts_with("upl_") {
                "discarded"
            } else {
                "revoked"
            };
            Ok(receipt.unwrap_or_else(|| json!({done: id})))
        }
    }
}
