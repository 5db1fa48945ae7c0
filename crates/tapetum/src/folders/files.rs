//! Files that are either there whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Context, Error, Result};

/// Largest text file that is read: plans, statistics, indices.
const MAX_TEXT: u64 = 256 << 20;
/// Bytes that are read or written at once.
pub const BUFFER: usize = 1 << 20;

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Whoever may read new files here.
    Default,
    /// The user alone.
    User,
}

/// A file that is all written, under a temporary name beside its own, which it takes with
/// [`commit`](Self::commit). Without that it is removed: an existing file stays whole whatever
/// happens.
#[must_use]
pub struct Pending {
    file: NamedTempFile,
    path: PathBuf,
    len: u64,
}

impl Pending {
    /// Writes the file under its temporary name.
    pub fn write(
        path: &Path,
        readers: Readers,
        write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
    ) -> Result<Self> {
        Self::write_while(path, readers, |file| {
            write(file).with_context(|| cannot_write(path))
        })
    }

    /// The same where what is written is computed meanwhile, which may fail as well. So `write` says
    /// itself, by [`cannot_write`], what failed when writing did.
    pub fn write_while(
        path: &Path,
        readers: Readers,
        write: impl FnOnce(&mut BufWriter<&mut File>) -> Result<()>,
    ) -> Result<Self> {
        check_target(path)?;
        let cannot = || cannot_write(path);
        let mut file = temporary(readers, parent(path)).with_context(cannot)?;
        let mut writer = BufWriter::with_capacity(BUFFER, file.as_file_mut());
        write(&mut writer)?;
        writer.flush().with_context(cannot)?;
        drop(writer);
        let finish = || -> io::Result<u64> {
            file.as_file().sync_all()?;
            Ok(file.as_file().metadata()?.len())
        };
        let len = finish().with_context(cannot)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            len,
        })
    }

    /// Gives the file its name, which replaces an existing file. Returns the number of bytes.
    pub fn commit(self) -> Result<u64> {
        let Self { file, path, len } = self;
        file.persist(&path)
            .map_err(|e| e.error)
            .with_context(|| cannot_write(&path))?;
        Ok(len)
    }
}

/// Writes a file or, if that fails, leaves the one that is there. Returns the number of bytes.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<u64> {
    Pending::write(path, Readers::Default, write)?.commit()
}

/// The same for what is private: only the user may read the file.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<u64> {
    Pending::write(path, Readers::User, |file| file.write_all(bytes))?.commit()
}

/// The same for text.
pub fn write_text(path: &Path, text: &str) -> Result<u64> {
    write_atomically(path, |file| file.write_all(text.as_bytes()))
}

/// Fails if a file cannot be written there, which should be known before hours of work.
pub fn check_target(path: &Path) -> Result<()> {
    let attempt = || -> io::Result<()> {
        let refuse = |message| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        // Neither a folder nor a device may be replaced by a file.
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => return refuse("a folder has this name".to_owned()),
            Ok(there) if !there.is_file() => return refuse("it is not a regular file".to_owned()),
            _ => {}
        }
        let parent = parent(path);
        if !parent.is_dir() {
            return refuse(format!(
                "the folder {} does not exist: create it first",
                parent.display()
            ));
        }
        temporary(Readers::User, parent)?.close()
    };
    attempt().with_context(|| cannot_write(path))
}

/// What to say when writing there has failed.
pub fn cannot_write(path: &Path) -> String {
    format!(
        "cannot write {} (is there room, and may you write there?)",
        path.display()
    )
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Temporary files are made for the user alone unless told otherwise.
fn temporary(readers: Readers, dir: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tapetum-").suffix(".partial");
    #[cfg(unix)]
    if readers == Readers::Default {
        use std::os::unix::fs::PermissionsExt;
        // Cut down by the user's umask.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(dir)
}

/// Opens a file to be read through a buffer.
pub fn open(path: &Path) -> Result<BufReader<File>> {
    Ok(BufReader::with_capacity(BUFFER, open_unbuffered(path)?))
}

/// Opens a file.
pub fn open_unbuffered(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot open {}", path.display()))
}

/// Whether a file begins with these bytes.
pub fn starts_with(path: &Path, bytes: &[u8]) -> Result<bool> {
    let mut front = Vec::with_capacity(bytes.len());
    let read = open_unbuffered(path)?
        .take(bytes.len() as u64)
        .read_to_end(&mut front);
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(front == bytes)
}

/// Fails unless a file has been read to its end.
pub fn check_end(mut rest: impl Read, path: &Path) -> Result<()> {
    let read = rest.read(&mut [0]);
    match read.with_context(|| format!("cannot read {}", path.display()))? {
        0 => Ok(()),
        _ => {
            let message = format!("{} has trailing data", path.display());
            Err(Error::input(message))
        }
    }
}

/// A text file, unless it is absurdly large or no text.
pub fn read_text(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    open(path)?
        .take(MAX_TEXT + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.len() as u64 > MAX_TEXT {
        let message = format!(
            "{} exceeds the {} MiB limit for text files",
            path.display(),
            MAX_TEXT >> 20
        );
        return Err(Error::input(message));
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::input(format!("{} is not UTF-8 text", path.display())))
}

/// Makes a directory and those above it.
pub fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make the folder {}", path.display()))
}

/// The same for what is private: only the user may look into a directory that is made.
pub fn create_private_dir(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    let made = builder.create(path);
    made.with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Whether other users may read a file or write to it.
pub fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
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
        Err(Error::role(message))
    }
}
