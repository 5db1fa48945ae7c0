//! How requests are sent and answers are read.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;

use super::connection::{self, RequestBody};
use super::{Client, ClientError};
use crate::error::{PROBLEM_JSON, Problem};

/// Bytes of a JSON answer.
const MAX_JSON: usize = 16 << 20;
/// How often a request that can be repeated is tried.
pub const TRIES: u32 = 6;
/// How long the first wait is; each is twice as long as the one before.
pub const FIRST_WAIT: Duration = Duration::from_millis(200);
/// A server does not make a client wait longer than this.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Client {
    pub(super) async fn download(&self, path: &str, to: &Path) -> Result<u64, ClientError> {
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

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        parse(&self.request(Method::GET, path, None, None).await?)
    }

    /// Makes something, once however often it is tried.
    pub(super) async fn create<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|e| ClientError::Settings(e.to_string()))?;
        self.post(path, body, Some(&crate::id::hex(&key))).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
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
    pub(super) async fn request(
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

    pub(super) fn prepare(
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
    pub(super) async fn send(
        &self,
        request: Result<Request<RequestBody>, hyper::http::Error>,
        reuse: bool,
    ) -> Result<Response<connection::Body>, ClientError> {
        let request = request.map_err(|e| ClientError::Settings(e.to_string()))?;
        self.connections.send(request, reuse).await
    }
}

pub fn empty() -> RequestBody {
    RequestBody::new(Full::default().map_err(|e| match e {}))
}

/// The answer, unless it is a problem.
pub async fn accepted(
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

pub async fn whole(response: Response<connection::Body>) -> Result<Bytes, ClientError> {
    let limited = http_body_util::Limited::new(response.into_body(), MAX_JSON);
    match limited.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(ClientError::Connection(error.to_string())),
    }
}

pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|e| ClientError::Answer(e.to_string()))
}
