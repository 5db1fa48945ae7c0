//! Files: what clients have uploaded and what jobs have computed.
//!
//! ```text
//! blobs/0f/blb_0f...   accepted files, each with a row in the database, never changed;
//!                      or in a bucket, as PREFIX/blb_0f...
//! staging/upl_...      uploads on their way
//! staging/tmp_...      results that are being written
//! cache/               files of the bucket that are used just now
//! ```
//!
//! A row exists only after its file is complete and on the disk, and a file is removed only after
//! its row is gone. So a crash can leave files without a row, which [`Blobs::sweep`] removes, but never
//! a row without its file.

mod bucket;
mod cache;
mod pieces;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tapetum_client::StoredFile;
use tokio::io::AsyncSeekExt;

use super::files::{Hashing, changed, create_private_dir, parent, remove, sync_dir, within};
use crate::id::hex;
use bucket::Bucket;
pub use cache::Local;
use pieces::{Pieces, Source};

/// Names the database to which the accepted files belong.
const IDENTITY: &str = "identity";

/// The files of a server. Whatever waits for files or a network waits on its thread, which must not be one of those
/// that serve requests.
#[derive(Clone, Debug)]
pub struct Blobs {
    staging: PathBuf,
    store: Store,
}

/// Where accepted files are.
#[derive(Clone, Debug)]
enum Store {
    Folder(PathBuf),
    Bucket(Arc<Bucket>),
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
    /// The files below a data folder; the accepted ones in a bucket if there is a URL of one, of which
    /// `cache` bytes are kept here.
    ///
    /// # Errors
    /// Those of making folders, and of a malformed URL.
    pub fn open(data: &Path, store: Option<&str>, cache: u64) -> io::Result<Self> {
        let staging = data.join("staging");
        create_private_dir(&staging)?;
        let store = match store {
            Some(url) => Store::Bucket(Arc::new(Bucket::open(url, &data.join("cache"), cache)?)),
            None => {
                let accepted = data.join("blobs");
                create_private_dir(&accepted)?;
                Store::Folder(accepted)
            }
        };
        Ok(Self { staging, store })
    }

    /// Makes sure that the files belong to this database: what it does not know is removed, so the files of another
    /// would be lost.
    ///
    /// # Errors
    /// If they are another's, or the store does not answer.
    pub fn claim(&self, identity: &str) -> io::Result<()> {
        let found = match &self.store {
            Store::Folder(folder) => {
                let path = folder.join(IDENTITY);
                match File::create_new(&path) {
                    Ok(mut file) => {
                        file.write_all(identity.as_bytes())?;
                        file.sync_all()?;
                        None
                    }
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        Some(Bytes::from(fs::read(path)?))
                    }
                    Err(error) => return Err(error),
                }
            }
            Store::Bucket(bucket) => bucket.put_if_absent(IDENTITY, identity)?,
        };
        if found.is_none_or(|found| found == identity.as_bytes()) {
            Ok(())
        } else {
            Err(io::Error::other(
                "these files belong to another database: specify that database, or another place for files",
            ))
        }
    }

    /// An accepted file, to be read as long as what is returned is there.
    ///
    /// # Errors
    /// Those of the store, and if it is not what its row says.
    pub fn local(&self, id: &str, row: &StoredFile) -> io::Result<Local> {
        match &self.store {
            Store::Folder(folder) => Ok(Local::lasting(within(folder, id))),
            Store::Bucket(bucket) => bucket.fetch(id, row),
        }
    }

    /// Some bytes of an accepted file, from piece to piece.
    ///
    /// # Errors
    /// If there is no such file, or the store does not answer.
    pub async fn read(&self, id: &str, range: Range<u64>) -> io::Result<Pieces> {
        let source = match &self.store {
            Store::Folder(folder) => {
                let mut file = tokio::fs::File::open(within(folder, id)).await?;
                file.seek(io::SeekFrom::Start(range.start)).await?;
                Source::File(file)
            }
            Store::Bucket(bucket) => Source::Object(bucket.clone(), id.to_owned()),
        };
        Pieces::begin(source, range).await
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
    pub fn accept(&self, upload: &str, id: &str) -> io::Result<()> {
        let staged = self.staged(upload);
        match &self.store {
            Store::Bucket(bucket) => bucket.put(&staged, id),
            Store::Folder(folder) => {
                let path = within(folder, id);
                let folder = parent(&path)?;
                create_private_dir(folder)?;
                fs::hard_link(staged, &path)?;
                sync_dir(folder)
            }
        }
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
            match &self.store {
                Store::Bucket(bucket) => {
                    bucket.put(&temporary, id)?;
                    fs::remove_file(&temporary)?;
                }
                Store::Folder(folder) => {
                    let path = within(folder, id);
                    let folder = parent(&path)?;
                    create_private_dir(folder)?;
                    fs::rename(&temporary, &path)?;
                    sync_dir(folder)?;
                }
            }
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
    /// Those of the store; that it is not there is none.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        match &self.store {
            Store::Folder(folder) => remove(&within(folder, id)),
            Store::Bucket(bucket) => bucket.remove(id),
        }
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
        match &self.store {
            Store::Folder(accepted) => {
                for entry in fs::read_dir(accepted)? {
                    folders.push(entry?.path());
                }
            }
            Store::Bucket(bucket) => removed += bucket.sweep(known, age)?,
        }
        let oldest = SystemTime::now().checked_sub(age);
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let name = entry.file_name();
                let is_known = name.to_str().is_some_and(|name| known.contains(name));
                // An accepted file has the age of its upload, so what counts is when it was touched last.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Does the same to a folder and, if the environment names one, to a bucket.
    fn everywhere(test: impl Fn(&Path, Blobs)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _guard = runtime.enter();
        let folder = tempfile::tempdir().unwrap();
        test(folder.path(), Blobs::open(folder.path(), None, 0).unwrap());
        if let Ok(url) = std::env::var("TAPETUM_TEST_STORE") {
            let folder = tempfile::tempdir().unwrap();
            let (bucket, options) = url.split_once('?').unwrap();
            let mut random = [0; 8];
            getrandom::fill(&mut random).unwrap();
            let url = format!("{bucket}/{}?{options}", hex(&random));
            let blobs = Blobs::open(folder.path(), Some(&url), 1 << 20).unwrap();
            test(folder.path(), blobs);
        }
    }

    fn content(blobs: &Blobs, id: &str, of: &[u8]) -> io::Result<Vec<u8>> {
        let row = StoredFile {
            role: String::new(),
            bytes: of.len() as i64,
            checksum: blake3::hash(of).to_hex().to_string(),
        };
        fs::read(&*blobs.local(id, &row)?)
    }

    #[test]
    fn files_are_whole_or_not_there_and_strangers_are_swept() {
        everywhere(|data, blobs| {
            let id = "blb_0f0f";
            let written = blobs.create(id, |file| file.write_all(b"content")).unwrap();
            assert_eq!(written.bytes, 7);
            assert_eq!(written.checksum, blake3::hash(b"content").to_hex().as_str());
            assert_eq!(content(&blobs, id, b"content").unwrap(), b"content");

            let failed = blobs.create("blb_1234", |file| {
                file.write_all(b"half")?;
                Err(io::Error::other("no room"))
            });
            assert!(failed.is_err() && content(&blobs, "blb_1234", b"half").is_err());
            assert_eq!(fs::read_dir(data.join("staging")).unwrap().count(), 0);

            fs::write(blobs.staged("upl_1"), b"uploaded").unwrap();
            blobs.accept("upl_1", "blb_5678").unwrap();
            assert_eq!(
                content(&blobs, "blb_5678", b"uploaded").unwrap(),
                b"uploaded"
            );
            blobs.remove_staged("upl_1").unwrap();
            blobs.remove_staged("upl_1").unwrap();
            assert_eq!(
                content(&blobs, "blb_5678", b"uploaded").unwrap(),
                b"uploaded"
            );

            blobs.claim("one").unwrap();
            let known = HashSet::from([id.to_owned()]);
            assert_eq!(blobs.sweep(&known, Duration::from_secs(60)).unwrap(), 0);
            assert_eq!(blobs.sweep(&known, Duration::ZERO).unwrap(), 1);
            blobs.remove("blb_5678").unwrap();
            assert!(content(&blobs, "blb_5678", b"uploaded").is_err());
            assert_eq!(content(&blobs, id, b"content").unwrap(), b"content");
            blobs.remove(id).unwrap();
            assert!(content(&blobs, id, b"content").is_err());

            // They belong to one database.
            blobs.claim("one").unwrap();
            assert!(blobs.claim("other").is_err());
        });
    }

    #[test]
    fn large_files_are_read_in_pieces() {
        everywhere(|_, blobs| {
            // More than one part of an object, and the last is not full.
            let bytes: Vec<u8> = (0..(35 << 20) + 5).map(|i: u32| (i % 251) as u8).collect();
            let id = "blb_abab";
            blobs.create(id, |file| file.write_all(&bytes)).unwrap();
            assert!(content(&blobs, id, &bytes).unwrap() == bytes);
            let read = async |range: Range<u64>| {
                let mut pieces = blobs.read(id, range).await?;
                let mut read = Vec::new();
                while let Some(piece) = pieces.next().await? {
                    read.extend_from_slice(&piece);
                }
                io::Result::Ok(read)
            };
            let handle = tokio::runtime::Handle::current();
            let range = 1_000_000..20_000_001;
            let found = handle.block_on(read(range.clone())).unwrap();
            assert!(found == bytes[range.start as usize..range.end as usize]);
            assert!(handle.block_on(read(0..bytes.len() as u64 + 1)).is_err());
            // What is there is compared with what should be.
            blobs.remove(id).unwrap();
            blobs.create(id, |file| file.write_all(b"other")).unwrap();
            let found = content(&blobs, id, &bytes[..5]);
            assert!(found.is_err() || found.is_ok_and(|found| found == b"other"));
            blobs.remove(id).unwrap();
        });
    }
}
