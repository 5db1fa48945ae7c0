//! Reading data sets: a folder per label, IDX, CSV, NPY and NPZ.
//!
//! Class names are sorted, whole numbers by value and all others alphabetically, so that the same files give the
//! same data set everywhere.

mod columns;
mod csv;
mod entries;
mod folder;
mod idx;
mod image;
mod jpeg;
mod kind;
mod labels;
mod npy;
mod npz;
mod structure;
mod tar;

pub use self::columns::TableOptions;
pub use self::csv::{csv_table, csv_unlabeled};
pub use self::entries::has_label_folders;
pub use self::folder::{images_by_name, labeled_folders, unlabeled_images};
pub(crate) use self::idx::idx_parts;
pub use self::idx::{idx, idx_unlabeled};
pub use self::image::picture;
pub use self::kind::{Kind, kind};
pub use self::labels::is_same_name;
pub use self::npz::{npy_pair, npy_unlabeled, npz, npz_unlabeled};
pub use self::tar::pictures_in_tar;

use self::labels::{index_labels, names_alike};
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
    /// Bytes of a data set in memory, and of an unpacked IDX, CSV, NPY or NPZ file.
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

/// Opens a regular file. Opening a pipe would wait for who writes into it.
fn open(path: &Path) -> Result<File, Error> {
    let metadata = std::fs::metadata(path).map_err(|e| Error::io(path, e))?;
    if metadata.is_dir() {
        return Err(Error::format(
            path,
            "a file is expected, but this is a folder",
        ));
    }
    if !metadata.is_file() {
        return Err(Error::format(
            path,
            "a file is expected, but this is a pipe, socket or device",
        ));
    }
    File::open(path).map_err(|e| Error::io(path, e))
}

/// `file.ext[index]`, the source name of a sample inside a larger file.
fn indexed_sources(path: &Path) -> impl Fn(usize) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy().into_owned();
    move |i| format!("{name}[{i}]")
}
