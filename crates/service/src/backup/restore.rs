//! Restoring a server from a backup.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row};

use super::tables::TABLES;
use super::{
    BackupError, CHECKSUM, FORMAT, MANIFEST, Manifest, OPERATOR, Outcome, at, copy_tls, damaged,
};
use crate::config::Config;
use crate::id::Kind;
use crate::state::{App, Service};
use crate::store::audit::{self, Record};
use crate::store::blocking::run_blocking;
use crate::store::db::Tx;
use crate::store::folder::DataFolder;

/// Bytes of a manifest, and of a row.
const MAX_MANIFEST: u64 = 1 << 20;
const MAX_ROW: u64 = 16 << 20;

/// Makes a server of a copy: its folder, database and bucket must be empty.
pub async fn restore(config: Config, folder: &Path) -> Outcome<Manifest> {
    let manifest = read_manifest(folder)?;
    for table in &manifest.tables {
        let path = folder.join("tables").join(format!("{}.jsonl", table.name));
        let mut hasher = blake3::Hasher::new();
        let file = File::open(&path).map_err(at(&path))?;
        hasher.update_reader(file).map_err(at(&path))?;
        if hasher.finalize().to_hex().as_str() != table.checksum {
            return Err(damaged(&path));
        }
    }
    let mut place = DataFolder::open(&config.data)?;
    if !place.was_empty() {
        let message = format!(
            "{} is not empty: specify an empty folder",
            config.data.display()
        );
        return Err(BackupError::Occupied(message));
    }
    let app = Service::open(config).await?;
    let restored = match prepare(&app, folder, &manifest).await {
        Ok(tx) => {
            // If this fails nobody knows whether the rows are there.
            place.keep();
            tx.commit().await.map_err(BackupError::from)
        }
        Err(error) => Err(error),
    };
    app.close().await;
    restored.map(|()| manifest)
}

/// Puts everything in place but the rows, which are there when the transaction is committed. Of what is refused
/// no file is left.
async fn prepare(app: &App, folder: &Path, manifest: &Manifest) -> Outcome<Tx> {
    let used = "SELECT (SELECT COUNT(*) FROM tenants) + (SELECT COUNT(*) FROM audit)";
    let used: i64 = sqlx::query_scalar(used)
        .fetch_one(app.database.pool())
        .await?;
    if used > 0 {
        let message = "the database already holds a server: specify an empty one";
        return Err(BackupError::Occupied(message.to_owned()));
    }
    let mut written = Vec::new();
    let prepared = async {
        restore_files(app, folder, &mut written).await?;
        copy_tls(folder, &app.config.data)?;
        restore_tables(app, folder, manifest).await
    };
    let prepared = prepared.await;
    if prepared.is_err() {
        let app = app.clone();
        let remove = move || written.iter().try_for_each(|id| app.blobs.remove(id));
        if let Err(error) = run_blocking(remove).await? {
            tracing::warn!(%error, "files of the copy could not be removed again");
        }
    }
    prepared
}

fn read_manifest(folder: &Path) -> Outcome<Manifest> {
    let read = |name| {
        let path = folder.join(name);
        let mut text = Vec::new();
        let file = File::open(&path).map_err(at(&path))?;
        file.take(MAX_MANIFEST)
            .read_to_end(&mut text)
            .map_err(at(&path))?;
        Ok::<_, BackupError>(text)
    };
    let (text, checksum) = (read(MANIFEST)?, read(CHECKSUM)?);
    let is_whole = blake3::hash(&text).to_hex().as_bytes() == checksum;
    let manifest: Option<Manifest> = serde_json::from_slice(&text).ok().filter(|_| is_whole);
    let manifest = manifest.ok_or_else(|| damaged(&folder.join(MANIFEST)))?;
    let names = manifest.tables.iter().map(|table| table.name.as_str());
    if manifest.format == FORMAT && names.eq(TABLES.iter().map(|(name, _)| *name)) {
        Ok(manifest)
    } else {
        Err(BackupError::Damaged(format!(
            "the backup was made by version {} in another format",
            manifest.version
        )))
    }
}

/// Puts the files in place, and tells which.
async fn restore_files(app: &App, folder: &Path, into: &mut Vec<String>) -> Outcome<()> {
    let mut rows = Lines::open(folder, "blobs")?;
    while let Some(row) = rows.next()? {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let (id, checksum) = (text("id"), text("checksum"));
        Kind::Blob.check(&id)?;
        let path = folder.join("blobs").join(&id);
        into.push(id.clone());
        let (app, from) = (app.clone(), path.clone());
        let written = run_blocking(move || {
            let mut file = File::open(from)?;
            app.blobs
                .create(&id, |out| io::copy(&mut file, out).map(drop))
        });
        let written = written.await?.map_err(at(&path))?;
        if written.checksum != checksum || row["bytes"] != written.bytes {
            return Err(damaged(&path));
        }
    }
    Ok(())
}

/// All rows in one transaction, the audit log only if it is whole.
async fn restore_tables(app: &App, folder: &Path, manifest: &Manifest) -> Outcome<Tx> {
    let mut tx = app.database.begin().await?;
    sqlx::query("DELETE FROM audit_head")
        .execute(&mut *tx)
        .await?;
    let (mut seq, mut hash) = (0, String::new());
    for (name, columns) in TABLES {
        let places: Vec<_> = (1..=columns.len()).map(|i| format!("${i}")).collect();
        let insert = format!(
            "INSERT INTO {name} ({}) VALUES ({})",
            columns.join(", "),
            places.join(", ")
        );
        let mut rows = Lines::open(folder, name)?;
        while let Some(row) = rows.next()? {
            if name == "audit" {
                let record: Option<Record> = serde_json::from_value(row.clone()).ok();
                let record = record.filter(|record| record.seq == seq + 1 && record.follows(&hash));
                let record = record.ok_or_else(|| damaged(&rows.path))?;
                (seq, hash) = (record.seq, record.hash);
            }
            let mut query = sqlx::query(AssertSqlSafe(insert.clone()));
            for &column in columns {
                query = match &row[column] {
                    Value::Number(number) => query.bind(number.as_i64()),
                    Value::String(text) => query.bind(text.clone()),
                    _ => return Err(damaged(&rows.path)),
                };
            }
            query.execute(&mut *tx).await?;
        }
    }
    if (seq, &hash) != (manifest.audit_seq, &manifest.audit_hash) {
        return Err(damaged(&folder.join("tables/audit.jsonl")));
    }
    // The next record follows on this one.
    let head = sqlx::query("SELECT seq, hash FROM audit_head WHERE id = 1")
        .fetch_optional(&mut *tx)
        .await?;
    let head = head.map(|row| Ok::<_, sqlx::Error>((row.try_get("seq")?, row.try_get("hash")?)));
    if head.transpose()? != Some((seq, hash)) {
        return Err(damaged(&folder.join("tables/audit_head.jsonl")));
    }
    // Their workers belong to the other server.
    sqlx::query(
        "UPDATE jobs SET state = 'queued', lease = '', attempts = 0 WHERE state = 'running'",
    )
    .execute(&mut *tx)
    .await?;
    let about = json!({"files": manifest.files, "made_at": manifest.made_at});
    audit::record(&mut tx, OPERATOR, "restore", "", &about).await?;
    Ok(tx)
}

/// The rows of a table, as they were written.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
}

impl Lines {
    fn open(folder: &Path, table: &str) -> Outcome<Self> {
        let path = folder.join("tables").join(format!("{table}.jsonl"));
        let file = BufReader::new(File::open(&path).map_err(at(&path))?);
        Ok(Self { path, file })
    }

    fn next(&mut self) -> Outcome<Option<Value>> {
        let mut line = Vec::new();
        let mut capped = (&mut self.file).take(MAX_ROW);
        let read = capped.read_until(b'\n', &mut line);
        if read.map_err(at(&self.path))? == 0 {
            return Ok(None);
        }
        let row = serde_json::from_slice(&line).map_err(|_| damaged(&self.path))?;
        Ok(Some(row))
    }
}
