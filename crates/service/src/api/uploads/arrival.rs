//! Receiving the bytes of an upload.

use std::io::SeekFrom;
use std::path::PathBuf;

use axum::body::Body;
use http_body_util::BodyExt;
use sqlx::Row;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::discarding::discard;
use crate::api::auth::Caller;
use crate::error::{Error, Result};
use crate::id::Kind;
use crate::pace::Pace;
use crate::state::{App, Claim};
use crate::store::blocking::run_blocking;
use crate::store::content;
use crate::store::db::now;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 18;

/// The state of an upload, all bytes of which have arrived and were compared.
pub const COMPLETE: &str = "complete";

/// An upload as the database has it.
#[derive(Debug)]
pub struct Upload {
    /// Its id.
    pub id: String,
    /// Bytes that were announced.
    pub length: u64,
    /// Their checksum.
    pub checksum: String,
    /// Whether all have arrived and were compared.
    pub state: String,
    /// When it is removed unless it is used.
    pub expires_at: i64,
}

impl Upload {
    /// When an upload expires of which a byte has just arrived.
    pub fn expiry(app: &App, is_complete: bool) -> i64 {
        let limits = &app.config.limits;
        let life = match is_complete {
            true => limits.upload_life,
            false => limits.unfinished_life,
        };
        now() + life.as_millis() as i64
    }

    /// It is kept for longer, since it gets on.
    async fn extend(&mut self, app: &App) -> Result<()> {
        let is_complete = self.state == COMPLETE;
        self.expires_at = Self::expiry(app, is_complete);
        sqlx::query("UPDATE uploads SET state = $2, expires_at = $3 WHERE id = $1")
            .bind(&self.id)
            .bind(&self.state)
            .bind(self.expires_at)
            .execute(app.database.pool())
            .await?;
        Ok(())
    }

    /// The bytes that have arrived are those in the file.
    pub async fn offset(&self, app: &App) -> Result<u64> {
        match tokio::fs::metadata(app.blobs.staged(&self.id)).await {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) => Err(Error::internal("an upload", error)),
        }
    }
}

/// An upload of this caller.
pub async fn find(app: &App, caller: &Caller, id: &str) -> Result<Upload> {
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
    .ok_or_else(|| Error::not_found(Kind::Upload.name()))?;
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
pub async fn receive(
    app: &App,
    (upload, claim): (&mut Upload, &Claim),
    offset: u64,
    body: Body,
) -> Result<u64> {
    let path = app.blobs.staged(&upload.id);
    let failed = |e: std::io::Error| Error::internal("writing an upload", e);
    let mut file = OpenOptions::new()
        .write(true)
        .open(&path)
        .await
        .map_err(failed)?;
    file.seek(SeekFrom::Start(offset)).await.map_err(failed)?;
    let mut writer = tokio::io::BufWriter::with_capacity(BUFFER, file);
    let mut at = offset;
    let ended = copy(app, (upload, claim), &mut at, body, &mut writer).await;
    // Bytes are acknowledged only when they are on the disk.
    writer.flush().await.map_err(failed)?;
    writer.get_ref().sync_data().await.map_err(failed)?;
    drop(writer);

    let path_of_check = path.clone();
    if run_blocking(move || content::is_secret_key(&path_of_check)).await? {
        discard(app, &upload.id).await?;
        return Err(Error::secret_key());
    }
    ended?;
    if at == upload.length {
        finish(app, upload, path).await?;
    } else if at > offset {
        upload.extend(app).await?;
    }
    Ok(at)
}

async fn copy(
    app: &App,
    (upload, claim): (&mut Upload, &Claim),
    at: &mut u64,
    mut body: Body,
    writer: &mut tokio::io::BufWriter<File>,
) -> Result<()> {
    let limits = &app.config.limits;
    let mut pace = Pace::new(limits.rate, limits.window, Instant::now());
    let too_slow = || {
        let rate = limits.rate;
        Error::request(format!(
            "fewer than {rate} bytes a second arrived: resume where the upload is now"
        ))
    };
    let mut extended = Instant::now();
    loop {
        let arrived = tokio::select! {
            arrived = timeout_at(pace.end(), body.frame()) => arrived,
            () = claim.discarded.notified() => return Err(Error::not_found(Kind::Upload.name())),
        };
        let Ok(frame) = arrived else {
            if pace.moved(0, Instant::now()) {
                continue;
            }
            return Err(too_slow());
        };
        let Some(frame) = frame else {
            return Ok(());
        };
        let frame = frame.map_err(|_| Error::request("the connection closed early"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.len() as u64 > upload.length - *at {
            return Err(Error::too_large(
                "more bytes than the upload was announced with",
            ));
        }
        writer
            .write_all(&data)
            .await
            .map_err(|e| Error::internal("writing an upload", e))?;
        *at += data.len() as u64;
        app.metrics.received(data.len());
        if !pace.moved(data.len() as u64, Instant::now()) {
            return Err(too_slow());
        }
        if extended.elapsed() > limits.unfinished_life / 2 {
            extended = Instant::now();
            upload.extend(app).await?;
        }
    }
}

/// All bytes are there: they must be those that were announced.
pub async fn finish(app: &App, upload: &mut Upload, path: PathBuf) -> Result<()> {
    if upload.state == COMPLETE {
        return Ok(());
    }
    let hashed = run_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(path)?)?;
        Ok::<_, std::io::Error>(hasher.finalize().to_hex().to_string())
    });
    let found = hashed
        .await?
        .map_err(|e| Error::internal("reading an upload", e))?;
    if found != upload.checksum {
        discard(app, &upload.id).await?;
        let message = format!(
            "the checksum is {found}, not the announced {}: the upload was removed, start over",
            upload.checksum
        );
        return Err(Error::unacceptable(message));
    }
    upload.state = COMPLETE.to_owned();
    upload.extend(app).await
}
