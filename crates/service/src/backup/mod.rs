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

mod copy;
mod restore;
mod tables;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::error::StartError;
use crate::store::audit::Actor;
use crate::store::files::create_private_dir;

pub use copy::backup;
pub use restore::restore;

/// The version of the layout.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const CHECKSUM: &str = "manifest.blake3";
/// Who copies and restores.
const OPERATOR: Actor<'static> = Actor {
    tenant: "",
    token: "operator",
};

/// Why a backup or its restoration failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is there already and is not replaced.
    #[error("{0}")]
    Occupied(String),
    /// The backup, or a file to be backed up, is damaged.
    #[error("{0}: nothing was written")]
    Damaged(String),
    /// A file could not be read or written.
    #[error("cannot use {path}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database failed.
    #[error("cannot use the database")]
    Database(#[from] sqlx::Error),
    /// The new server cannot be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Something else failed, and see the log.
    #[error(transparent)]
    Other(#[from] Error),
}

type Outcome<T> = Result<T, BackupError>;

/// The contents of a backup.
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

/// Copies certificate and key, since clients have pinned the certificate.
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
