//! The client of a server: it moves ciphertexts and bytes, and knows no secret.
//!
//! Uploads go on where they were interrupted, requests that make something carry an idempotency key, so that they can be
//! repeated, and the certificate of the server is pinned or checked against authorities that the caller names.

mod connection;
mod error;
mod events;
mod pin;
mod requests;
mod upload;

use std::path::Path;

use bytes::Bytes;
use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tapetum_learn::TrainingSpec;
use zeroize::Zeroizing;

use crate::{JobView, List, NewToken, Object, Receipt, Scope};

pub use connection::Address;
use connection::Connections;
pub use error::ClientError;
#[cfg(feature = "fuzzing")]
pub(crate) use events::Arrived;
pub use events::Events;
pub use pin::Trust;
use requests::{accepted, empty, parse};

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
    connections: Connections,
    authorization: Zeroizing<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("address", self.connections.address())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client for `https://HOST:PORT`, which connects when it has something to ask.
    ///
    /// # Errors
    /// [`ClientError::Settings`] if address, trust or token cannot be right.
    pub fn new(url: &str, trust: &Trust, token: &str) -> Result<Self, ClientError> {
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ClientError::Settings("this is no token".to_owned()));
        }
        Ok(Self {
            connections: Connections::new(url.parse()?, trust)?,
            authorization: Zeroizing::new(format!("Bearer {token}")),
        })
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`ClientError`], as all that follow.
    pub async fn whoami(&self) -> Result<Value, ClientError> {
        self.get("/v1/whoami").await
    }

    /// A new token with these scopes, for so many seconds.
    pub async fn create_token(
        &self,
        name: &str,
        scopes: &[Scope],
        expires_in: Option<u32>,
    ) -> Result<NewToken, ClientError> {
        let body = json!({"name": name, "scopes": scopes, "expires_in": expires_in});
        self.post("/v1/tokens", &body, None).await
    }

    /// Revokes a token by its id.
    pub async fn revoke_token(&self, id: &str) -> Result<(), ClientError> {
        self.request(Method::DELETE, &format!("/v1/tokens/{id}"), None, None)
            .await
            .map(drop)
    }

    /// Uploads a file, in steps that are repeated if they fail. `progress` hears how many bytes
    /// of how many have arrived. Returns the id of the upload, to be used once.
    pub async fn upload(
        &self,
        path: &Path,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<String, ClientError> {
        upload::file(self, path, progress).await
    }

    /// Uploads bytes.
    pub async fn upload_bytes(&self, bytes: impl Into<Bytes>) -> Result<String, ClientError> {
        upload::bytes(self, bytes.into()).await
    }

    /// Parameters from an upload.
    pub async fn create_parameter_set(
        &self,
        name: &str,
        upload: &str,
    ) -> Result<Object, ClientError> {
        self.create(
            "/v1/parameter-sets",
            &json!({"name": name, "upload": upload}),
        )
        .await
    }

    /// Keys from uploads.
    pub async fn create_key_set(
        &self,
        name: &str,
        parameter_set: &str,
        evaluation_keys: &str,
        public_key: Option<&str>,
    ) -> Result<Object, ClientError> {
        let body = json!({
            "name": name, "parameter_set": parameter_set, "evaluation_keys": evaluation_keys,
            "public_key": public_key,
        });
        self.create("/v1/key-sets", &body).await
    }

    /// An empty data set.
    pub async fn create_data_set(
        &self,
        name: &str,
        parameter_set: &str,
        recipe: &TrainingSpec,
    ) -> Result<Object, ClientError> {
        let body = json!({"name": name, "parameter_set": parameter_set, "recipe": recipe});
        self.create("/v1/data-sets", &body).await
    }

    /// Adds an upload to a data set.
    pub async fn append(
        &self,
        data_set: &str,
        name: &str,
        upload: &str,
    ) -> Result<Object, ClientError> {
        let path = format!("/v1/data-sets/{data_set}/parts");
        self.create(&path, &json!({"name": name, "upload": upload}))
            .await
    }

    /// Trains on all parts that a data set has now.
    pub async fn train(
        &self,
        name: &str,
        data_set: &str,
        key_set: &str,
    ) -> Result<JobView, ClientError> {
        let body = json!({"name": name, "data_set": data_set, "key_set": key_set});
        self.create("/v1/training-jobs", &body).await
    }

    /// Classifies the samples of an upload.
    pub async fn classify(
        &self,
        name: &str,
        model: &str,
        upload: &str,
    ) -> Result<JobView, ClientError> {
        let body = json!({"name": name, "model": model, "upload": upload});
        self.create("/v1/classifications", &body).await
    }

    /// A job, at once or when it is finished, or after so many seconds (at most 30).
    pub async fn job(&self, kind: JobKind, id: &str, wait: f64) -> Result<JobView, ClientError> {
        self.get(&format!("/v1/{}/{id}?wait={wait}", kind.path()))
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
    ) -> Result<JobView, ClientError> {
        loop {
            let job = self.job(kind, id, 1.0).await?;
            progress(&job);
            if job.state == crate::State::Succeeded {
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

    /// What happens to a job, as the server tells it.
    pub async fn events(&self, kind: JobKind, id: &str) -> Result<Events, ClientError> {
        let path = format!("/v1/{}/{id}/events", kind.path());
        let response = self
            .send(self.prepare(Method::GET, &path)?.body(empty()), true)
            .await?;
        Ok(Events::new(accepted(response).await?.into_body()))
    }

    /// Ends a job.
    pub async fn cancel(&self, kind: JobKind, id: &str) -> Result<JobView, ClientError> {
        self.post(
            &format!("/v1/{}/{id}/cancel", kind.path()),
            &json!({}),
            None,
        )
        .await
    }

    /// One object: `parameter-sets`, `key-sets`, `data-sets`, `models`.
    pub async fn object(&self, collection: &str, id: &str) -> Result<Object, ClientError> {
        self.get(&format!("/v1/{collection}/{id}")).await
    }

    /// Up to 100 objects of a collection, after the one with the id `after`.
    pub async fn list<T: DeserializeOwned>(
        &self,
        collection: &str,
        after: Option<&str>,
    ) -> Result<Vec<T>, ClientError> {
        let after = after.map_or_else(String::new, |id| format!("?after={id}"));
        let list: List<T> = self.get(&format!("/v1/{collection}{after}")).await?;
        Ok(list.items)
    }

    /// Deletes an object or a classification. The receipt says what was removed.
    pub async fn delete(&self, collection: &str, id: &str) -> Result<Receipt, ClientError> {
        let path = format!("/v1/{collection}/{id}");
        let bytes = self.request(Method::DELETE, &path, None, None).await?;
        parse(&bytes)
    }

    /// Downloads the scores of a classification into a file, which is there as a whole or not at all.
    pub async fn scores(&self, classification: &str, to: &Path) -> Result<u64, ClientError> {
        self.download(&format!("/v1/classifications/{classification}/content"), to)
            .await
    }

    /// Downloads a model.
    pub async fn model(&self, model: &str, to: &Path) -> Result<u64, ClientError> {
        self.download(&format!("/v1/models/{model}/content"), to)
            .await
    }

    /// Downloads the public key of a key set. Compare its parameters, and its fingerprint with the owner's: who hands
    /// out another key can read what is encrypted with it.
    pub async fn public_key(&self, key_set: &str, to: &Path) -> Result<u64, ClientError> {
        self.download(&format!("/v1/key-sets/{key_set}/public-key"), to)
            .await
    }
}
