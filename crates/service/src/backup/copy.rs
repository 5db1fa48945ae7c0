//! Making a backup.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use serde_json::{Map, Value, json};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::tables::TABLES;
use super::{
    BackupError, CHECKSUM, FORMAT, MANIFEST, Manifest, OPERATOR, Outcome, Table, at, copy_tls,
    write_new,
};
use crate::error::Error;
use crate::id::{hex, random};
use crate::state::App;
use crate::store::audit;
use crate::store::db::{Tx, now};
use crate::store::files::{create_private_dir, sync_dir};
use crate::store::rows::file_of;

/// Copies a server to a new folder.
pub async fn backup(app: &App, folder: &Path) -> Outcome<Manifest> {
    if folder.exists() {
        let message = format!("{} already exists: specify a new folder", folder.display());
        return Err(BackupError::Occupied(message));
    }
    // Beside it, also if the path ends in a slash.
    let mut partial = folder.components().collect::<PathBuf>().into_os_string();
    partial.push(format!(".partial-{}", hex(&random::<4>()?)));
    let partial = PathBuf::from(partial);
    let made = copy(app, &partial).await;
    match made {
        Ok(manifest) => {
            fs::rename(&partial, folder).map_err(at(folder))?;
            Ok(manifest)
        }
        Err(error) => {
            let _ = fs::remove_dir_all(&partial);
            Err(error)
        }
    }
}

async fn copy(app: &App, folder: &Path) -> Outcome<Manifest> {
    let (blobs, tables) = (folder.join("blobs"), folder.join("tables"));
    for folder in [&blobs, &tables] {
        create_private_dir(folder).map_err(at(folder))?;
    }
    let rows = "SELECT id, role, bytes, checksum FROM blobs";
    let early = sqlx::query(rows).fetch_all(app.database.pool()).await?;
    for row in &early {
        // One that is deleted meanwhile is none that the copy has. Of any other the second look tells.
        let _ = copy_file(app, row, &blobs).await;
    }

    // From here on nobody writes until the transaction ends.
    let mut tx = app.database.begin().await?;
    let (mut files, mut bytes) = (0, 0);
    let mut wanted = HashSet::new();
    for row in sqlx::query(rows).fetch_all(&mut *tx).await? {
        bytes += copy_file(app, &row, &blobs).await?;
        files += 1;
        wanted.insert(row.try_get::<String, _>("id")?);
    }
    let mut told = Vec::new();
    for (name, columns) in TABLES {
        let path = tables.join(format!("{name}.jsonl"));
        told.push(dump(&mut tx, name, columns, &path).await?);
    }
    let head = sqlx::query("SELECT seq, hash FROM audit_head WHERE id = 1")
        .fetch_one(&mut *tx)
        .await?;
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now(),
        tables: told,
        files,
        bytes,
        audit_seq: head.try_get("seq")?,
        audit_hash: head.try_get("hash")?,
    };
    let about = json!({"files": files, "bytes": bytes});
    audit::record(&mut tx, OPERATOR, "backup", "", &about).await?;
    tx.commit().await?;

    for entry in fs::read_dir(&blobs).map_err(at(&blobs))? {
        let entry = entry.map_err(at(&blobs))?;
        let is_wanted = entry
            .file_name()
            .to_str()
            .is_some_and(|name| wanted.contains(name));
        if !is_wanted {
            fs::remove_file(entry.path()).map_err(at(&entry.path()))?;
        }
    }
    copy_tls(&app.config.data, folder)?;
    let text =
        serde_json::to_vec_pretty(&manifest).map_err(|e| Error::internal("a manifest", e))?;
    let checksum = blake3::hash(&text).to_hex().to_string();
    for (name, content) in [(MANIFEST, text.as_slice()), (CHECKSUM, checksum.as_bytes())] {
        let path = folder.join(name);
        write_new(&path, content).map_err(at(&path))?;
    }
    for folder in [&blobs, &tables, folder] {
        sync_dir(folder).map_err(at(folder))?;
    }
    Ok(manifest)
}

/// Copies a file unless it is there. Returns its size.
async fn copy_file(app: &App, row: &AnyRow, folder: &Path) -> Outcome<u64> {
    let (id, file) = file_of(row)?;
    let bytes = u64::try_from(file.bytes).unwrap_or(0);
    let path = folder.join(&id);
    if path.exists() {
        return Ok(bytes);
    }
    let copied = async {
        let mut pieces = app.blobs.read(&id, 0..bytes).await?;
        let mut out = File::create_new(&path)?;
        let mut hasher = blake3::Hasher::new();
        while let Some(piece) = pieces.next().await? {
            hasher.update(&piece);
            out.write_all(&piece)?;
        }
        out.sync_all()?;
        Ok::<_, io::Error>(hasher.finalize().to_hex().to_string())
    };
    let found = copied.await;
    match found {
        Ok(checksum) if checksum == file.checksum => Ok(bytes),
        found => {
            let _ = fs::remove_file(&path);
            Err(BackupError::Damaged(match found {
                Ok(_) => format!("{id} is corrupted: its checksum does not match"),
                Err(error) => format!("{id} cannot be read: {error}"),
            }))
        }
    }
}

/// Writes the rows of a table.
async fn dump(tx: &mut Tx, name: &str, columns: &[&str], path: &Path) -> Outcome<Table> {
    let select = format!(
        "SELECT {} FROM {name} ORDER BY {}",
        columns.join(", "),
        columns[0]
    );
    let mut found = sqlx::query(AssertSqlSafe(select)).fetch(&mut **tx);
    let mut out = BufWriter::new(File::create_new(path).map_err(at(path))?);
    let (mut rows, mut hasher) = (0, blake3::Hasher::new());
    while let Some(row) = found.try_next().await? {
        let mut fields = Map::new();
        for &column in columns {
            let value = match row.try_get::<i64, _>(column) {
                Ok(number) => Value::from(number),
                Err(_) => Value::from(row.try_get::<String, _>(column)?),
            };
            fields.insert(column.to_owned(), value);
        }
        let line = format!("{}\n", Value::Object(fields));
        hasher.update(line.as_bytes());
        out.write_all(line.as_bytes()).map_err(at(path))?;
        rows += 1;
    }
    let file = out.into_inner().map_err(|e| at(path)(e.into_error()))?;
    file.sync_all().map_err(at(path))?;
    Ok(Table {
        name: name.to_owned(),
        rows,
        checksum: hasher.finalize().to_hex().to_string(),
    })
}
