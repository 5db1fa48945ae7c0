//! A network's plan in a file.

use std::path::Path;

use tapetum_nets::NetworkPlanFile;

use super::{NETWORK_PLAN, files};
use crate::error::{Context, Result};

/// Reads and checks a plan.
///
/// # Errors
/// If it cannot be read, is another text, of another version, or damaged.
pub fn read(path: &Path) -> Result<NetworkPlanFile> {
    let text = files::read_text(path)?;
    NetworkPlanFile::from_json(&text).with_context(|| format!("cannot use {}", path.display()))
}

/// The plan that `net keygen` put into a directory.
///
/// # Errors
/// As [`read`].
pub fn in_directory(dir: &Path) -> Result<NetworkPlanFile> {
    let advice = "it is made by `tapetum net keygen`";
    read(&files::existing(dir, NETWORK_PLAN, advice)?)
}

/// Writes it. Returns its bytes.
///
/// # Errors
/// If the file cannot be written.
pub fn write(file: &NetworkPlanFile, path: &Path) -> Result<u64> {
    files::write_text(path, &file.to_json())
}
