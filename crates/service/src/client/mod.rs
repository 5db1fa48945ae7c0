//! The client of a server: it moves ciphertexts and bytes, and knows no secret.
//!
//! Uploads go on where they were interrupted, requests that make something carry an idempotency key, so that they can be
//! repeated, and the certificate of the server is pinned or checked against authorities that the caller names.

mod connection;
mod events;
mod pin;
mod upload;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tapetum_learn::Recipe;
use tokio::io::AsyncWriteExt;
use zeroize::Zeroizing;

use crate::error::{PROBLEM_JSON, Problem};
use crate::{JobView, List, NewToken, Object, Receipt, Scope};

pub use connection::Address;
use connection::{Connections, RequestBody};
#[cfg(feature = "fuzzing")]
pub(crate) use events::Arrived;
pub use events::Events;
pub use pin::Trust;

/// Bytes of a JSON answer.
const MAX_JSON: usize = 16 << 20;
/// How often a request that can be repeated is tried.
const TRIES: u32 = 6;
/// How long the first wait is; each is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// A server does not make a client wait longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address, the token or the like cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The server could not be reached, or the connection broke.
    #[error("the server cannot be reached: {0}")]
    Connection(String),
    /// The certificate is not the one that is trusted.
    #[error("{0}")]
    Certificate(String),
    /// The server refused.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The server answered something that this client does not understand.
    #[error("the server's answer makes no sense: {0}")]
    Answer(String),
    /// A file could not be read or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The bytes that arrived are not those that the server announced.
    #[error("the checksum of what was downloaded does not match: try again")]
    Checksum,
    /// A job was not finished as wanted.
    #[error("{id} has {state}: {reason}")]
    Job {
        /// The job.
        id: String,
        /// How it ended.
        state: &'static str,
        /// Why.
        reason: String,
    },
}

impl ClientError {
    /// What the server has said, if it was the server.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}

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
        recipe: &Recipe,
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

    async fn download(&self, path: &str, to: &Path) -> Result<u64, ClientError> {
        let response = self
            .send(self.prepare(Method::GET, path)?.body(empty()), true)
            .await?;
        let response = accepted(response).await?;
        let announced = response.headers().get(crate::api::CHECKSUM).cloned();
        let announced = announced.and_then(|value| value.to_str().ok().map(str::to_owned));
        let mut body = response.into_body();
        let temporary = to.with_extension("partial");
        let mut file = tokio::fs::File::create(&temporary).await?;
        let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| ClientError::Connection(e.to_string()))?;
            if let Ok(data) = frame.into_data() {
                hasher.update(&data);
                bytes += data.len() as u64;
                file.write_all(&data).await?;
            }
        }
        file.sync_all().await?;
        if announced.as_deref() != Some(hasher.finalize().to_hex().as_str()) {
            tokio::fs::remove_file(&temporary).await?;
            return Err(ClientError::Checksum);
        }
        tokio::fs::rename(&temporary, to).await?;
        Ok(bytes)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        parse(&self.request(Method::GET, path, None, None).await?)
    }

    /// Makes something, once however often it is tried.
    async fn create<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|e| ClientError::Settings(e.to_string()))?;
        self.post(path, body, Some(&crate::id::hex(&key))).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        key: Option<&str>,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|e| ClientError::Settings(e.to_string()))?;
        parse(
            &self
                .request(Method::POST, path, Some(body.into()), key)
                .await?,
        )
    }

    /// Sends a request until it is answered, if it may be sent more than once.
    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        key: Option<&str>,
    ) -> Result<Bytes, ClientError> {
        let repeats = method == Method::GET || key.is_some();
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let mut request = self.prepare(method.clone(), path)?;
            if body.is_some() {
                request = request.header(header::CONTENT_TYPE, "application/json");
            }
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            let content = RequestBody::new(
                Full::new(body.clone().unwrap_or_default()).map_err(|e| match e {}),
            );
            let answered = match self.send(request.body(content), true).await {
                Ok(response) => match accepted(response).await {
                    Ok(response) => whole(response).await,
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            };
            let error = match answered {
                Ok(bytes) => return Ok(bytes),
                Err(error) => error,
            };
            // Who was told to come back later has not been served, so all requests may be repeated then.
            let pause = match &error {
                ClientError::Problem(problem) => problem.retry_after.map(Duration::from_secs),
                ClientError::Connection(_) if repeats => Some(wait),
                _ => None,
            };
            let Some(pause) = pause.filter(|_| attempt < TRIES) else {
                return Err(error);
            };
            tokio::time::sleep(pause.min(LONGEST_WAIT)).await;
            wait *= 2;
        }
        unreachable!("the last attempt returns")
    }

    fn prepare(
        &self,
        method: Method,
        path: &str,
    ) -> Result<hyper::http::request::Builder, ClientError> {
        let mut authorization = header::HeaderValue::from_str(&self.authorization)
            .map_err(|_| ClientError::Settings("this is no token".to_owned()))?;
        authorization.set_sensitive(true);
        Ok(Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.connections.address().authority())
            .header(header::AUTHORIZATION, authorization))
    }

    /// `reuse` says whether an idle connection will do: one that turns out to be closed costs an attempt.
    async fn send(
        &self,
        request: Result<Request<RequestBody>, hyper::http::Error>,
        reuse: bool,
    ) -> Result<Response<connection::Body>, ClientError> {
        let request = request.map_err(|e| ClientError::Settings(e.to_string()))?;
        self.connections.send(request, reuse).await
    }
}

fn empty() -> RequestBody {
    RequestBody::new(Full::default().map_err(|e| match e {}))
}

/// The answer, unless it is a problem.
async fn accepted(
    response: Response<connection::Body>,
) -> Result<Response<connection::Body>, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_problem = kind.is_some_and(|kind| kind.as_bytes() == PROBLEM_JSON.as_bytes());
    let bytes = whole(response).await?;
    if is_problem && let Ok(problem) = serde_json::from_slice::<Problem>(&bytes) {
        return Err(ClientError::Problem(Box::new(problem)));
    }
    Err(ClientError::Answer(format!("status {status}")))
}

async fn whole(response: Response<connection::Body>) -> Result<Bytes, ClientError> {
    let limited = http_body_util::Limited::new(response.into_body(), MAX_JSON);
    match limited.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(ClientError::Connection(error.to_string())),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|e| ClientError::Answer(e.to_string()))
}
