//! A server over HTTPS: what each role does there. Nothing here can name a secret key, and a file that holds one
//! is never sent.

mod networks;
mod rehearsal;
mod session;

use std::future::Future;
use std::path::Path;

use serde::Serialize;
use tapetum_client::{Client, ClientError, CreateTraining, JobKind, JobView, Object};
use tapetum_learn::{Contribution, EncryptedLabels, EncryptedMatrix, Labels};
use tapetum_nets::EncryptedImage;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Context, Error, ErrorKind, Result};
use crate::folders::{
    self, EVALUATION_KEYS, NETWORK_PLAN, Output, files, inspect, model, network_plan,
};
use crate::networks::read_network;
use crate::plan::{Plan, Purpose};
use crate::progress::{Progress, Step};

pub use rehearsal::{Rehearsal, Script};
pub use session::RemoteServer;
pub use tapetum_client as client;

/// Where things of a kind are, by the first letters of their ids.
const COLLECTIONS: [(&str, &str); 8] = [
    ("par_", "parameter-sets"),
    ("key_", "key-sets"),
    ("dat_", "data-sets"),
    ("mod_", "models"),
    ("net_", "networks"),
    ("cls_", "classifications"),
    ("tok_", "tokens"),
    ("upl_", "uploads"),
];

/// What to say of a secret key that was to be sent.
const NEVER_LEAVES: &str = "which never leaves its owner: nothing was sent";

/// What a server is sent: nothing else leaves. A file names what its objects are, so neither features, nor an index with
/// names and labels, nor an answer can be taken for samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sendable {
    /// Evaluation keys.
    EvaluationKeys,
    /// A public key.
    PublicKey,
    /// Encrypted samples to be trained on with their labels, or to be classified.
    Samples,
    /// A model that is not encrypted.
    PlainModel,
    /// A provider's network, which is not encrypted either.
    Network,
    /// The plan of a network.
    NetworkPlan,
    /// An encrypted image for a network.
    NetworkImage,
}

impl Sendable {
    /// The names of objects, as `tapetum inspect` calls them.
    fn objects(self) -> &'static [&'static str] {
        match self {
            Self::EvaluationKeys => &["evaluation keys"],
            Self::PublicKey => &["a public key"],
            Self::Samples => &[
                Contribution::KIND,
                EncryptedMatrix::KIND,
                EncryptedLabels::KIND,
                Labels::CLEAR_KIND,
            ],
            Self::PlainModel => &["a model"],
            Self::Network => &["a network"],
            Self::NetworkPlan => &["a network's plan"],
            Self::NetworkImage => &[EncryptedImage::KIND],
        }
    }

    /// Refuses a file that holds anything else.
    fn check(self, path: &Path) -> Result<()> {
        folders::refuse_secret_key(path, NEVER_LEAVES)?;
        let refused = |what: &str| {
            let expected = self.objects().join(", ");
            Error::role(format!(
                "{} {what}, and a server is sent nothing but {expected} here: nothing was sent",
                path.display()
            ))
        };
        // What is not encrypted is told by reading it.
        let (read, what) = match self {
            Self::PlainModel => (model::read(path).map(drop), "is no model in the clear"),
            Self::Network => (read_network(path).map(drop), "is no network"),
            Self::NetworkPlan => (network_plan::read(path).map(drop), "is no network's plan"),
            _ => (Ok(()), ""),
        };
        match read {
            Ok(()) if what.is_empty() => {}
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Files => return Err(error),
            Err(error) if self == Self::Network => return Err(error),
            Err(_) => return Err(refused(what)),
        }
        let objects = inspect::names(path).map_err(|error| match error.kind() {
            ErrorKind::Files => error,
            _ => refused("is no whole file of these"),
        })?;
        match objects
            .iter()
            .find(|name| !self.objects().contains(&name.as_str()))
        {
            Some(other) => Err(refused(&format!("holds {other}"))),
            None => Ok(()),
        }
    }
}

/// Runs something asynchronous to its end.
///
/// # Errors
/// [`Error`] if the system gives no threads.
pub fn block_on<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = threads()?;
    let found = runtime.block_on(future);
    // What computes is not waited for: it is given back, or no longer needed.
    runtime.shutdown_background();
    Ok(found)
}

/// What runs requests.
fn threads() -> Result<Runtime> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.context("cannot start threads")
}

/// A server over HTTPS, for one token.
pub struct Remote {
    /// The requests themselves.
    pub client: Client,
}

/// What a server was given before the first sample: ids.
#[derive(Clone, Debug, Serialize)]
pub struct Prepared {
    /// The parameters.
    pub parameter_set: String,
    /// The keys.
    pub key_set: String,
    /// The data set, still empty; none for keys that only classify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_set: Option<String>,
}

impl Remote {
    /// Sends parameters and keys, and makes a data set if they are made for training. `keys` is the directory that
    /// `keygen` or `net keygen` made for a server, `public_key` the file of the public key, for contributors to fetch.
    ///
    /// # Errors
    /// [`Error`], as of all that follow: a file cannot be read or is a secret key, the server cannot be reached or
    /// refuses.
    pub async fn prepare(
        &self,
        keys: &Path,
        public_key: Option<&Path>,
        name: &str,
        progress: &dyn Progress,
    ) -> Result<Prepared> {
        if keys.join(NETWORK_PLAN).exists() {
            return self.prepare_network(keys, public_key, name, progress).await;
        }
        let plan = Plan::read(keys)?;
        let advice = "name the directory that `tapetum keygen` made for the server";
        let evaluation_keys = files::existing(keys, EVALUATION_KEYS, advice)?;
        let (evaluation_keys, public_key) = self
            .send_keys(&evaluation_keys, public_key, progress)
            .await?;
        let public_key = public_key.as_deref();
        let mut prepared = (self.settle(&plan, name, &evaluation_keys, public_key)).await?;
        if let Purpose::Training(_) = plan.purpose {
            let spec = plan.training_spec()?;
            let data_set = (self.client).create_data_set(name, &prepared.parameter_set, &spec);
            prepared.data_set = Some(data_set.await?.id);
        }
        Ok(prepared)
    }

    /// Uploads keys that a server computes with, and a public key if there is one.
    async fn send_keys(
        &self,
        evaluation_keys: &Path,
        public_key: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<(String, Option<String>)> {
        // Before anything is sent, not when its turn comes.
        Sendable::EvaluationKeys.check(evaluation_keys)?;
        if let Some(path) = public_key {
            Sendable::PublicKey.check(path)?;
        }
        let kind = Sendable::EvaluationKeys;
        let evaluation_keys = self.send(kind, evaluation_keys, progress).await?;
        let public_key = match public_key {
            Some(path) => Some(self.send(Sendable::PublicKey, path, progress).await?),
            None => None,
        };
        Ok((evaluation_keys, public_key))
    }

    /// Makes a parameter set, and a key set from uploads.
    async fn settle(
        &self,
        plan: &Plan,
        name: &str,
        evaluation_keys: &str,
        public_key: Option<&str>,
    ) -> Result<Prepared> {
        let client = &self.client;
        let upload = client.upload_bytes(plan.parameters()?.to_bytes()).await?;
        let parameter_set = client.create_parameter_set(name, &upload).await?.id;
        let keys = client.create_key_set(name, &parameter_set, evaluation_keys, public_key);
        Ok(Prepared {
            key_set: keys.await?.id,
            parameter_set,
            data_set: None,
        })
    }

    /// Adds a file of encrypted samples with their labels to a data set.
    pub async fn append(
        &self,
        data_set: &str,
        file: &Path,
        progress: &dyn Progress,
    ) -> Result<Object> {
        let upload = self.send(Sendable::Samples, file, progress).await?;
        Ok(self
            .client
            .append(data_set, &name_of(file), &upload)
            .await?)
    }

    /// Has a model trained, and waits for it.
    pub async fn train(
        &self,
        training: &CreateTraining,
        progress: &dyn Progress,
    ) -> Result<JobView> {
        let job = self.client.create_training(training).await?;
        let step = progress.begin("the server trains");
        let trained = self.finish(JobKind::Training, &job.id, &*step).await?;
        step.finish();
        Ok(trained)
    }

    /// Sends a model that is not encrypted, to classify samples of these keys with.
    pub async fn add_model(
        &self,
        key_set: &str,
        file: &Path,
        progress: &dyn Progress,
    ) -> Result<Object> {
        let upload = self.send(Sendable::PlainModel, file, progress).await?;
        let name = name_of(file);
        Ok(self.client.create_model(&name, key_set, &upload).await?)
    }

    /// Has the samples of a file classified, waits for it, and fetches the encrypted scores. Returns the job and
    /// the bytes of the scores.
    pub async fn classify(
        &self,
        model: &str,
        file: &Path,
        out: &Path,
        progress: &dyn Progress,
    ) -> Result<(JobView, u64)> {
        Output::Scores.check(out, &[file])?;
        let upload = self.send(Sendable::Samples, file, progress).await?;
        let job = self.client.classify(&name_of(file), model, &upload).await?;
        self.fetch_scores(&job.id, out, progress).await
    }

    /// Waits for a classification, and fetches the encrypted scores.
    async fn fetch_scores(
        &self,
        job: &str,
        out: &Path,
        progress: &dyn Progress,
    ) -> Result<(JobView, u64)> {
        let step = progress.begin("the server classifies");
        let job = self.finish(JobKind::Classification, job, &*step).await?;
        step.finish();
        let bytes = self.client.scores(&job.id, out).await?;
        Ok((job, bytes))
    }

    /// Deletes what has this id. Returns the receipt; tokens and uploads leave none.
    pub async fn delete(&self, id: &str) -> Result<Option<serde_json::Value>> {
        let found = COLLECTIONS
            .iter()
            .find(|(prefix, _)| id.starts_with(prefix));
        let (_, collection) = found.ok_or_else(|| {
            let prefixes = COLLECTIONS.map(|(prefix, _)| prefix).join(", ");
            Error::role(format!("{id} is not an id: ids begin with {prefixes}"))
        })?;
        match *collection {
            "tokens" => self.client.revoke_token(id).await?,
            "uploads" => self.client.discard_upload(id).await?,
            _ => {
                let receipt = self.client.delete(collection, id).await?;
                return Ok(Some(serde_json::to_value(receipt)?));
            }
        }
        Ok(None)
    }

    /// Uploads a file that holds nothing but this. Returns the id of the upload.
    pub async fn send(
        &self,
        what: Sendable,
        path: &Path,
        progress: &dyn Progress,
    ) -> Result<String> {
        what.check(path)?;
        let step = progress.begin(&format!("sending {}", name_of(path)));
        let mut advance = |done: u64, total: u64| step.advance_bytes(done, total);
        let upload = self.client.upload(path, &mut advance).await?;
        step.finish();
        Ok(upload)
    }

    /// Waits for a job.
    pub async fn finish(&self, kind: JobKind, id: &str, step: &dyn Step) -> Result<JobView> {
        let mut advance = |job: &JobView| {
            step.advance(
                job.progress.done as usize,
                job.progress.total.max(1) as usize,
            );
        };
        Ok(self.client.finish(kind, id, &mut advance).await?)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        let kind = match &error {
            ClientError::Problem(problem) => kind_of_status(problem.status),
            ClientError::Settings(_) => ErrorKind::Input,
            ClientError::Certificate(_) => ErrorKind::Role,
            ClientError::File(_) => ErrorKind::Files,
            ClientError::Job { .. } => ErrorKind::Computation,
            _ => ErrorKind::Unexpected,
        };
        Self::caused(kind, error)
    }
}

/// The kind of error that an HTTP status stands for.
pub fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 | 404 => ErrorKind::Role,
        400..500 => ErrorKind::Input,
        _ => ErrorKind::Unexpected,
    }
}
