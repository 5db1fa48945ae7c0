//! A copy of all that a server keeps, made while it runs, and a server made of such a copy.
//!
//! ```text
//! manifest.json         what is in it, with checksums and the newest record of the audit log
//! manifest.blake3       its checksum
//! tables/NAME.jsonl     the rows of a table, one JSON object a line
//! blobs/blb_...         accepted files, whose checksums are in tables/blobs.jsonl
//! tls/                  certificate and key, if the server made them itself
//! ```
//!
//! Accepted files never change. So most are copied before the database is held still, and the rest while no
//! transaction can write: the copy is what the server had at that moment. Uploads on their way are left out.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use crate::api::objects::StoredFile;
use crate::audit::{self, Actor, Record};
use crate::blobs::{create_private_dir, sync_dir};
use crate::config::Config;
use crate::db::{Tx, now};
use crate::error::Problem;
use crate::id::{Kind, hex, random};
use crate::state::{App, Service, StartError, run_blocking};

/// The version of the layout.
const FORMAT: u32 = 1;
/// Bytes of a manifest, and of a row.
const MAX_MANIFEST: u64 = 1 << 20;
const MAX_ROW: u64 = 16 << 20;
const MANIFEST: &str = "manifest.json";
const CHECKSUM: &str = "manifest.blake3";
const OPERATOR: &str = "operator";

/// What is copied of the database: tables, their columns in order of their keys.
const TABLES: [(&str, &[&str]); 9] = [
    ("tenants", &["id", "name", "created_at", "storage_quota"]),
    (
        "tokens",
        &[
            "id",
            "tenant",
            "hash",
            "name",
            "scopes",
            "created_at",
            "expires_at",
            "revoked_at",
        ],
    ),
    (
        "objects",
        &[
            "id",
            "tenant",
            "kind",
            "name",
            "parent",
            "details",
            "token",
            "created_at",
        ],
    ),
    (
        "blobs",
        &[
            "id",
            "tenant",
            "object",
            "role",
            "bytes",
            "checksum",
            "created_at",
        ],
    ),
    (
        "jobs",
        &[
            "id",
            "tenant",
            "kind",
            "name",
            "token",
            "request",
            "state",
            "result",
            "problem",
            "done",
            "total",
            "what",
            "attempts",
            "lease",
            "lease_until",
            "cancel",
            "created_at",
            "started_at",
            "finished_at",
        ],
    ),
    ("job_inputs", &["job", "object"]),
    (
        "idempotency",
        &[
            "tenant",
            "token",
            "key",
            "request",
            "status",
            "body",
            "location",
            "created_at",
        ],
    ),
    (
        "audit",
        &[
            "seq", "at", "tenant", "token", "action", "object", "details", "hash",
        ],
    ),
    ("audit_head", &["id", "seq", "hash"]),
];

/// Why a copy could not be made, or a server not be made of one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is there already, and is not replaced.
    #[error("{0}")]
    Occupied(String),
    /// The copy, or what was to be copied, is not what it was.
    #[error("{0}: nothing was put in place of it")]
    Damaged(String),
    /// A file could not be read or written.
    #[error("cannot use {path}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database refused.
    #[error("the database cannot be used")]
    Database(#[from] sqlx::Error),
    /// The new server cannot be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Something else failed, and the log has more about it.
    #[error(transparent)]
    Problem(#[from] Problem),
}

type Outcome<T> = Result<T, BackupError>;

/// What is in a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The version of the program that made it.
    pub version: String,
    /// When it was made, in milliseconds since 1970.
    pub made_at: i64,
    tables: Vec<Table>,
    /// Accepted files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The number of the newest record of the audit log.
    pub audit_seq: i64,
    /// Its hash.
    pub audit_hash: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Table {
    name: String,
    rows: u64,
    /// Of the file with the rows.
    checksum: String,
}

/// Copies a server to a new folder.
pub async fn backup(app: &App, folder: &Path) -> Outcome<Manifest> {
    if folder.exists() {
        let message = format!("{} exists: name a new folder", folder.display());
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
    let mut wanted = std::collections::HashSet::new();
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
    let actor = Actor {
        tenant: "",
        token: OPERATOR,
    };
    let about = json!({"files": files, "bytes": bytes});
    audit::record(&mut tx, actor, "backup", "", &about).await?;
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
        serde_json::to_vec_pretty(&manifest).map_err(|e| Problem::internal("a manifest", e))?;
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
    let (id, file) = (row.try_get::<String, _>("id")?, stored_file(row)?);
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
                Ok(_) => format!("{id} is not what was stored: its checksum is another"),
                Err(error) => format!("{id} cannot be read: {error}"),
            }))
        }
    }
}

fn stored_file(row: &AnyRow) -> Outcome<StoredFile> {
    Ok(StoredFile {
        role: row.try_get("role")?,
        bytes: row.try_get("bytes")?,
        checksum: row.try_get("checksum")?,
    })
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
    let data = config.data.clone();
    create_private_dir(&data).map_err(at(&data))?;
    let lock = File::create(data.join("lock")).map_err(at(&data))?;
    lock.try_lock().map_err(|_| StartError::InUse)?;
    let app = Service::open(config).await?;
    let used = "SELECT (SELECT COUNT(*) FROM tenants) + (SELECT COUNT(*) FROM audit)";
    let used: i64 = sqlx::query_scalar(used)
        .fetch_one(app.database.pool())
        .await?;
    if used > 0 {
        let message = "there is a server already: name an empty folder and an empty database";
        return Err(BackupError::Occupied(message.to_owned()));
    }
    restore_files(&app, folder).await?;
    restore_tables(&app, folder, &manifest).await?;
    copy_tls(folder, &data)?;
    app.close().await;
    Ok(manifest)
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
    match manifest.format == FORMAT && names.eq(TABLES.iter().map(|(name, _)| *name)) {
        true => Ok(manifest),
        false => Err(BackupError::Damaged(format!(
            "the copy was made by version {}, which wrote it in another way",
            manifest.version
        ))),
    }
}

async fn restore_files(app: &App, folder: &Path) -> Outcome<()> {
    let mut rows = Lines::open(folder, "blobs")?;
    while let Some(row) = rows.next()? {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let (id, checksum) = (text("id"), text("checksum"));
        Kind::Blob.check(&id)?;
        let path = folder.join("blobs").join(&id);
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
async fn restore_tables(app: &App, folder: &Path, manifest: &Manifest) -> Outcome<()> {
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
    // Whoever worked on them works for the other server.
    sqlx::query(
        "UPDATE jobs SET state = 'queued', lease = '', attempts = 0 WHERE state = 'running'",
    )
    .execute(&mut *tx)
    .await?;
    let actor = Actor {
        tenant: "",
        token: OPERATOR,
    };
    let about = json!({"files": manifest.files, "made_at": manifest.made_at});
    audit::record(&mut tx, actor, "restore", "", &about).await?;
    Ok(tx.commit().await?)
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

/// Certificate and key, since clients have pinned the certificate.
fn copy_tls(from: &Path, to: &Path) -> Outcome<()> {
    let (from, to) = (from.join("tls"), to.join("tls"));
    if !from.exists() {
        return Ok(());
    }
    create_private_dir(&to).map_err(at(&to))?;
    for name in ["key.pem", "certificate.pem"] {
        let path = from.join(name);
        let content = zeroize::Zeroizing::new(fs::read(&path).map_err(at(&path))?);
        let path = to.join(name);
        write_new(&path, &content).map_err(at(&path))?;
    }
    Ok(())
}

/// Writes a file that only this user may read, unless there is one.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn damaged(path: &Path) -> BackupError {
    BackupError::Damaged(format!("{} is damaged", path.display()))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |source| BackupError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;

    #[tokio::test]
    async fn all_columns_are_copied() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}?mode=rwc", folder.path().join("db").display());
        let database = Database::open(&url).await.unwrap();
        let mut tables: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
                .fetch_all(database.pool())
                .await
                .unwrap();
        // Uploads begin anew, and the name of a database is its own.
        tables.retain(|name| !["uploads", "identity", "schema_version"].contains(&name.as_str()));
        assert_eq!(tables.len(), TABLES.len());
        for (name, columns) in TABLES {
            let found: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
                .bind(name)
                .fetch_all(database.pool())
                .await
                .unwrap();
            assert_eq!(found, columns, "{name}");
        }
    }
}
