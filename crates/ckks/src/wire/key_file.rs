//! Sets of keys that stay in their file, because they take more memory than there is to spare.
//!
//! A key takes 16 bytes a residue in memory, where it has both halves, and about 5 in a file.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};
use tapetum_ring::packing::{packed_len, unpack};
use tapetum_ring::sampling::Seed;

use super::container::{self, PayloadReader};
use super::evaluation_keys::{element, key_to_sparse_len, read_key_to_sparse, switching_key_len};
use super::parameters::from_header;
use super::{EvaluationKeysHeader, WireError};
use crate::keys::{
    EncapsulationKey, EvaluationKeys, GaloisKey, KeySource, KeyUnavailable, MemoryBudget,
    RelinearizationKey, Residents, SwitchingKey,
};
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
struct StoredKey {
    name: String,
    level: usize,
    /// From the start of the file.
    start: u64,
    /// Of its bytes.
    hash: blake3::Hash,
}

/// What is found when a file is opened.
struct Index {
    parameters: Parameters,
    header: EvaluationKeysHeader,
    keys: Vec<StoredKey>,
    to_sparse: Option<SwitchingKey>,
}

impl EvaluationKeys {
    /// Opens a file of keys that stay in it: a key is expanded when it is used first, and the most
    /// recently used keys are kept as far as the budget allows. A set that fits the budget is
    /// expanded once.
    ///
    /// All of the file is read and checked now, residues and checksum, in the memory of one
    /// polynomial. While a key is expanded, it takes its own size beyond the budget if it is larger
    /// than that, as do keys that are in use while others drive them out. The ring's pool of
    /// buffers may keep 512 MiB of what was dropped for the next key.
    ///
    /// The file must stay as it is: a key that has changed since is refused with
    /// [`EvaluationError::KeyUnavailable`](crate::EvaluationError::KeyUnavailable) when it is used.
    /// `write` passes that on as an error of the writer, and `to_bytes` panics.
    ///
    /// ```
    /// use tapetum_ckks::*;
    ///
    /// # let folder = std::env::temp_dir().join(format!("tapetum-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("evaluation.keys");
    /// let parameters = Parameters::preset(Preset::N12);
    /// let secret = SecretKey::generate(&parameters)?;
    /// let plan = KeyPlan::new(&parameters).rotations([1, 2, 3]);
    /// let keys = KeyGenerator::new(&secret)?.evaluation_keys(&plan)?;
    /// keys.write(std::fs::File::create(&path)?)?;
    ///
    /// // Room for two of the three keys.
    /// let budget = MemoryBudget::bytes(keys.memory_bytes() * 2 / 3);
    /// let opened = EvaluationKeys::open(&path, budget)?;
    /// assert!(opened.covers(&plan) && opened.memory_bytes() == 0);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As `read`; what is wrong with one key says with which. Bytes that follow the set are refused.
    pub fn open(path: impl AsRef<Path>, budget: MemoryBudget) -> Result<Self, WireError> {
        let file = File::open(path)?;
        let mut reader = BufReader::with_capacity(1 << 20, &file);
        let index = container::read_with::<Self, _, _>(&mut reader, from_header, Index::read)?;
        let end = reader.stream_position()?;
        let more = file.metadata()?.len().saturating_sub(end);
        if more > 0 {
            return Err(WireError::TrailingBytes(more));
        }
        index.into_keys(file, budget)
    }
}

impl Index {
    fn read<R: Read>(
        parameters: &Parameters,
        header: EvaluationKeysHeader,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        let mut start = container::payload_start(&header);
        let mut keys = Vec::new();
        let mut skim = |name: String, level: u32, payload: &mut PayloadReader<R>| {
            let key = StoredKey::skim(parameters, name, level, start, payload)?;
            start += switching_key_len(parameters, level);
            keys.push(key);
            Ok::<_, WireError>(())
        };
        if let Some(key) = &header.relinearization {
            skim("relinearisation key".into(), key.level, payload)?;
        }
        for key in &header.galois {
            let name = format!("Galois key of exponent {}", key.exponent);
            skim(name, key.level, payload)?;
        }
        let mut to_sparse = None;
        if header.encapsulation {
            let name = "encapsulation key";
            to_sparse = Some(read_key_to_sparse(parameters, payload).map_err(|e| within(name, e))?);
            start += key_to_sparse_len(parameters);
            let level = parameters.max_level();
            let key = StoredKey::skim(parameters, name.into(), level as u32, start, payload)?;
            keys.push(key);
        }
        Ok(Self {
            parameters: parameters.clone(),
            header,
            keys,
            to_sparse,
        })
    }

    fn into_keys(self, file: File, budget: MemoryBudget) -> Result<EvaluationKeys, WireError> {
        let Self {
            parameters,
            header,
            keys,
            to_sparse,
        } = self;
        let expanders = ThreadPoolBuilder::new()
            .num_threads(rayon::current_num_threads())
            .thread_name(|i| format!("tapetum-keys-{i}"))
            .build()
            .map_err(std::io::Error::other)?;
        let file = Arc::new(KeyFile {
            parameters: parameters.clone(),
            file: Mutex::new(file),
            residents: Residents::new(keys.len(), budget),
            keys,
            expanders,
        });
        let mut sources = file
            .keys
            .iter()
            .enumerate()
            .map(|(index, key)| KeySource::File {
                file: file.clone(),
                index,
                level: key.level,
            });
        let mut next = || {
            sources
                .next()
                .expect("a key for each that the header names")
        };
        let mut set = EvaluationKeys::none(&parameters);
        if header.relinearization.is_some() {
            set.set_relinearization(RelinearizationKey::new(&parameters, next()));
        }
        for key in &header.galois {
            let element = element(&parameters, key.exponent)?;
            set.insert_galois(GaloisKey::new(&parameters, element, next()));
        }
        if let Some(to_sparse) = to_sparse {
            set.set_encapsulation(EncapsulationKey::new(&parameters, to_sparse, next()));
        }
        Ok(set)
    }
}

impl StoredKey {
    /// Checks the next key of the payload, which is at `start` in the file.
    fn skim<R: Read>(
        parameters: &Parameters,
        name: String,
        level: u32,
        start: u64,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        let level = level as usize;
        let mut hash = blake3::Hasher::new();
        for _ in 0..parameters.decomposer(level).count() {
            payload
                .skim_poly(parameters.qp(level), &mut hash)
                .map_err(|e| within(&name, e))?;
        }
        let seed = payload.seed().map_err(|e| within(&name, e))?;
        hash.update(&seed.to_bytes());
        Ok(Self {
            name,
            level,
            start,
            hash: hash.finalize(),
        })
    }
}

fn within(key: &str, source: WireError) -> WireError {
    WireError::Key {
        key: key.to_owned(),
        source: Box::new(source),
    }
}

impl KeyFile {
    /// The memory that the expanded keys take.
    pub fn memory_bytes(&self) -> u64 {
        self.residents.bytes()
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
