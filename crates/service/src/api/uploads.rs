//! Files on their way here, by the tus protocol 1.0.0 (creation, creation-with-upload, expiration,
//! termination): an upload that was interrupted goes on where it ended.
//!
//! The metadata carry the blake3 checksum of the whole file, under the key `blake3` and in hexadecimal. An upload
//! is complete when all its bytes have arrived and the checksum is right. Then it can be used once, to make
//! something of it.

use std::io::SeekFrom;
use std::path::PathBuf;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use http_body_util::BodyExt;
use sqlx::Row;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::time::timeout;

use super::json::Path;
use crate::audit;
use crate::auth::Caller;
use crate::content;
use crate::db::{Tx, now};
use crate::error::{Answer, Problem};
use crate::id::{Kind, is_lower_hex};
use crate::state::{App, run_blocking};

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,expiration,termination";
const CONTENT_TYPE: &str = "application/offset+octet-stream";
const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// Most characters of the metadata.
const MAX_METADATA: usize = 4096;
/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 20;

/// `OPTIONS`: what the server can do.
pub async fn options(State(app): State<App>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(RESUMABLE, HeaderValue::from_static(VERSION));
    headers.insert("tus-version", HeaderValue::from_static(VERSION));
    headers.insert("tus-extension", HeaderValue::from_static(EXTENSIONS));
    headers.insert("tus-max-size", app.config.limits.upload_bytes.into());
    response
}

/// `POST /v1/uploads`: an upload of a given length, perhaps with its first bytes.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    check_version(&headers)?;
    let limits = &app.config.limits;
    let length = number(&headers, &LENGTH)?;
    if length == 0 || length > limits.upload_bytes {
        let message = format!("an upload has 1 to {} bytes", limits.upload_bytes);
        return Err(Problem::too_large(message));
    }
    let checksum = checksum(&headers)?;
    let id = Kind::Upload.new_id()?;
    let claim = app.claim(&id)?;
    let expires_at = now() + limits.upload_life.as_millis() as i64;

    let mut tx = app.database.begin().await?;
    let open: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM uploads WHERE token = $1")
        .bind(&caller.token)
        .fetch_one(&mut *tx)
        .await?;
    if open >= limits.open_uploads {
        let message =
            format!("this token has {open} uploads that are not used yet: use or delete them");
        return Err(Problem::too_many(message, 10));
    }
    let usage = Usage::of(&mut tx, &caller.tenant).await?;
    if usage.used.saturating_add(length) > usage.quota {
        return Err(Problem::quota(format!(
            "{} of {} bytes are used, and {length} more do not fit: delete something",
            usage.used, usage.quota
        )));
    }
    sqlx::query(
        "INSERT INTO uploads \
         (id, tenant, token, length, checksum, metadata, state, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, '', 'open', $6, $7)",
    )
    .bind(&id)
    .bind(&caller.tenant)
    .bind(&caller.token)
    .bind(length as i64)
    .bind(&checksum)
    .bind(now())
    .bind(expires_at)
    .execute(&mut *tx)
    .await?;
    let path = app.blobs.staged(&id);
    File::create_new(&path)
        .await
        .map_err(|e| Problem::internal("making an upload", e))?;
    tx.commit().await?;

    let upload = Upload {
        id,
        length,
        checksum,
        state: "open".to_owned(),
        expires_at,
    };
    let offset = match content_type(&headers) {
        Some(CONTENT_TYPE) => receive(&app, &upload, 0, body).await?,
        _ => 0,
    };
    drop(claim);
    let mut response = state_of(StatusCode::CREATED, &upload, offset);
    if let Ok(location) = format!("/v1/uploads/{}", upload.id).parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `HEAD`: how far an upload is.
pub async fn head(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    check_version(&headers)?;
    let upload = find(&app, &caller, &id).await?;
    let offset = upload.offset(&app).await?;
    let mut response = state_of(StatusCode::OK, &upload, offset);
    response.headers_mut().insert(LENGTH, upload.length.into());
    Ok(response)
}

/// `PATCH`: more bytes of an upload.
pub async fn append(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    check_version(&headers)?;
    if content_type(&headers) != Some(CONTENT_TYPE) {
        return Err(Problem::media_type(CONTENT_TYPE));
    }
    let from = number(&headers, &OFFSET)?;
    let upload = find(&app, &caller, &id).await?;
    let _claim = app.claim(&id)?;
    let offset = upload.offset(&app).await?;
    if from != offset {
        let message = format!("the upload is at {offset}, not at {from}: go on from there");
        return Err(Problem::conflict(message));
    }
    let offset = receive(&app, &upload, offset, body).await?;
    Ok(state_of(StatusCode::NO_CONTENT, &upload, offset))
}

/// `DELETE`: the upload is not wanted any longer.
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    check_version(&headers)?;
    let upload = find(&app, &caller, &id).await?;
    let _claim = app.claim(&id)?;
    discard(&app, &upload.id).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response
        .headers_mut()
        .insert(RESUMABLE, HeaderValue::from_static(VERSION));
    Ok(response)
}

/// An upload as the database has it.
struct Upload {
    id: String,
    length: u64,
    checksum: String,
    state: String,
    expires_at: i64,
}

impl Upload {
    /// The bytes that have arrived are those in the file.
    async fn offset(&self, app: &App) -> Answer<u64> {
        match tokio::fs::metadata(app.blobs.staged(&self.id)).await {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) => Err(Problem::internal("an upload", error)),
        }
    }
}

async fn find(app: &App, caller: &Caller, id: &str) -> Answer<Upload> {
    Kind::Upload.check(id)?;
    let row = sqlx::query(
        "SELECT length, checksum, state, expires_at FROM uploads \
         WHERE id = $1 AND tenant = $2 AND token = $3 AND expires_at > $4",
    )
    .bind(id)
    .bind(&caller.tenant)
    .bind(&caller.token)
    .bind(now())
    .fetch_optional(app.database.pool())
    .await?
    .ok_or_else(|| Problem::not_found(Kind::Upload.name()))?;
    Ok(Upload {
        id: id.to_owned(),
        length: row.try_get::<i64, _>("length")? as u64,
        checksum: row.try_get("checksum")?,
        state: row.try_get("state")?,
        expires_at: row.try_get("expires_at")?,
    })
}

/// Writes bytes as they come. What has arrived stays, whatever ends the request. Returns the offset
/// after it.
async fn receive(app: &App, upload: &Upload, offset: u64, body: Body) -> Answer<u64> {
    let path = app.blobs.staged(&upload.id);
    let failed = |e: std::io::Error| Problem::internal("writing an upload", e);
    let mut file = OpenOptions::new()
        .write(true)
        .open(&path)
        .await
        .map_err(failed)?;
    file.seek(SeekFrom::Start(offset)).await.map_err(failed)?;
    let mut writer = tokio::io::BufWriter::with_capacity(BUFFER, file);
    let mut at = offset;
    let ended = copy(app, upload, &mut at, body, &mut writer).await;
    // A client is told that bytes have arrived only when they are on the disk.
    writer.flush().await.map_err(failed)?;
    writer.get_ref().sync_data().await.map_err(failed)?;
    drop(writer);

    let path_of_check = path.clone();
    if run_blocking(move || content::is_secret_key(&path_of_check)).await? {
        discard(app, &upload.id).await?;
        return Err(Problem::secret_key());
    }
    ended?;
    if at == upload.length {
        finish(app, upload, path).await?;
    }
    Ok(at)
}

async fn copy(
    app: &App,
    upload: &Upload,
    at: &mut u64,
    mut body: Body,
    writer: &mut tokio::io::BufWriter<File>,
) -> Answer<()> {
    let idle = app.config.limits.idle;
    loop {
        let frame = timeout(idle, body.frame())
            .await
            .map_err(|_| Problem::request("no byte has arrived for too long"))?;
        let Some(frame) = frame else {
            return Ok(());
        };
        let frame = frame.map_err(|_| Problem::request("the connection ended early"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.len() as u64 > upload.length - *at {
            return Err(Problem::too_large(
                "these are more bytes than the upload has",
            ));
        }
        writer
            .write_all(&data)
            .await
            .map_err(|e| Problem::internal("writing an upload", e))?;
        *at += data.len() as u64;
        app.metrics.received(data.len());
    }
}

/// All bytes are there: they must be those that were announced.
async fn finish(app: &App, upload: &Upload, path: PathBuf) -> Answer<()> {
    if upload.state == "complete" {
        return Ok(());
    }
    let hashed = run_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(path)?)?;
        Ok::<_, std::io::Error>(hasher.finalize().to_hex().to_string())
    });
    let found = hashed
        .await?
        .map_err(|e| Problem::internal("reading an upload", e))?;
    if found != upload.checksum {
        discard(app, &upload.id).await?;
        let message = format!(
            "the checksum is {found}, but {} was announced: the upload was removed, begin anew",
            upload.checksum
        );
        return Err(Problem::unacceptable(message));
    }
    sqlx::query("UPDATE uploads SET state = 'complete' WHERE id = $1")
        .bind(&upload.id)
        .execute(app.database.pool())
        .await?;
    Ok(())
}

/// Removes an upload.
pub async fn discard(app: &App, id: &str) -> Answer<()> {
    sqlx::query("DELETE FROM uploads WHERE id = $1")
        .bind(id)
        .execute(app.database.pool())
        .await?;
    let removed = app.blobs.remove_staged(id);
    removed.map_err(|e| Problem::internal("removing an upload", e))
}

/// An upload that is complete.
#[derive(Clone, Debug)]
pub struct Complete {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its checksum.
    pub checksum: String,
}

/// An upload of this caller, all of which has arrived.
pub async fn complete(app: &App, caller: &Caller, id: &str) -> Answer<Complete> {
    let upload = find(app, caller, id).await?;
    let path = app.blobs.staged(id);
    if upload.state != "complete" {
        let offset = upload.offset(app).await?;
        if offset < upload.length {
            let message = format!(
                "the upload is at {offset} of {} bytes: finish it",
                upload.length
            );
            return Err(Problem::conflict(message));
        }
        // The server ended between the last byte and its answer.
        let _claim = app.claim(id)?;
        finish(app, &upload, path.clone()).await?;
    }
    Ok(Complete {
        path,
        bytes: upload.length,
        checksum: upload.checksum,
        id: upload.id,
    })
}

/// An upload whose content is among the accepted files, where it waits for its row.
#[derive(Clone, Debug)]
pub struct Accepted {
    upload: Complete,
    blob: String,
}

/// Puts the content of an upload among the accepted files. This takes as long as the store does, so it comes
/// before the transaction with the rows; [`settle`] comes after it.
pub async fn accept(app: &App, upload: Complete) -> Answer<Accepted> {
    let blob = Kind::Blob.new_id()?;
    let (files, from, to) = (app.clone(), upload.id.clone(), blob.clone());
    let adopted = run_blocking(move || files.blobs.adopt(&from, &to)).await?;
    adopted.map_err(|e| Problem::internal("accepting an upload", e))?;
    Ok(Accepted { upload, blob })
}

/// A row for an accepted file, and none for its upload any more.
pub async fn adopt(
    tx: &mut Tx,
    caller: &Caller,
    accepted: &Accepted,
    object: &str,
    role: &str,
) -> Answer<()> {
    let Accepted { upload, blob } = accepted;
    let row = sqlx::query("DELETE FROM uploads WHERE id = $1")
        .bind(&upload.id)
        .execute(&mut **tx)
        .await?;
    if row.rows_affected() != 1 {
        return Err(Problem::not_found(Kind::Upload.name()));
    }
    let (bytes, checksum) = (upload.bytes, &upload.checksum);
    insert_blob(tx, blob, &caller.tenant, object, role, bytes, checksum).await?;
    let details = serde_json::json!({"role": role, "bytes": bytes, "checksum": checksum});
    audit::record(tx, caller.actor(), "store", object, &details).await?;
    Ok(())
}

/// After the transaction: of files that now have a row the uploads go, and of a refusal the files. After a failure
/// nobody knows whether the rows are there; whatever has none is swept later.
pub async fn settle(
    app: &App,
    accepted: Vec<Accepted>,
    made: Answer<Response>,
) -> Answer<Response> {
    let (was_made, was_refused) = match &made {
        Ok(_) => (true, false),
        Err(problem) => (false, problem.status < 500 || problem.status == 507),
    };
    let files = app.clone();
    let removed = run_blocking(move || {
        accepted.iter().try_for_each(|file| match was_made {
            true => files.blobs.remove_staged(&file.upload.id),
            false if was_refused => files.blobs.remove(&file.blob),
            false => Ok(()),
        })
    });
    if let Err(error) = removed.await? {
        // It is swept later.
        tracing::warn!(%error, "a file that is not needed could not be removed");
    }
    made
}

/// A row for an accepted file.
pub async fn insert_blob(
    tx: &mut Tx,
    blob: &str,
    tenant: &str,
    object: &str,
    role: &str,
    bytes: u64,
    checksum: &str,
) -> Answer<()> {
    sqlx::query(
        "INSERT INTO blobs (id, tenant, object, role, bytes, checksum, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(blob)
    .bind(tenant)
    .bind(object)
    .bind(role)
    .bind(bytes as i64)
    .bind(checksum)
    .bind(now())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Storage of a tenant.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Usage {
    /// Bytes of accepted files and of announced uploads.
    pub used: u64,
    /// Bytes that there may be.
    pub quota: u64,
}

impl Usage {
    /// Of this tenant.
    pub async fn of(connection: &mut sqlx::AnyConnection, tenant: &str) -> Answer<Self> {
        let row = sqlx::query(
            "SELECT CAST(COALESCE((SELECT SUM(bytes) FROM blobs WHERE tenant = $1), 0) + \
             COALESCE((SELECT SUM(length) FROM uploads WHERE tenant = $1), 0) AS BIGINT) AS used, \
             storage_quota FROM tenants WHERE id = $1",
        )
        .bind(tenant)
        .fetch_one(connection)
        .await?;
        Ok(Self {
            used: row.try_get::<i64, _>("used")? as u64,
            quota: row.try_get::<i64, _>("storage_quota")? as u64,
        })
    }
}

fn state_of(status: StatusCode, upload: &Upload, offset: u64) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(RESUMABLE, HeaderValue::from_static(VERSION));
    headers.insert(OFFSET, offset.into());
    let expires = std::time::UNIX_EPOCH
        .checked_add(std::time::Duration::from_millis(upload.expires_at as u64))
        .map(http_date);
    if let Some(Ok(expires)) = expires.map(|date| date.parse()) {
        headers.insert(EXPIRES, expires);
    }
    response
}

/// As RFC 9110 has it.
fn http_date(at: std::time::SystemTime) -> String {
    httpdate::fmt_http_date(at)
}

fn check_version(headers: &HeaderMap) -> Answer<()> {
    let version = headers
        .get(RESUMABLE)
        .and_then(|version| version.to_str().ok());
    match version == Some(VERSION) {
        true => Ok(()),
        false => Err(Problem::version(format!("send Tus-Resumable: {VERSION}"))),
    }
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Answer<u64> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    let digits = value.filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    digits
        .and_then(|text| text.parse().ok())
        .filter(|&number: &u64| number <= i64::MAX as u64)
        .ok_or_else(|| Problem::request(format!("send {name}, a number of bytes")))
}

/// The checksum in the metadata, which are `key base64,key base64,...`.
fn checksum(headers: &HeaderMap) -> Answer<String> {
    let metadata = headers.get(METADATA).and_then(|value| value.to_str().ok());
    let decode = |text: &str| {
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text)
            .ok()?;
        String::from_utf8(bytes).ok()
    };
    metadata
        .filter(|text| text.len() <= MAX_METADATA)
        .and_then(|text| {
            text.split(',')
                .filter_map(|pair| pair.trim().split_once(' '))
                .find(|(key, _)| *key == "blake3")
                .and_then(|(_, value)| decode(value.trim()))
        })
        .filter(|checksum| checksum.len() == 64 && checksum.bytes().all(is_lower_hex))
        .ok_or_else(|| {
            Problem::request(
                "send Upload-Metadata: blake3 CHECKSUM, the checksum in hexadecimal and that in base64",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_read_and_nonsense_is_refused() {
        let sum = blake3::hash(b"x").to_hex().to_string();
        let encoded = base64::engine::general_purpose::STANDARD.encode(&sum);
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(METADATA, text.parse().unwrap());
            checksum(&headers)
        };
        assert_eq!(
            read(&format!("filename eA==, blake3 {encoded}")).unwrap(),
            sum
        );
        for bad in [
            "",
            "blake3",
            "blake3 !",
            "blake3 eA==",
            &format!("blake2 {encoded}"),
        ] {
            assert_eq!(read(bad).unwrap_err().status, 400, "{bad}");
        }
        let mut headers = HeaderMap::new();
        for (text, expected) in [
            ("12", Some(12)),
            ("-1", None),
            ("+1", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            headers.insert(LENGTH, text.parse().unwrap());
            assert_eq!(number(&headers, &LENGTH).ok(), expected, "{text}");
        }
    }
}
