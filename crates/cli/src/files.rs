//! Files that are either there whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// Largest text file that is read: plans, statistics, indices.
const MAX_TEXT: u64 = 256 << 20;

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    /// Whoever may read new files here.
    Default,
    /// The user alone.
    User,
}

/// Writes a file through a temporary one beside it, which takes its name only when all is written:
/// an existing file stays whole whatever happens. Returns the number of bytes.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<u64> {
    write_for(Readers::Default, path, write)
}

fn write_for(
    readers: Readers,
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<u64> {
    let attempt = || -> io::Result<u64> {
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut file = temporary(readers, parent)?;
        let mut writer = BufWriter::with_capacity(1 << 20, file.as_file_mut());
        write(&mut writer)?;
        writer.flush()?;
        drop(writer);
        file.as_file().sync_all()?;
        let len = file.as_file().metadata()?.len();
        file.persist(path).map_err(|e| e.error)?;
        Ok(len)
    };
    attempt().with_context(|| {
        format!(
            "cannot write {}: is there room, and may you write there?",
            path.display()
        )
    })
}

/// Temporary files are made for the user alone unless told otherwise.
fn temporary(readers: Readers, dir: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    if readers == Readers::Default {
        use std::os::unix::fs::PermissionsExt;
        // Cut down by the user's umask.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(dir)
}

/// The same for a secret: only the user may read the file.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<u64> {
    write_for(Readers::User, path, |file| file.write_all(bytes))
}

/// The same for text.
pub fn write_text(path: &Path, text: &str) -> Result<u64> {
    write_atomically(path, |file| file.write_all(text.as_bytes()))
}

/// Opens a file to be read through a buffer.
pub fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(BufReader::with_capacity(1 << 20, file))
}

/// A text file, unless it is absurdly large or no text.
pub fn read_text(path: &Path) -> Result<String> {
    let len = fs::metadata(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .len();
    if len > MAX_TEXT {
        let message = format!("{} has {len} bytes: too large to be right", path.display());
        return Err(Failure::Input(message).into());
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::Input(format!("{} is no text file", path.display())).into())
}

/// Makes a directory and those above it.
pub fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make the folder {}", path.display()))
}

/// The size of a file.
pub fn size(path: &Path) -> Result<u64> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(metadata.len())
}

/// `name` in `dir`, which must be there already.
pub fn existing(dir: &Path, name: &str, advice: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    if path.is_file() {
        Ok(path)
    } else {
        let message = format!("{} is missing: {advice}", path.display());
        Err(Failure::Role(message).into())
    }
}
