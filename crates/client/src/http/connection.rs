//! How requests are sent and answers are read.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, redirect, retry};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;
use zeroize::Zeroizing;

use super::address::Address;
use super::error::{ClientError, Result};
use super::retry::Retry;
use super::trust::Trust;
use crate::documents::{CHECKSUM, PROBLEM_JSON, Problem};

/// Bytes of a JSON answer.
const MAX_JSON: usize = 16 << 20;
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(15);
/// How long an idle connection is kept: not as long as the server keeps it.
const IDLE: Duration = Duration::from_secs(10);
/// Idle connections that are kept.
const MAX_IDLE: usize = 8;

/// Connections to one server with one token.
pub struct Connection {
    http: reqwest::Client,
    address: Address,
    authorization: Zeroizing<String>,
}

impl Connection {
    pub fn new(address: Address, trust: &Trust, token: &str) -> Result<Self> {
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ClientError::Settings("this is not a token".to_owned()));
        }
        // A token goes to the server that was named and to nobody else: neither to a proxy nor where an answer points.
        // What is sent again, and when, is decided below.
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(trust.config()?)
            .https_only(true)
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .build()
            .map_err(|e| ClientError::Settings(e.to_string()))?;
        Ok(Self {
            http,
            address,
            authorization: Zeroizing::new(format!("Bearer {token}")),
        })
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// A request to a path of this server.
    pub fn prepare(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        // Servers name paths too, and anything else after the authority could change it.
        if !path.starts_with('/') {
            return Err(ClientError::Answer(format!("{path} is not a path")));
        }
        let mut authorization = HeaderValue::from_str(&self.authorization)
            .map_err(|_| ClientError::Settings("this is not a token".to_owned()))?;
        authorization.set_sensitive(true);
        let url = format!("https://{}{path}", self.address.authority());
        let request = self.http.request(method, url);
        Ok(request.header(AUTHORIZATION, authorization))
    }

    pub async fn download(&self, path: &str, to: &Path) -> Result<u64> {
        let mut response = self.opened(path).await?;
        let announced = text(response.headers(), CHECKSUM).map(str::to_owned);
        let temporary = to.with_extension("partial");
        let mut file = tokio::fs::File::create(&temporary).await?;
        let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            hasher.update(&chunk);
            bytes += chunk.len() as u64;
            file.write_all(&chunk).await?;
        }
        file.sync_all().await?;
        if announced.as_deref() != Some(hasher.finalize().to_hex().as_str()) {
            tokio::fs::remove_file(&temporary).await?;
            return Err(ClientError::Checksum);
        }
        tokio::fs::rename(&temporary, to).await?;
        Ok(bytes)
    }

    /// The answer to a GET, whose body is still to be read.
    pub async fn opened(&self, path: &str) -> Result<Response> {
        let mut retry = Retry::default();
        loop {
            match send(self.prepare(Method::GET, path)?).await {
                Ok(response) => return Ok(response),
                Err(error) => retry.pause(error, true).await?,
            }
        }
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.request(Method::GET, path, None, None).await
    }

    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.request(Method::DELETE, path, None, None).await
    }

    /// Creates something, once however often it is tried.
    pub async fn create<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|e| ClientError::Settings(e.to_string()))?;
        let key = format!("{:032x}", u128::from_ne_bytes(key));
        self.post(path, body, Some(&key)).await
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        key: Option<&str>,
    ) -> Result<T> {
        let body = serde_json::to_vec(body).map_err(|e| ClientError::Settings(e.to_string()))?;
        self.request(Method::POST, path, Some(body.into()), key)
            .await
    }

    /// Sends a request until it is answered, if it may be sent more than once.
    async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        key: Option<&str>,
    ) -> Result<T> {
        let repeats = method == Method::GET || key.is_some();
        let mut retry = Retry::default();
        loop {
            let mut request = self.prepare(method.clone(), path)?;
            if let Some(body) = &body {
                let json = request.header(CONTENT_TYPE, "application/json");
                request = json.body(body.clone());
            }
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            let answered = async { whole(send(request).await?).await };
            match answered.await {
                Ok(bytes) => return parse(&bytes),
                Err(error) => retry.pause(error, repeats).await?,
            }
        }
    }
}

/// The answer to a request, unless it is a problem.
pub async fn send(request: RequestBuilder) -> Result<Response> {
    let response = request.send().await.map_err(broken)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let is_problem = text(response.headers(), CONTENT_TYPE.as_str()) == Some(PROBLEM_JSON);
    let bytes = whole(response).await?;
    if is_problem && let Ok(problem) = serde_json::from_slice::<Problem>(&bytes) {
        return Err(ClientError::Problem(Box::new(problem)));
    }
    Err(ClientError::Answer(format!("status {status}")))
}

/// The body of an answer, read to its end so that the connection is free again.
pub async fn whole(mut response: Response) -> Result<Bytes> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_JSON {
            let message = format!("it exceeds {} MiB", MAX_JSON >> 20);
            return Err(ClientError::Answer(message));
        }
    }
    Ok(bytes.into())
}

/// A header that is text.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A JSON answer; an empty one is null.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let bytes = if bytes.is_empty() { b"null" } else { bytes };
    serde_json::from_slice(bytes).map_err(|e| ClientError::Answer(e.to_string()))
}

/// Why there is no answer: the innermost cause, since the others only say that there is one.
pub fn broken(error: reqwest::Error) -> ClientError {
    let mut cause: &(dyn Error + 'static) = &error;
    loop {
        let inner = cause.downcast_ref::<io::Error>().and_then(|e| e.get_ref());
        let next = inner.map(|inner| inner as &(dyn Error + 'static));
        if let Some(rustls::Error::InvalidCertificate(why)) = cause.downcast_ref() {
            return ClientError::Certificate(format!(
                "the server's certificate is not the trusted one ({why:?}): someone may be intercepting the \
                 connection, or the server has a new certificate; ask its operator for the fingerprint"
            ));
        }
        match next.or_else(|| cause.source()) {
            Some(next) => cause = next,
            None => return ClientError::Connection(cause.to_string()),
        }
    }
}
