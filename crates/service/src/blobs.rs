//! Files: what clients have uploaded and what jobs have computed.
//!
//! ```text
//! blobs/0f/blb_0f...   accepted files, each with a row in the database, never changed
//! staging/upl_...      uploads on their way
//! staging/tmp_...      results that are being written
//! ```
//!
//! A row exists only after its file is complete and on the disk, and a file is removed only after
//! its row is gone. So a crash can leave files without a row, which [`Blobs::sweep`] removes, but never
//! a row without its file.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::id::hex;

/// The files of a server.
#[derive(Clone, Debug)]
pub struct Blobs {
    accepted: PathBuf,
    staging: PathBuf,
}

/// A file that has been written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its size.
    pub bytes: u64,
    /// Its blake3 checksum, in hexadecimal.
    pub checksum: String,
}

impl Blobs {
    /// The files below a data folder.
    ///
    /// # Errors
    /// Those of making folders.
    pub fn open(data: &Path) -> io::Result<Self> {
        let blobs = Self {
            accepted: data.join("blobs"),
            staging: data.join("staging"),
        };
        create_private_dir(&blobs.accepted)?;
        create_private_dir(&blobs.staging)?;
        Ok(blobs)
    }

    /// Where an accepted file is.
    pub fn path(&self, id: &str) -> PathBuf {
        // Ids are random from their fifth letter on.
        self.accepted.join(id.get(4..6).unwrap_or("__")).join(id)
    }

    /// Where an upload is.
    pub fn staged(&self, upload: &str) -> PathBuf {
        self.staging.join(upload)
    }

    /// Accepts an upload that is complete. The upload itself stays until it is removed, so that
    /// nothing is lost if what follows fails.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn adopt(&self, upload: &str, id: &str) -> io::Result<()> {
        let path = self.path(id);
        let folder = parent(&path)?;
        create_private_dir(folder)?;
        fs::hard_link(self.staged(upload), &path)?;
        sync_dir(folder)
    }

    /// Writes a new file, which is there as a whole or not at all.
    ///
    /// # Errors
    /// Those of `write`, and of the file system.
    pub fn create(
        &self,
        id: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Written> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let temporary = self.staging.join(format!("tmp_{}", hex(&random)));
        let attempt = || {
            let mut file = Hashing {
                inner: BufWriter::with_capacity(1 << 20, File::create_new(&temporary)?),
                hasher: blake3::Hasher::new(),
                bytes: 0,
            };
            write(&mut file)?;
            file.flush()?;
            file.inner.get_ref().sync_all()?;
            let path = self.path(id);
            let folder = parent(&path)?;
            create_private_dir(folder)?;
            fs::rename(&temporary, &path)?;
            sync_dir(folder)?;
            Ok(Written {
                bytes: file.bytes,
                checksum: file.hasher.finalize().to_hex().to_string(),
            })
        };
        let written = attempt();
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Removes an accepted file.
    ///
    /// # Errors
    /// Those of the file system; that it is not there is none.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        remove(&self.path(id))
    }

    /// Removes an upload.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub fn remove_staged(&self, upload: &str) -> io::Result<()> {
        remove(&self.staged(upload))
    }

    /// Removes files that nobody knows, if they are older than `age`: younger ones may be on their
    /// way to a row. Returns how many.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sweep(&self, known: &HashSet<String>, age: Duration) -> io::Result<usize> {
        let mut removed = 0;
        let mut folders = vec![self.staging.clone()];
        for entry in fs::read_dir(&self.accepted)? {
            folders.push(entry?.path());
        }
        let oldest = SystemTime::now().checked_sub(age);
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let name = entry.file_name();
                let is_known = name.to_str().is_some_and(|name| known.contains(name));
                // An adopted file has the age of its upload, so what counts is when it was touched last.
                let modified = entry.metadata().and_then(|metadata| changed(&metadata));
                let is_old = modified.is_ok_and(|at| oldest.is_some_and(|oldest| at <= oldest));
                if !is_known && is_old {
                    remove(&entry.path())?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

/// When the file was last written to or linked.
#[cfg(unix)]
fn changed(metadata: &fs::Metadata) -> io::Result<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(not(unix))]
fn changed(metadata: &fs::Metadata) -> io::Result<SystemTime> {
    metadata.modified()
}

struct Hashing {
    inner: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Makes a folder that only this user may look into, and those above it.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// The names in a folder survive a loss of power only when the folder itself was written.
pub fn sync_dir(folder: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}

fn parent(path: &Path) -> io::Result<&Path> {
    path.parent()
        .ok_or_else(|| io::Error::other("a file without a folder"))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_whole_or_not_there_and_strangers_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let id = "blb_0f0f";
        let written = blobs.create(id, |file| file.write_all(b"content")).unwrap();
        assert_eq!(written.bytes, 7);
        assert_eq!(written.checksum, blake3::hash(b"content").to_hex().as_str());
        assert_eq!(fs::read(blobs.path(id)).unwrap(), b"content");

        let failed = blobs.create("blb_1234", |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("no room"))
        });
        assert!(failed.is_err() && !blobs.path("blb_1234").exists());
        assert_eq!(
            fs::read_dir(folder.path().join("staging")).unwrap().count(),
            0
        );

        fs::write(blobs.staged("upl_1"), b"uploaded").unwrap();
        blobs.adopt("upl_1", "blb_5678").unwrap();
        assert_eq!(fs::read(blobs.path("blb_5678")).unwrap(), b"uploaded");
        blobs.remove_staged("upl_1").unwrap();
        blobs.remove_staged("upl_1").unwrap();
        assert_eq!(fs::read(blobs.path("blb_5678")).unwrap(), b"uploaded");

        let known = HashSet::from([id.to_owned()]);
        assert_eq!(blobs.sweep(&known, Duration::from_secs(60)).unwrap(), 0);
        assert_eq!(blobs.sweep(&known, Duration::ZERO).unwrap(), 1);
        assert!(blobs.path(id).exists() && !blobs.path("blb_5678").exists());
    }
}
