//! Opening a file of keys: all of it is checked, and where each key stands is kept.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use super::container::{self, PayloadReader};
use super::evaluation_keys::{element, key_to_sparse, switching_key};
use super::key_file::StoredKey;
use super::self_contained::from_header;
use super::{EvaluationKeysHeader, KeyFile, WireError};
use crate::keys::{
    EncapsulationKey, EvaluationKeys, GaloisKey, KeySource, MemoryBudget, RelinearizationKey,
    SwitchingKey, sparse_basis,
};
use crate::parameters::Parameters;

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
            start += switching_key(parameters, level).bytes();
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
            let basis = sparse_basis(parameters);
            let shape = key_to_sparse(&basis);
            let found = shape.read(payload).map_err(|e| within(name, e))?;
            to_sparse = Some(SwitchingKey::from_residues(0, found));
            start += shape.bytes();
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
        let file = Arc::new(KeyFile::new(&parameters, file, keys, budget)?);
        let mut sources = file
            .levels()
            .enumerate()
            .map(|(index, level)| KeySource::File {
                file: file.clone(),
                index,
                level,
            });
        let mut next = || {
            sources
                .next()
                .expect("a key for each that the header names")
        };
        let mut set = EvaluationKeys::none(&parameters).of_key_set(header.key_set);
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
