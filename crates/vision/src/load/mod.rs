//! Reading data sets: a folder per label, IDX, CSV, NPY and NPZ.
//!
//! Class names are sorted, whole numbers by value and all others alphabetically, so that the same files give the
//! same data set everywhere.

mod csv;
mod folder;
mod idx;
mod image;
mod jpeg;
mod npy;
mod npz;

pub use self::csv::{csv_table, csv_unlabeled};
pub use self::folder::{images_by_name, labeled_folders, unlabeled_images};
pub use self::idx::idx;
pub(crate) use self::idx::idx_parts;
pub use self::image::picture;
pub use self::npz::{npy_pair, npz};

use crate::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Upper bounds on what a loader accepts and keeps; the defaults suit a laptop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one image file.
    pub image_bytes: u64,
    /// Pixels along each side of an image file, as stored.
    pub image_side: u32,
    /// Bytes that decoding one image file may allocate.
    pub image_alloc: u64,
    /// Images from files are reduced, keeping their proportions, until no side is longer: the features look at
    /// far fewer pixels, and thousands of photographs would not fit into memory.
    pub kept_side: u32,
    /// Whether colours are kept beside the grey of an image file, at four times the memory: backbones look at them.
    pub colour: bool,
    /// Samples of one data set.
    pub samples: usize,
    /// Bytes of a data set in memory, and so of an unpacked IDX, CSV, NPY or NPZ file.
    pub data_bytes: u64,
    /// Features of one sample.
    pub columns: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            image_bytes: 64 << 20,
            image_side: 16_384,
            image_alloc: 512 << 20,
            kept_side: 256,
            colour: false,
            samples: 1_000_000,
            data_bytes: 1 << 30,
            columns: 65_536,
        }
    }
}

/// Everything a reader has, or an error as soon as it is more than `limit` bytes.
fn read_capped(reader: impl Read, limit: u64, path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io(path, e))?;
    if bytes.len() as u64 > limit {
        return Err(Error::too_large(path, "the number of bytes", limit));
    }
    Ok(bytes)
}

/// A file of at most `limit` bytes.
pub(crate) fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    read_capped(open(path)?, limit, path)
}

/// A text file, checked to be one.
pub(crate) fn text(path: &Path, limits: &Limits) -> Result<String, Error> {
    let bytes = read_capped(open(path)?, limits.data_bytes, path)?;
    String::from_utf8(bytes).map_err(|_| Error::format(path, "the text is not valid UTF-8"))
}

fn open(path: &Path) -> Result<File, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let is_dir = file.metadata().map_err(|e| Error::io(path, e))?.is_dir();
    if is_dir {
        return Err(Error::format(
            path,
            "a file is expected, but this is a folder",
        ));
    }
    Ok(file)
}

/// Labels as text become indices into sorted class names.
fn index_labels(labels: &[String]) -> (Vec<usize>, Vec<String>) {
    let mut names: Vec<&String> = labels.iter().collect();
    names.sort_unstable();
    names.dedup();
    let numbers: Option<Vec<i64>> = names.iter().map(|n| n.parse().ok()).collect();
    if numbers.is_some() {
        names.sort_by_key(|n| n.parse::<i64>().unwrap_or_default());
    }
    let index: std::collections::HashMap<&String, usize> =
        names.iter().enumerate().map(|(i, &n)| (n, i)).collect();
    let indices = labels.iter().map(|l| index[l]).collect();
    (indices, names.into_iter().cloned().collect())
}

/// `file.ext[index]`, the source name of a sample inside a larger file.
fn indexed_sources(path: &Path, n: usize) -> Vec<String> {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    (0..n).map(|i| format!("{name}[{i}]")).collect()
}
