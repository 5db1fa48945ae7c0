//! Sets of keys that stay in their file, because they take more memory than there is to spare.
//!
//! A key takes 16 bytes a residue in memory, where it has both halves, and about 5 in a file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};
use tapetum_ring::packing::{packed_len, unpack};
use tapetum_ring::sampling::Seed;

use super::WireError;
use crate::keys::{KeyUnavailable, MemoryBudget, Residents, SwitchingKey};
use crate::parameters::Parameters;

/// An open file of keys, all of which have been checked, with those that are expanded.
pub(crate) struct KeyFile {
    parameters: Parameters,
    file: Mutex<File>,
    keys: Vec<StoredKey>,
    residents: Residents<SwitchingKey>,
    /// Keys are expanded on threads of their own: a thread of another pool that waits for one of
    /// its parts would run whatever else there is to do meanwhile, which may need the same key and
    /// wait for it forever.
    expanders: ThreadPool,
}

/// A switching key in the file.
pub(super) struct StoredKey {
    pub name: String,
    pub level: usize,
    /// From the start of the file.
    pub start: u64,
    /// Of its bytes.
    pub hash: blake3::Hash,
}

impl KeyFile {
    /// The caller guarantees that the keys are in the file.
    pub(super) fn new(
        parameters: &Parameters,
        file: File,
        keys: Vec<StoredKey>,
        budget: MemoryBudget,
    ) -> Result<Self, WireError> {
        let expanders = ThreadPoolBuilder::new()
            .num_threads(rayon::current_num_threads())
            .thread_name(|i| format!("tapetum-keys-{i}"))
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self {
            parameters: parameters.clone(),
            file: Mutex::new(file),
            residents: Residents::new(keys.len(), budget),
            keys,
            expanders,
        })
    }

    /// The highest level of each of its keys.
    pub(super) fn levels(&self) -> impl Iterator<Item = usize> {
        self.keys.iter().map(|key| key.level)
    }

    /// The memory that the expanded keys take.
    pub fn memory_bytes(&self) -> u64 {
        self.residents.bytes()
    }

    /// The memory that expanded keys may take.
    pub fn budget(&self) -> u64 {
        self.residents.budget()
    }

    /// The key at `index`, expanded unless it is.
    pub fn fetch(self: &Arc<Self>, index: usize) -> Result<Arc<SwitchingKey>, KeyUnavailable> {
        let key = &self.keys[index];
        let bytes = SwitchingKey::memory_bytes_at(&self.parameters, key.level);
        self.residents.get(index, bytes, || {
            let (sender, receiver) = sync_channel(1);
            let file = self.clone();
            self.expanders.spawn(move || {
                // If nobody waits for it any more, nobody needs it.
                let _ = sender.send(file.expand(&file.keys[index]));
            });
            let expanded = match receiver.recv() {
                Ok(expanded) => expanded.map_err(|e| e.to_string()),
                Err(_) => Err("its expansion was interrupted".to_owned()),
            };
            expanded.map_err(|reason| KeyUnavailable {
                key: key.name.clone(),
                reason,
            })
        })
    }

    fn expand(&self, key: &StoredKey) -> Result<SwitchingKey, WireError> {
        let basis = self.parameters.qp(key.level);
        let mut hash = blake3::Hasher::new();
        let mut packed = vec![0; packed_len(basis)];
        let mut at = key.start;
        let mut b = Vec::new();
        for _ in 0..self.parameters.decomposer(key.level).count() {
            self.read_at(&mut at, &mut packed)?;
            hash.update(&packed);
            b.push(unpack(basis, &packed)?);
        }
        let mut seed = [0; 32];
        self.read_at(&mut at, &mut seed)?;
        hash.update(&seed);
        if hash.finalize() != key.hash {
            return Err(WireError::Checksum);
        }
        Ok(SwitchingKey::new(key.level, Seed::from_bytes(seed), b))
    }

    /// Fills `out` from this place of the file, which moves on.
    fn read_at(&self, at: &mut u64, out: &mut [u8]) -> Result<(), WireError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(*at))?;
        file.read_exact(out)?;
        *at += out.len() as u64;
        Ok(())
    }
}
