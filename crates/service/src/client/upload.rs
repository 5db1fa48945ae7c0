//! Uploads by the tus protocol, which go on where they were interrupted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::{Method, header};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

use super::connection::RequestBody;
use super::requests::{FIRST_WAIT, LONGEST_WAIT, TRIES, accepted, whole};
use super::{Client, ClientError};

const CONTENT_TYPE: &str = "application/offset+octet-stream";
/// Bytes of a request.
const STEP: u64 = 64 << 20;
/// Bytes that are read at once.
const CHUNK: usize = 1 << 18;
/// How often progress is told.
const TICK: Duration = Duration::from_millis(200);

/// Where the bytes come from.
enum Source<'a> {
    File(&'a Path),
    Bytes(Bytes),
}

pub async fn file(
    client: &Client,
    path: &Path,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<String, ClientError> {
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

pub async fn bytes(client: &Client, bytes: Bytes) -> Result<String, ClientError> {
    let checksum = blake3::hash(&bytes).to_hex().to_string();
    let length = bytes.len() as u64;
    send(
        client,
        &Source::Bytes(bytes),
        length,
        &checksum,
        &mut |_, _| (),
    )
    .await
}

async fn send(
    client: &Client,
    source: &Source<'_>,
    length: u64,
    checksum: &str,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<String, ClientError> {
    let encoded = base64::engine::general_purpose::STANDARD.encode(checksum);
    let metadata = format!("blake3 {encoded}");
    let (mut upload, mut failures, mut wait) = (None, 0, FIRST_WAIT);
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
                (offset, failures, wait) = (now, 0, FIRST_WAIT);
                continue;
            }
            Ok(_) => ClientError::Answer("the upload does not get on".to_owned()),
            Err(error) => error,
        };
        let pause = match &error {
            ClientError::Problem(problem) if problem.status == 423 || problem.status == 409 => {
                Some(wait)
            }
            ClientError::Problem(problem) => problem.retry_after.map(Duration::from_secs),
            ClientError::Connection(_) => Some(wait),
            _ => None,
        };
        failures += 1;
        let Some(pause) = pause.filter(|_| failures < TRIES) else {
            return Err(error);
        };
        tokio::time::sleep(pause.min(LONGEST_WAIT)).await;
        wait *= 2;
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
    client: &Client,
    source: &Source<'_>,
    (length, offset): (u64, u64),
    metadata: &str,
    upload: &mut Option<String>,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<u64, ClientError> {
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
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .header(header::CONTENT_LENGTH, count);
    // Bytes that were streamed cannot be sent again here, so a connection that has been idle will not do
    // for many of them.
    let reuse = count <= CHUNK as u64;
    let sending = client.send(request.body(body), reuse);
    tokio::pin!(sending);
    let response = loop {
        tokio::select! {
            response = &mut sending => break response?,
            _ = tokio::time::sleep(TICK) => progress(sent.load(Ordering::Relaxed), length),
        }
    };
    let response = accepted(response).await?;
    let text = |name: &str| {
        let value = response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    let missing = |name: &str| ClientError::Answer(format!("{name} is missing"));
    let reached = text("upload-offset").and_then(|text| text.parse().ok());
    if upload.is_none() {
        *upload = Some(text("location").ok_or_else(|| missing("Location"))?);
    }
    // To its end, so that the connection is free again.
    whole(response).await?;
    reached.ok_or_else(|| missing("Upload-Offset"))
}

async fn body(
    source: &Source<'_>,
    offset: u64,
    count: u64,
    sent: Arc<AtomicU64>,
) -> Result<RequestBody, ClientError> {
    match source {
        Source::Bytes(bytes) => {
            let part = bytes.slice(offset as usize..(offset + count) as usize);
            Ok(RequestBody::new(Full::new(part).map_err(|e| match e {})))
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
            let frames = stream.map(|chunk| chunk.map(Frame::data));
            Ok(RequestBody::new(StreamBody::new(Box::pin(frames))))
        }
    }
}

/// How far the server has an upload.
async fn reached(client: &Client, location: &str) -> Result<u64, ClientError> {
    let request = client
        .prepare(Method::HEAD, location)?
        .header("tus-resumable", "1.0.0");
    let response = accepted(client.send(request.body(super::empty()), true).await?).await?;
    let offset = response
        .headers()
        .get("upload-offset")
        .and_then(|value| value.to_str().ok());
    let offset = offset.and_then(|text| text.parse().ok());
    offset.ok_or_else(|| ClientError::Answer("Upload-Offset is missing".to_owned()))
}
