//! Says what a file is, without any key.

#[cfg(feature = "remote")]
use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::Serialize;
use tapetum_ckks::wire::{self, Header, Summary};

use crate::error::{Context, Error, Result};
use crate::folders::{SEALED, files};

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
    let mut objects = Vec::new();
    let bytes = each(path, |summary| {
        if objects.len() == MAX_OBJECTS {
            let message = format!("{} holds more objects than can be shown", path.display());
            return Err(Error::input(message));
        }
        objects.push(Object {
            holds: name(&summary),
            format: summary.version,
            parameters: summary.digest.to_string(),
            bytes: summary.file_len,
            header: summary.header,
        });
        Ok(())
    })?;
    Ok(Inspected { bytes, objects })
}

/// What objects there are in a file, each once.
#[cfg(feature = "remote")]
pub(crate) fn names(path: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    each(path, |summary| {
        names.insert(name(&summary));
        Ok(())
    })?;
    Ok(names)
}

fn name(summary: &Summary) -> String {
    match &summary.header {
        Header::Bundle(header) => header.kind.clone(),
        _ => summary.file_type.name().to_owned(),
    }
}

/// The front of each object in a file, which has no byte beside them. Returns its length.
fn each(path: &Path, mut look: impl FnMut(Summary) -> Result<()>) -> Result<u64> {
    let mut file = files::open(path)?;
    let bytes = files::size(path)?;
    let mut front = Vec::new();
    let read = file
        .by_ref()
        .take(SEALED.len() as u64)
        .read_to_end(&mut front);
    read.with_context(|| format!("cannot read {}", path.display()))?;
    if front == SEALED {
        return Err(Error::input(format!(
            "{} is a secret key under a passphrase, of version 1 of that format: nothing but the passphrase reads more of it",
            path.display()
        )));
    }
    let mut at = 0;
    while at < bytes || at == 0 {
        file.seek(SeekFrom::Start(at))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let summary = wire::inspect(&mut file)
            .with_context(|| format!("cannot make sense of {}", path.display()))?;
        at = at.saturating_add(summary.file_len);
        if at > bytes {
            return Err(Error::input(format!(
                "{} is truncated: it has {bytes} bytes, but announces {at}",
                path.display()
            )));
        }
        look(summary)?;
    }
    Ok(bytes)
}
