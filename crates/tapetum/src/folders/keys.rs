//! Keys of the roles that cannot decrypt, from their directories.

use std::path::{Path, PathBuf};

use tapetum_ckks::{EvaluationKeys, MemoryBudget, PublicKey};

use super::{EVALUATION_KEYS, PUBLIC_KEY, files};
use crate::error::{Context, Result};
use crate::progress::Progress;

/// The file of a key in a directory that the command `keygen` makes.
fn existing(dir: &Path, name: &str, keygen: &str) -> Result<PathBuf> {
    let advice = format!("ask the owner for this directory as `tapetum {keygen}` made it");
    files::existing(dir, name, &advice)
}

fn cannot_use(path: &Path) -> String {
    format!("cannot use {}", path.display())
}

/// A contributor's key, and its file.
pub fn public_key(dir: &Path, keygen: &str) -> Result<(PublicKey, PathBuf)> {
    let path = existing(dir, PUBLIC_KEY, keygen)?;
    let key = PublicKey::read(files::open(&path)?).with_context(|| cannot_use(&path))?;
    Ok((key, path))
}

/// A server's keys, which stay in their file until they are used, and what a check of them says. Of keys that were
/// used, `key_memory` bytes stay in memory, or all.
pub fn evaluation_keys<T>(
    dir: &Path,
    keygen: &str,
    key_memory: Option<u64>,
    progress: &dyn Progress,
    check: impl FnOnce(&EvaluationKeys, &Path) -> Result<T>,
) -> Result<(EvaluationKeys, T)> {
    let path = existing(dir, EVALUATION_KEYS, keygen)?;
    let step = progress.begin("checking evaluation keys");
    let budget = key_memory.map_or(MemoryBudget::UNLIMITED, MemoryBudget::bytes);
    let keys = EvaluationKeys::open(&path, budget).with_context(|| cannot_use(&path))?;
    let checked = check(&keys, &path)?;
    step.finish();
    Ok((keys, checked))
}
