//! Says what a file is, without any key.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use tapetum_ckks::wire::{Header, inspect};

use crate::files;

/// What a file says of itself.
#[derive(Debug, Serialize)]
pub struct Inspected {
    /// What it holds.
    pub holds: String,
    /// The version of the format.
    pub format: u16,
    /// The parameters that it belongs to.
    pub parameters: String,
    /// Its length, and what its front says that it should be.
    pub bytes: u64,
    /// The length that its front announces for the first object in it.
    pub announced_bytes: u64,
    /// The header.
    pub header: Header,
}

/// Reads the front of a file.
pub fn run(path: &Path) -> Result<Inspected> {
    let summary = inspect(files::open(path)?)
        .with_context(|| format!("cannot make sense of {}", path.display()))?;
    Ok(Inspected {
        holds: match &summary.header {
            Header::Bundle(header) => header.kind.clone(),
            _ => summary.file_type.name().to_owned(),
        },
        format: summary.version,
        parameters: summary.digest.to_string(),
        bytes: files::size(path)?,
        announced_bytes: summary.file_len,
        header: summary.header,
    })
}
