//! Features that were computed before, one small file for each image and network.
//!
//! What is in a file follows from the digests in its name, so a file never becomes outdated; a file that is damaged or
//! cannot be read counts as none. Features tell about pictures, so only the user may read them.

use crate::GreyImage;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes of the checksum at the end of a file.
const CHECKSUM: usize = 16;

/// The features of one network.
pub(super) struct Cache {
    folder: PathBuf,
    network: String,
}

/// Where the features of one image are, or would be.
pub(super) struct Entry {
    path: PathBuf,
    key: [u8; 32],
}

impl Cache {
    /// In `TAPETUM_CACHE`, or in the user's folder for such files. None if `TAPETUM_CACHE` is empty or there is no such
    /// folder.
    pub fn of_user(network: &str) -> Option<Self> {
        let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let folder = match set("TAPETUM_CACHE") {
            Some(folder) => folder,
            None => match set("XDG_CACHE_HOME") {
                Some(folder) if folder.is_absolute() => folder,
                _ => set("HOME")?.join(".cache"),
            }
            .join("tapetum"),
        };
        (!folder.as_os_str().is_empty()).then(|| Self::new(&folder, network))
    }

    fn new(folder: &Path, network: &str) -> Self {
        Self {
            folder: folder.join("features"),
            network: network.to_owned(),
        }
    }

    pub fn entry(&self, image: &GreyImage) -> Entry {
        let mut hasher = blake3::Hasher::new_derive_key("tapetum 2026 features of a backbone");
        hasher.update(&(self.network.len() as u64).to_le_bytes());
        hasher.update(self.network.as_bytes());
        image.hash_into(&mut hasher);
        let key = hasher.finalize();
        let name = key.to_hex();
        Entry {
            path: self.folder.join(&name[..2]).join(&name[2..]),
            key: *key.as_bytes(),
        }
    }
}

impl Entry {
    /// The features, if they are there and whole.
    pub fn read(&self, width: usize) -> Option<Vec<f32>> {
        let length = width * size_of::<f32>() + CHECKSUM;
        if fs::metadata(&self.path).ok()?.len() != length as u64 {
            return None;
        }
        let bytes = fs::read(&self.path).ok()?;
        let (values, checksum) = bytes.split_at_checked(length - CHECKSUM)?;
        if checksum != self.checksum(values) {
            return None;
        }
        let value = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        Some(values.chunks_exact(4).map(value).collect())
    }

    /// Keeps the features. If that fails they are computed again next time, so it is no error.
    pub fn write(&self, features: &[f32]) {
        let _ = self.try_write(features);
    }

    fn try_write(&self, features: &[f32]) -> io::Result<()> {
        let values: Vec<u8> = features.iter().flat_map(|v| v.to_le_bytes()).collect();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        // Made for the user alone.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&values)?;
        file.write_all(&self.checksum(&values))?;
        file.persist(&self.path)?;
        Ok(())
    }

    fn checksum(&self, values: &[u8]) -> [u8; CHECKSUM] {
        let mut checksum = [0; CHECKSUM];
        checksum.copy_from_slice(&blake3::keyed_hash(&self.key, values).as_bytes()[..CHECKSUM]);
        checksum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_features_come_back_and_others_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let image = |pixel: u8| GreyImage::new(2, 1, vec![pixel, 7]).unwrap();
        let cache = Cache::new(dir.path(), "network a");
        let entry = cache.entry(&image(1));
        assert_eq!(entry.read(2), None);
        entry.write(&[0.5, -3.0]);
        assert_eq!(entry.read(2), Some(vec![0.5, -3.0]));
        assert_eq!(entry.read(1), None);
        let coloured = image(1).with_rgb(vec![1, 1, 1, 7, 7, 7]).unwrap();
        let others = [
            cache.entry(&image(2)),
            cache.entry(&coloured),
            Cache::new(dir.path(), "network b").entry(&image(1)),
        ];
        for other in others {
            assert_eq!(other.read(2), None);
            // Nor does a file under the name of another.
            fs::create_dir_all(other.path.parent().unwrap()).unwrap();
            fs::copy(&entry.path, &other.path).unwrap();
            assert_eq!(other.read(2), None);
        }
        let mut bytes = fs::read(&entry.path).unwrap();
        bytes[3] ^= 1;
        fs::write(&entry.path, &bytes).unwrap();
        assert_eq!(entry.read(2), None);
        entry.write(&[0.5, -3.0]);
        assert_eq!(entry.read(2), Some(vec![0.5, -3.0]));
    }
}
