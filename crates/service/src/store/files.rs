//! Files and folders that only this user may look into.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// When the file was last written to or linked.
#[cfg(unix)]
pub fn changed(metadata: &fs::Metadata) -> io::Result<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(not(unix))]
pub fn changed(metadata: &fs::Metadata) -> io::Result<SystemTime> {
    metadata.modified()
}

/// A file that is being written, and the checksum of what has been.
pub struct Hashing {
    pub inner: BufWriter<File>,
    pub hasher: blake3::Hasher,
    pub bytes: u64,
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

/// What of a data folder is for this user alone, and the databases that SQLite would make for others to read.
const PRIVATE: [&str; 6] = ["blobs", "cache", "lock", "staging", "tls", "tls/key.pem"];
const DATABASES: [&str; 2] = ["service.db", "queue.db"];
/// Files beside a database, which SQLite makes as it found that.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

/// Makes a data folder's databases, unless it has them or needs none, and takes from others what they may do with these,
/// the keys and the files, whatever they may do with the folder.
///
/// # Errors
/// Those of making files. What belongs to another user and cannot be changed is in the log.
pub fn protect(folder: &Path, has_databases: bool) -> io::Result<()> {
    let mut private: Vec<_> = PRIVATE.map(|name| folder.join(name)).to_vec();
    if has_databases {
        for name in DATABASES {
            create_private_file(&folder.join(name))?;
            private.extend(BESIDE.map(|end| folder.join(format!("{name}{end}"))));
        }
    }
    for path in private.iter().filter(|path| path.exists()) {
        if let Err(error) = restrict(path) {
            tracing::warn!(path = %path.display(), %error, "others may read this, and that cannot be changed");
        }
    }
    Ok(())
}

/// Makes an empty file that only this user may read, unless there is one.
pub fn create_private_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map(drop)
}

/// Takes from others what they may do with a file or folder.
#[cfg(unix)]
fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode();
    match mode & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700)),
    }
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The names in a folder survive a loss of power only when the folder itself was written.
pub fn sync_dir(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

/// Where an accepted file is.
pub fn within(folder: &Path, id: &str) -> PathBuf {
    // Ids are random from their fifth letter on.
    folder.join(id.get(4..6).unwrap_or("__")).join(id)
}

/// The folder of a file.
pub fn parent(path: &Path) -> io::Result<&Path> {
    path.parent()
        .ok_or_else(|| io::Error::other("a file without a folder"))
}

/// Removes a file; that it is not there is no error.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
