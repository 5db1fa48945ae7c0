//! The files of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

/// Makes a folder, unless there is an empty one.
pub fn make_empty(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    if list(dir)?.is_empty() {
        Ok(())
    } else {
        bail!(
            "{} is not empty: remove it, or name another folder",
            dir.display()
        )
    }
}

/// Copies a file into a folder.
pub fn copy(file: &Path, dir: &Path) -> anyhow::Result<()> {
    let to = dir.join(file.file_name().unwrap_or_default());
    fs::copy(file, &to)
        .with_context(|| format!("cannot copy {} to {}", file.display(), to.display()))?;
    Ok(())
}

/// Names and paths in a folder, in order of names.
pub fn list(dir: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let unreadable = || format!("cannot list {}", dir.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|name| anyhow!("a file's name is not UTF-8: {name:?}"))?;
        files.push((name, entry.path()));
    }
    files.sort();
    Ok(files)
}
