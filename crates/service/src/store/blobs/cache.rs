//! Files of a bucket that are here for a while, within a budget.
//!
//! Each process has a folder of its own, so that none removes what another uses. It is locked as long as the process
//! lives, and unlocked folders are removed by the next process.
//!
//! By hand: files in use stay and count against the budget, which `moka` cannot do.

use std::fs::{self, File};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::id::hex;
use crate::store::files::create_private_dir;

/// The file by which a folder is locked.
const LOCK: &str = "lock";

/// See the module.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    budget: u64,
    /// The one that was used last at the end.
    entries: Mutex<Vec<Arc<Entry>>>,
    _lock: File,
}

/// A file, which is removed when nobody has it any more.
#[derive(Debug)]
struct Entry {
    id: String,
    path: PathBuf,
    bytes: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        // If it stays, it goes with the folder.
        let _ = fs::remove_file(&self.path);
    }
}

/// A file that stays where it is as long as this does.
#[derive(Clone, Debug)]
pub struct Local {
    path: PathBuf,
    _entry: Option<Arc<Entry>>,
}

impl Local {
    /// A file that nobody removes unless it is deleted.
    pub fn lasting(path: PathBuf) -> Self {
        Self { path, _entry: None }
    }
}

impl Deref for Local {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl Cache {
    /// An empty cache below a folder.
    pub fn open(folder: &Path, budget: u64) -> io::Result<Self> {
        create_private_dir(folder)?;
        // One at a time, so that a folder is not taken for left before it is locked.
        let others = File::create(folder.join(LOCK))?;
        others.lock()?;
        for entry in fs::read_dir(folder)? {
            remove_if_left(&entry?.path());
        }
        let own = folder.join(random_name()?);
        create_private_dir(&own)?;
        let lock = File::create(own.join(LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(Self {
            folder: own,
            budget,
            entries: Mutex::default(),
            _lock: lock,
        })
    }

    /// A file that is here already.
    pub fn find(&self, id: &str) -> Option<Local> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let at = entries.iter().position(|entry| entry.id == id)?;
        let entry = entries.remove(at);
        entries.push(entry.clone());
        Some(local(entry))
    }

    /// Where a file can be written before it is added.
    pub fn vacancy(&self) -> io::Result<PathBuf> {
        Ok(self.folder.join(random_name()?))
    }

    /// Adds a file that is complete. Others go if there is no room for all: those that were not
    /// used for longest and that nobody has.
    pub fn add(&self, id: &str, path: PathBuf, bytes: u64) -> Local {
        let entry = Arc::new(Entry {
            id: id.to_owned(),
            path,
            bytes,
        });
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(entry.clone());
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        entries.retain(|entry| {
            let goes = total > self.budget && Arc::strong_count(entry) == 1;
            if goes {
                total -= entry.bytes;
            }
            !goes
        });
        local(entry)
    }

    /// Forgets a file that was deleted.
    pub fn forget(&self, id: &str) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.id != id);
    }
}

fn local(entry: Arc<Entry>) -> Local {
    Local {
        path: entry.path.clone(),
        _entry: Some(entry),
    }
}

fn random_name() -> io::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(hex(&random))
}

/// Removes the folder of a process that has ended.
fn remove_if_left(folder: &Path) {
    let is_left = File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
    if is_left {
        let _ = fs::remove_dir_all(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 10).unwrap();
        let add = |id: &str| {
            let path = cache.vacancy().unwrap();
            fs::write(&path, b"12345").unwrap();
            cache.add(id, path, 5)
        };
        let first = add("first");
        drop(add("second"));
        // The second goes: the first is in use.
        let third = add("third");
        assert!(first.exists() && third.exists());
        assert!(cache.find("second").is_none() && cache.find("third").is_some());
        // Deleted, but still in use.
        cache.forget("first");
        assert!(cache.find("first").is_none() && first.exists());
        let path = first.to_path_buf();
        drop(first);
        assert!(!path.exists());

        // Another process takes away what one has left that has ended, and nothing else.
        let left = cache.folder.clone();
        let other = Cache::open(folder.path(), 10).unwrap();
        assert!(third.exists());
        drop(cache);
        drop(other);
        Cache::open(folder.path(), 10).unwrap();
        assert!(!left.exists());
    }
}
