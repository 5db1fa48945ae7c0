//! Says what a file is, without any key.

use std::io::{Seek, SeekFrom};
use std::path::Path;

use serde::Serialize;
use tapetum_ckks::wire::{self, Header};

use crate::error::{Context, Error, Result};
use crate::folders::files;

/// Most objects of a file: each mini-batch of encrypted samples has two.
const MAX_OBJECTS: usize = 1 << 12;

/// What a file says of itself.
#[derive(Debug, Serialize)]
pub struct Inspected {
    /// Its length.
    pub bytes: u64,
    /// What it holds, one after the other.
    pub objects: Vec<Object>,
}

/// One object in a file.
#[derive(Debug, Serialize)]
pub struct Object {
    /// What it is.
    pub holds: String,
    /// The version of the format.
    pub format: u16,
    /// The parameters that it belongs to.
    pub parameters: String,
    /// Its length.
    pub bytes: u64,
    /// The header.
    pub header: Header,
}

/// Reads the front of each object in a file.
pub fn inspect(path: &Path) -> Result<Inspected> {
    let mut file = files::open(path)?;
    let bytes = files::size(path)?;
    let mut objects = Vec::new();
    let mut at = 0;
    while at < bytes || objects.is_empty() {
        let wrong = |reason: &str| Error::input(format!("{} {reason}", path.display()));
        if objects.len() == MAX_OBJECTS {
            return Err(wrong("holds more objects than any file of Tapetum"));
        }
        file.seek(SeekFrom::Start(at))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let summary = wire::inspect(&mut file)
            .with_context(|| format!("cannot make sense of {}", path.display()))?;
        at = at.saturating_add(summary.file_len);
        if at > bytes {
            return Err(wrong(&format!(
                "is truncated: it has {bytes} bytes, but announces {at}"
            )));
        }
        objects.push(Object {
            holds: match &summary.header {
                Header::Bundle(header) => header.kind.clone(),
                _ => summary.file_type.name().to_owned(),
            },
            format: summary.version,
            parameters: summary.digest.to_string(),
            bytes: summary.file_len,
            header: summary.header,
        });
    }
    Ok(Inspected { bytes, objects })
}
