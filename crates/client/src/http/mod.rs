//! The client of a server.
//!
//! Uploads resume where they were interrupted, requests that create something carry an idempotency key so that they
//! can be repeated, and the certificate of the server is pinned or checked against authorities that the caller names.

mod address;
mod connection;
mod error;
mod events;
mod retry;
mod trust;
mod upload;

use std::path::Path;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tapetum_learn::TrainingSpec;

use crate::documents::{
    CreateNetwork, CreateTraining, JobView, List, NewToken, Object, Receipt, Scope, State,
    UploadView,
};

pub use address::Address;
use connection::Connection;
pub use error::{ClientError, Result};
pub use events::Events;
#[cfg(feature = "fuzzing")]
pub use events::events;
pub use trust::Trust;

/// Which kind of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// A training.
    Training,
    /// A classification.
    Classification,
}

impl JobKind {
    fn path(self) -> &'static str {
        match self {
            Self::Training => "training-jobs",
            Self::Classification => "classifications",
        }
    }
}

/// A client with one token.
pub struct Client {
    connection: Connection,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("address", self.connection.address())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client for `https://HOST:PORT`, which connects when it sends its first request.
    ///
    /// # Errors
    /// [`ClientError::Settings`] if the address, trust or token is malformed.
    pub fn new(url: &str, trust: &Trust, token: &str) -> Result<Self> {
        Ok(Self {
            connection: Connection::new(url.parse()?, trust, token)?,
        })
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`ClientError`], as all that follow.
    pub async fn whoami(&self) -> Result<Value> {
        self.connection.get("/v1/whoami").await
    }

    /// A new token with these scopes, which expires after `expires_in` seconds if that is given.
    pub async fn create_token(
        &self,
        name: &str,
        scopes: &[Scope],
        expires_in: Option<u32>,
    ) -> Result<NewToken> {
        let body = json!({"name": name, "scopes": scopes, "expires_in": expires_in});
        self.connection.post("/v1/tokens", &body, None).await
    }

    /// Revokes a token by its id.
    pub async fn revoke_token(&self, id: &str) -> Result<()> {
        self.connection.delete(&format!("/v1/tokens/{id}")).await
    }

    /// Uploads a file, in steps that are repeated if they fail. `progress` gets the bytes that have been sent and
    /// the size. Returns the id of the upload, to be used once.
    pub async fn upload(
        &self,
        path: &Path,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<String> {
        upload::file(&self.connection, path, progress).await
    }

    /// Uploads bytes.
    pub async fn upload_bytes(&self, bytes: impl Into<Bytes>) -> Result<String> {
        self.upload_bytes_with(bytes, &mut |_, _| ()).await
    }

    /// The same, with progress as of [`upload`](Self::upload).
    pub async fn upload_bytes_with(
        &self,
        bytes: impl Into<Bytes>,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<String> {
        upload::bytes(&self.connection, bytes.into(), progress).await
    }

    /// Uploads that are not used yet, the oldest 100: of all tokens for the owner, of this one otherwise.
    pub async fn uploads(&self) -> Result<Vec<UploadView>, ClientError> {
        self.list("uploads", None).await
    }

    /// Discards an upload. The owner may discard those of all tokens.
    pub async fn discard_upload(&self, id: &str) -> Result<(), ClientError> {
        upload::discard(&self.connection, id).await
    }

    /// Parameters from an upload.
    pub async fn create_parameter_set(&self, name: &str, upload: &str) -> Result<Object> {
        let body = json!({"name": name, "upload": upload});
        self.connection.create("/v1/parameter-sets", &body).await
    }

    /// Keys from uploads.
    pub async fn create_key_set(
        &self,
        name: &str,
        parameter_set: &str,
        evaluation_keys: &str,
        public_key: Option<&str>,
    ) -> Result<Object> {
        let body = json!({
            "name": name, "parameter_set": parameter_set, "evaluation_keys": evaluation_keys,
            "public_key": public_key,
        });
        self.connection.create("/v1/key-sets", &body).await
    }

    /// An empty data set.
    pub async fn create_data_set(
        &self,
        name: &str,
        parameter_set: &str,
        recipe: &TrainingSpec,
    ) -> Result<Object> {
        let body = json!({"name": name, "parameter_set": parameter_set, "recipe": recipe});
        self.connection.create("/v1/data-sets", &body).await
    }

    /// Adds an upload to a data set.
    pub async fn append(&self, data_set: &str, name: &str, upload: &str) -> Result<Object> {
        let path = format!("/v1/data-sets/{data_set}/parts");
        let body = json!({"name": name, "upload": upload});
        self.connection.create(&path, &body).await
    }

    /// Trains on all parts that a data set has now.
    pub async fn train(&self, name: &str, data_set: &str, key_set: &str) -> Result<JobView> {
        let request = CreateTraining::new(name, data_set, key_set);
        self.create_training(&request).await
    }

    /// Trains, with all that can be said of it.
    pub async fn create_training(&self, request: &CreateTraining) -> Result<JobView> {
        self.connection
            .create("/v1/training-jobs", &json!(request))
            .await
    }

    /// A model that is not encrypted, from an upload, for samples of these keys.
    pub async fn create_model(&self, name: &str, key_set: &str, upload: &str) -> Result<Object> {
        let body = json!({"name": name, "key_set": key_set, "upload": upload});
        self.connection.create("/v1/models", &body).await
    }

    /// A network and its plan from uploads. Each token may ask for so many classifications.
    pub async fn create_network(&self, request: &CreateNetwork) -> Result<Object> {
        let body = json!(request);
        self.connection.create("/v1/networks", &body).await
    }

    /// Downloads the plan of a network.
    pub async fn network_plan(&self, network: &str, to: &Path) -> Result<u64> {
        self.connection
            .download(&format!("/v1/networks/{network}/plan"), to)
            .await
    }

    /// Classifies the image of an upload by a network, under these keys.
    pub async fn classify_by_network(
        &self,
        name: &str,
        network: &str,
        key_set: &str,
        upload: &str,
    ) -> Result<JobView> {
        let body = json!({"name": name, "model": network, "key_set": key_set, "upload": upload});
        self.connection.create("/v1/classifications", &body).await
    }

    /// Classifies the samples of an upload.
    pub async fn classify(&self, name: &str, model: &str, upload: &str) -> Result<JobView> {
        let body = json!({"name": name, "model": model, "upload": upload});
        self.connection.create("/v1/classifications", &body).await
    }

    /// A job, as soon as it is finished or after `wait` seconds (at most 30).
    pub async fn job(&self, kind: JobKind, id: &str, wait: f64) -> Result<JobView> {
        self.connection
            .get(&format!("/v1/{}/{id}?wait={wait}", kind.path()))
            .await
    }

    /// Waits until a job has succeeded.
    ///
    /// # Errors
    /// [`ClientError::Job`] if it has not.
    pub async fn finish(
        &self,
        kind: JobKind,
        id: &str,
        progress: &mut (dyn FnMut(&JobView) + Send),
    ) -> Result<JobView> {
        loop {
            let job = self.job(kind, id, 1.0).await?;
            progress(&job);
            if job.state == State::Succeeded {
                return Ok(job);
            }
            if job.state.is_final() {
                return Err(ClientError::Job {
                    id: job.id,
                    state: job.state.name(),
                    reason: job
                        .problem
                        .map_or_else(String::new, |problem| problem.detail),
                });
            }
        }
    }

    /// Events of a job, as they happen.
    pub async fn events(&self, kind: JobKind, id: &str) -> Result<Events> {
        let path = format!("/v1/{}/{id}/events", kind.path());
        Ok(Events::new(self.connection.opened(&path).await?))
    }

    /// Ends a job.
    pub async fn cancel(&self, kind: JobKind, id: &str) -> Result<JobView> {
        self.connection
            .post(
                &format!("/v1/{}/{id}/cancel", kind.path()),
                &json!({}),
                None,
            )
            .await
    }

    /// One object: `parameter-sets`, `key-sets`, `data-sets`, `models`, `networks`.
    pub async fn object(&self, collection: &str, id: &str) -> Result<Object> {
        self.connection.get(&format!("/v1/{collection}/{id}")).await
    }

    /// Up to 100 objects of a collection, after the one with the id `after`.
    pub async fn list<T: DeserializeOwned>(
        &self,
        collection: &str,
        after: Option<&str>,
    ) -> Result<Vec<T>> {
        let after = after.map_or_else(String::new, |id| format!("?after={id}"));
        let list: List<T> = self
            .connection
            .get(&format!("/v1/{collection}{after}"))
            .await?;
        Ok(list.items)
    }

    /// Deletes an object or a classification. The receipt says what was removed.
    pub async fn delete(&self, collection: &str, id: &str) -> Result<Receipt> {
        self.connection
            .delete(&format!("/v1/{collection}/{id}"))
            .await
    }

    /// Downloads the scores of a classification into a file, which is complete or absent.
    pub async fn scores(&self, classification: &str, to: &Path) -> Result<u64> {
        self.connection
            .download(&format!("/v1/classifications/{classification}/content"), to)
            .await
    }

    /// Downloads a model.
    pub async fn model(&self, model: &str, to: &Path) -> Result<u64> {
        self.connection
            .download(&format!("/v1/models/{model}/content"), to)
            .await
    }

    /// Downloads the public key of a key set. Compare its parameters, and its fingerprint with the owner's: a
    /// server that hands out another key could read what is encrypted with it.
    pub async fn public_key(&self, key_set: &str, to: &Path) -> Result<u64> {
        self.connection
            .download(&format!("/v1/key-sets/{key_set}/public-key"), to)
            .await
    }
}
