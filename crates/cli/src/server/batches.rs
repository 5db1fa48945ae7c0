//! Mini-batches from a file that need not fit into memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use anyhow::{Context, Result, anyhow};
use tapetum_ckks::Parameters;
use tapetum_ckks::wire::{Bundle, inspect};
use tapetum_learn::{EncryptedMatrix, Labels};

use crate::failure::Failure;
use crate::files;
use crate::training_set::{labels_from, matrix_from};

/// Most mini-batches of a file.
const MAX_BATCHES: usize = 1 << 20;
/// Bytes of the checksum at the end of each object.
const CHECKSUM_LEN: u64 = 32;

/// Where each mini-batch of a file begins.
pub struct BatchFile {
    path: PathBuf,
    parameters: Parameters,
    begins: Vec<u64>,
    checksum: [u8; 32],
}

impl BatchFile {
    /// Finds the mini-batches of a file: pairs of a matrix and its labels. Only the front and the
    /// checksum of each are read.
    pub fn open(path: &Path, parameters: &Parameters) -> Result<Self> {
        let mut file = files::open(path)?;
        let bytes = files::size(path)?;
        let unusable = || format!("cannot use {}", path.display());
        let mut hasher = blake3::Hasher::new();
        let (mut begins, mut at) = (Vec::new(), 0);
        while at < bytes {
            if begins.len() == MAX_BATCHES {
                return Err(wrong(path, "has more mini-batches than can be").into());
            }
            begins.push(at);
            // A matrix, and labels.
            for _ in 0..2 {
                if at == bytes {
                    return Err(wrong(
                        path,
                        "holds samples without labels: training needs labels, so encrypt labelled \
                         data with --labels encrypted or --labels clear",
                    )
                    .into());
                }
                file.seek(SeekFrom::Start(at)).with_context(unusable)?;
                let len = inspect(&mut file).with_context(unusable)?.file_len;
                at = at
                    .checked_add(len)
                    .filter(|&end| end <= bytes)
                    .ok_or_else(|| wrong(path, "is truncated"))?;
                let mut checksum = [0; CHECKSUM_LEN as usize];
                file.seek(SeekFrom::Start(at - CHECKSUM_LEN))
                    .and_then(|_| file.read_exact(&mut checksum))
                    .with_context(unusable)?;
                hasher.update(&checksum);
            }
        }
        if begins.is_empty() {
            return Err(wrong(path, "is empty").into());
        }
        Ok(Self {
            path: path.to_owned(),
            parameters: parameters.clone(),
            begins,
            checksum: *hasher.finalize().as_bytes(),
        })
    }

    /// The number of mini-batches.
    pub fn len(&self) -> usize {
        self.begins.len()
    }

    /// A hash of the checksums of all objects.
    pub fn checksum(&self) -> [u8; 32] {
        self.checksum
    }

    /// Reads one mini-batch, and checks all of it.
    pub fn read(&self, batch: usize) -> Result<(EncryptedMatrix, Labels)> {
        let path = &self.path;
        let unusable = || format!("cannot use {}", path.display());
        let mut file = files::open(path)?;
        file.seek(SeekFrom::Start(self.begins[batch]))
            .with_context(unusable)?;
        let matrix = matrix_from(&mut file, path, &self.parameters)?;
        let labels = Bundle::read(&self.parameters, &mut file).with_context(unusable)?;
        Ok((matrix, labels_from(labels, path)?))
    }

    /// Calls `each` with mini-batches in this order, while the next one is being read: no more
    /// than two are in memory. `each` says whether to go on.
    pub fn stream(
        &self,
        order: impl Iterator<Item = usize> + Send,
        mut each: impl FnMut(&EncryptedMatrix, &Labels) -> Result<bool>,
    ) -> Result<()> {
        thread::scope(|scope| {
            // Without room in between, the reader waits with the batch that it has.
            let (send, receive) = sync_channel(0);
            scope.spawn(move || {
                for batch in order {
                    // Nobody waits any longer.
                    if send.send(self.read(batch)).is_err() {
                        return;
                    }
                }
            });
            let receive: Receiver<Result<_>> = receive;
            for batch in &receive {
                let (matrix, labels) = batch?;
                if !each(&matrix, &labels)? {
                    break;
                }
            }
            Ok(())
        })
    }
}

fn wrong(path: &Path, what: &str) -> Failure {
    Failure::Input(format!("{} {what}", path.display()))
}

/// The checksum at the end of a file that is one object.
pub fn checksum_of(path: &Path) -> Result<[u8; 32]> {
    let attempt = || -> Result<[u8; 32]> {
        let mut file = File::open(path)?;
        if file.seek(SeekFrom::End(0))? < CHECKSUM_LEN {
            return Err(anyhow!("it is too short"));
        }
        file.seek(SeekFrom::End(-(CHECKSUM_LEN as i64)))?;
        let mut checksum = [0; CHECKSUM_LEN as usize];
        file.read_exact(&mut checksum)?;
        Ok(checksum)
    };
    attempt().with_context(|| format!("cannot use {}", path.display()))
}
