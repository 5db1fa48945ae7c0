//! The data folder of a server, which has it to itself.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::StartError;
use crate::store::files::create_private_dir;

const LOCK: &str = "lock";

/// A data folder that nobody else has open as long as this exists. Unless it is [kept](Self::keep), a folder that was
/// empty or missing is so again afterwards: a failed start leaves nothing half-made behind.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// What to clean up.
    before: Before,
    /// Locked.
    _lock: File,
}

/// What there was before.
#[derive(Debug)]
enum Before {
    /// No folder; the missing ones.
    Nothing(Vec<PathBuf>),
    /// An empty folder, or one with nothing in it but an old lock.
    Empty,
    /// A server, or something else that is not to be touched.
    Something,
}

impl DataFolder {
    /// Opens a folder, which is made if there is none.
    ///
    /// # Errors
    /// [`StartError::InUse`] if another process has it open, [`StartError::Folder`] if it cannot be used.
    pub fn open(path: &Path) -> Result<Self, StartError> {
        let missing = path.ancestors().take_while(|path| {
            let is_named = !path.as_os_str().is_empty();
            is_named && !path.exists()
        });
        let missing: Vec<_> = missing.map(Path::to_owned).collect();
        create_private_dir(path)?;
        let lock = File::create(path.join(LOCK))?;
        lock.try_lock().map_err(|_| StartError::InUse)?;
        // Only who has the lock knows that nobody else writes there.
        let before = match (missing.is_empty(), is_empty(path)?) {
            (_, false) => Before::Something,
            (false, true) => Before::Nothing(missing),
            (true, true) => Before::Empty,
        };
        Ok(Self {
            path: path.to_owned(),
            before,
            _lock: lock,
        })
    }

    /// Whether there was nothing in it, or no folder at all.
    pub fn was_empty(&self) -> bool {
        !matches!(self.before, Before::Something)
    }

    /// It is of use: whatever is in it stays.
    pub fn keep(&mut self) {
        self.before = Before::Something;
    }

    fn clean_up(&self) -> io::Result<()> {
        let missing = match &self.before {
            Before::Something => return Ok(()),
            Before::Empty => None,
            Before::Nothing(missing) => Some(missing),
        };
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?
            } else {
                fs::remove_file(entry.path())?
            }
        }
        missing.into_iter().flatten().try_for_each(fs::remove_dir)
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if let Err(error) = self.clean_up() {
            tracing::warn!(%error, "the data folder could not be left as it was");
        }
    }
}

fn is_empty(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        if entry?.file_name() != OsStr::new(LOCK) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_there_before_is_not_there_after() {
        let temporary = tempfile::tempdir().unwrap();
        let above = temporary.path().join("above");
        let path = above.join("data");
        let open = || DataFolder::open(&path);
        let write = || {
            fs::create_dir(path.join("tls")).unwrap();
            fs::write(path.join("tls/key.pem"), "key").unwrap();
            fs::write(path.join("service.db"), "rows").unwrap();
        };

        let folder = open().unwrap();
        write();
        drop(folder);
        assert!(!above.exists());

        fs::create_dir_all(&path).unwrap();
        let folder = open().unwrap();
        write();
        // A second one does not clean up after the first.
        assert!(matches!(open(), Err(StartError::InUse)));
        assert!(path.join("service.db").exists());
        drop(folder);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);

        let mut folder = open().unwrap();
        write();
        folder.keep();
        drop(folder);
        assert!(path.join("tls/key.pem").exists());
        drop(open().unwrap());
        assert!(path.join("tls/key.pem").exists());
    }
}
