//! Uploads by the tus protocol, which resume where they were interrupted.
//!
//! By hand: the tus clients for Rust are not maintained, and none begins with the first bytes in the creation request,
//! carries a checksum or waits as long as a server says.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

use super::connection::{self, Connection, text, whole};
use super::error::{ClientError, Result};
use super::retry::Retry;
use crate::documents::Problem;

const BYTES: &str = "application/offset+octet-stream";
/// Bytes of a request.
const STEP: u64 = 64 << 20;
/// Bytes that are read at once.
const CHUNK: usize = 1 << 18;
/// How often progress is reported.
const TICK: Duration = Duration::from_millis(200);

/// Where the bytes come from.
enum Source<'a> {
    File(&'a Path),
    Bytes(Bytes),
}

pub async fn file(
    client: &Connection,
    path: &Path,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<String> {
    let owned = path.to_owned();
    let hashed = tokio::task::spawn_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(owned)?)?;
        Ok::<_, std::io::Error>((hasher.finalize().to_hex().to_string(), hasher.count()))
    });
    let (checksum, length) = hashed
        .await
        .map_err(|e| ClientError::Settings(e.to_string()))??;
    send(client, &Source::File(path), length, &checksum, progress).await
}

pub async fn bytes(
    client: &Connection,
    bytes: Bytes,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<String> {
    let checksum = blake3::hash(&bytes).to_hex().to_string();
    let length = bytes.len() as u64;
    send(client, &Source::Bytes(bytes), length, &checksum, progress).await
}

async fn send(
    client: &Connection,
    source: &Source<'_>,
    length: u64,
    checksum: &str,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<String> {
    let encoded = base64::engine::general_purpose::STANDARD.encode(checksum);
    let metadata = format!("blake3 {encoded}");
    let (mut upload, mut retry) = (None, Retry::default());
    let mut offset = 0;
    while upload.is_none() || offset < length {
        progress(offset, length);
        let step = attempt(
            client,
            source,
            (length, offset),
            &metadata,
            &mut upload,
            progress,
        );
        let error = match step.await {
            Ok(now) if now > offset || upload.is_none() => {
                (offset, retry) = (now, Retry::default());
                continue;
            }
            Ok(_) => ClientError::Answer("the upload makes no progress".to_owned()),
            Err(error) => error,
        };
        // Its connection has broken, and the server has not noticed yet.
        let is_taken = |problem: &Problem| matches!(problem.status, 409 | 423);
        match error.problem() {
            Some(problem) if is_taken(problem) => retry.pause_for_earlier(error).await?,
            _ => retry.pause(error, true).await?,
        }
        if let Some(location) = &upload {
            // If this fails too, the next step says so.
            offset = reached(client, location).await.unwrap_or(offset);
        }
    }
    progress(length, length);
    let location = upload.unwrap_or_default();
    Ok(location.rsplit('/').next().unwrap_or_default().to_owned())
}

/// One request with as many bytes as a step has. Returns the offset after it.
async fn attempt(
    client: &Connection,
    source: &Source<'_>,
    (length, offset): (u64, u64),
    metadata: &str,
    upload: &mut Option<String>,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<u64> {
    let sent = Arc::new(AtomicU64::new(offset));
    let count = STEP.min(length - offset);
    let body = body(source, offset, count, sent.clone()).await?;
    let request = match &*upload {
        None => client
            .prepare(Method::POST, "/v1/uploads")?
            .header("upload-length", length)
            .header("upload-metadata", metadata),
        Some(location) => client
            .prepare(Method::PATCH, location)?
            .header("upload-offset", offset),
    };
    let request = request
        .header("tus-resumable", "1.0.0")
        .header(CONTENT_TYPE, BYTES)
        .header(CONTENT_LENGTH, count);
    let sending = connection::send(request.body(body));
    tokio::pin!(sending);
    let response = loop {
        tokio::select! {
            response = &mut sending => break response?,
            _ = tokio::time::sleep(TICK) => progress(sent.load(Ordering::Relaxed), length),
        }
    };
    let headers = response.headers();
    let missing = |name: &str| ClientError::Answer(format!("{name} is missing"));
    if upload.is_none() {
        let location = text(headers, "location").ok_or_else(|| missing("Location"))?;
        *upload = Some(location.to_owned());
    }
    let reached = text(headers, "upload-offset").and_then(|text| text.parse().ok());
    whole(response).await?;
    reached.ok_or_else(|| missing("Upload-Offset"))
}

async fn body(source: &Source<'_>, offset: u64, count: u64, sent: Arc<AtomicU64>) -> Result<Body> {
    match source {
        Source::Bytes(bytes) => {
            let mut part = bytes.slice(offset as usize..(offset + count) as usize);
            let chunks = std::iter::from_fn(move || {
                let chunk = part.split_to(CHUNK.min(part.len()));
                sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                (!chunk.is_empty()).then_some(Ok::<_, std::io::Error>(chunk))
            });
            Ok(Body::wrap_stream(futures_util::stream::iter(chunks)))
        }
        Source::File(path) => {
            let mut file = File::open(path).await?;
            file.seek(SeekFrom::Start(offset)).await?;
            let stream = futures_util::stream::try_unfold(file.take(count), move |mut file| {
                let sent = sent.clone();
                async move {
                    let mut chunk = Vec::with_capacity(CHUNK);
                    let read = (&mut file)
                        .take(CHUNK as u64)
                        .read_to_end(&mut chunk)
                        .await?;
                    sent.fetch_add(read as u64, Ordering::Relaxed);
                    Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(chunk), file)))
                }
            });
            Ok(Body::wrap_stream(stream))
        }
    }
}

/// How many bytes of an upload the server has.
async fn reached(client: &Connection, location: &str) -> Result<u64> {
    let request = client
        .prepare(Method::HEAD, location)?
        .header("tus-resumable", "1.0.0");
    let response = connection::send(request).await?;
    let offset = text(response.headers(), "upload-offset").and_then(|text| text.parse().ok());
    offset.ok_or_else(|| ClientError::Answer("Upload-Offset is missing".to_owned()))
}

pub async fn discard(client: &Connection, id: &str) -> Result<(), ClientError> {
    let (path, mut retry) = (format!("/v1/uploads/{id}"), Retry::default());
    loop {
        let request = client
            .prepare(Method::DELETE, &path)?
            .header("tus-resumable", "1.0.0");
        let discarded = async { whole(connection::send(request).await?).await };
        match discarded.await {
            Ok(_) => return Ok(()),
            Err(error) => retry.pause(error, false).await?,
        }
    }
}
