//! Where an evaluation key is: in memory, or in a file from which it is expanded when it is used.

use std::sync::Arc;

use super::{KeyUnavailable, SwitchingKey};
use crate::wire::KeyFile;

/// A switching key, wherever it is.
#[derive(Clone)]
pub(crate) enum KeySource {
    Memory(Arc<SwitchingKey>),
    File {
        file: Arc<KeyFile>,
        index: usize,
        level: usize,
    },
}

impl KeySource {
    /// The highest level of ciphertexts that the key can switch.
    pub fn level(&self) -> usize {
        match self {
            Self::Memory(key) => key.level(),
            Self::File { level, .. } => *level,
        }
    }

    /// The key, in memory for as long as it is held.
    pub fn fetch(&self) -> Result<Arc<SwitchingKey>, KeyUnavailable> {
        match self {
            Self::Memory(key) => Ok(key.clone()),
            Self::File { file, index, .. } => file.fetch(*index),
        }
    }

    /// The memory that the key takes by itself: nothing if it is in a file.
    pub fn own_bytes(&self) -> u64 {
        match self {
            Self::Memory(key) => key.memory_bytes(),
            Self::File { .. } => 0,
        }
    }

    /// The file that it is in.
    pub fn file(&self) -> Option<&KeyFile> {
        match self {
            Self::Memory(_) => None,
            Self::File { file, .. } => Some(file),
        }
    }
}

impl From<SwitchingKey> for KeySource {
    fn from(key: SwitchingKey) -> Self {
        Self::Memory(Arc::new(key))
    }
}

/// By the keys themselves; one that cannot be read equals none.
impl PartialEq for KeySource {
    fn eq(&self, other: &Self) -> bool {
        matches!((self.fetch(), other.fetch()), (Ok(a), Ok(b)) if a == b)
    }
}
