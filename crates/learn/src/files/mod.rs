//! Files of encrypted samples: the one place that knows what stands in them.
//!
//! A training file has contributions, one after the other. Each begins with the name of its
//! [`Contribution`], and has batches of two objects: an [`EncryptedMatrix`] and its
//! [`Labels`], encrypted or as bytes. Training files may be appended to each other. A file to be
//! classified has one matrix, and may name a contributor before it.
//!
//! Every byte is hostile: an object's size, type and parameters are checked before it is read, and
//! nothing is used before all of it has been checked.

mod objects;
mod samples;
mod training;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tapetum_ckks::Parameters;
use tapetum_ckks::wire::{Bundle, WireError};

use crate::bundle::Contribution;
use crate::error::{LearnError, Result};
use crate::labels::Labels;
use crate::matrix::EncryptedMatrix;

pub use self::samples::{SampleShape, check_samples, origin_of, read_samples, samples_from};
pub use self::training::{DataSummary, TrainingFiles};
pub use crate::error::FileError;

/// Bytes of the checksum at the end of each object.
const CHECKSUM_LEN: u64 = 32;
/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

/// A file, and how messages call it.
#[derive(Clone, Debug)]
pub struct DataFile {
    path: PathBuf,
    name: String,
}

impl DataFile {
    /// A file that messages call by a name of the caller's choice.
    pub fn named(path: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            name: name.into(),
        }
    }

    fn open(&self) -> Result<BufReader<File>, FileError> {
        let file = File::open(&self.path).map_err(|error| self.unreadable(error))?;
        Ok(BufReader::with_capacity(BUFFER, file))
    }

    fn unusable(&self, source: impl Into<LearnError>) -> FileError {
        FileError::Unusable {
            file: self.name.clone(),
            source: source.into(),
        }
    }

    fn unreadable(&self, source: io::Error) -> FileError {
        FileError::Unreadable {
            file: self.name.clone(),
            source,
        }
    }
}

/// Messages call it by its path.
impl<P: AsRef<Path>> From<P> for DataFile {
    fn from(path: P) -> Self {
        let path = path.as_ref();
        Self::named(path, path.display().to_string())
    }
}

/// What files may hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// Batches of all files.
    pub batches: usize,
    /// Bytes of an object.
    pub object_bytes: u64,
    /// Bytes of an object in memory, which it fills as a whole, and where seeds and packed residues take more room than
    /// in the file.
    pub expanded_bytes: u64,
}

impl Default for FileLimits {
    /// 2^20 batches, of any size.
    fn default() -> Self {
        Self {
            batches: 1 << 20,
            object_bytes: u64::MAX,
            expanded_bytes: u64::MAX,
        }
    }
}

/// The checksum at the end of a file that is one object.
///
/// # Errors
/// [`FileError`] if it cannot be read, or is too short to have one.
pub fn checksum_of(file: &DataFile) -> Result<[u8; 32], FileError> {
    let mut reader = file.open()?;
    let mut checksum = [0; CHECKSUM_LEN as usize];
    let len = reader.seek(SeekFrom::End(0));
    if len.map_err(|error| file.unreadable(error))? < CHECKSUM_LEN {
        return Err(FileError::Truncated(file.name.clone()));
    }
    reader
        .seek(SeekFrom::End(-(CHECKSUM_LEN as i64)))
        .and_then(|_| reader.read_exact(&mut checksum))
        .map_err(|error| file.unreadable(error))?;
    Ok(checksum)
}

/// Writes whose samples follow.
///
/// # Errors
/// [`LearnError`] if this is not the name of a contributor, or writing fails.
pub fn write_contributor(file: &mut impl Write, parameters: &Parameters, name: &str) -> Result<()> {
    write(file, Contribution::new(name)?.to_bundle(parameters)?)
}

/// Writes samples and, if they are to be trained on, their labels.
///
/// # Errors
/// [`LearnError`] if they have too many ciphertexts for an object, or writing fails.
pub fn write_batch(
    file: &mut impl Write,
    matrix: &EncryptedMatrix,
    labels: Option<&Labels>,
) -> Result<()> {
    write(file, matrix.to_bundle()?)?;
    match labels {
        Some(labels) => write(file, labels.to_bundle(matrix.parameters())?),
        None => Ok(()),
    }
}

fn write(file: &mut impl Write, bundle: Bundle<'_>) -> Result<()> {
    Ok(bundle.write(file).map_err(WireError::Io)?)
}
