//! Builds the browser's page into the server, if `TAPETUM_PAGE` names its folder.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The folder that `cargo run -p xtask --features page -- page` makes, as an absolute path.
const VARIABLE: &str = "TAPETUM_PAGE";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let folder = env::var_os(VARIABLE).filter(|folder| !folder.is_empty());
    let mut files = folder.map_or(Ok(Vec::new()), |folder| files_of(Path::new(&folder)))?;
    files.sort();
    // An expression of the type `&[(&str, &[u8])]`.
    let mut list = "&[\n".to_owned();
    for (name, path) in files {
        writeln!(list, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    list.push_str("]\n");
    let out = env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?;
    fs::write(Path::new(&out).join("page.rs"), list)?;
    Ok(())
}

/// Names and paths of the files of a page.
fn files_of(folder: &Path) -> Result<Vec<(String, PathBuf)>, Box<dyn Error>> {
    // Build scripts run in the folder of their package, which nobody who sets the variable has in mind.
    if !folder.is_absolute() {
        return Err(format!("{VARIABLE}={}: must be an absolute path", folder.display()).into());
    }
    let unreadable = |e| format!("{VARIABLE}: cannot read {}: {e}", folder.display());
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_type().map_err(unreadable)?.is_file()
            && let Ok(name) = entry.file_name().into_string()
        {
            files.push((name, entry.path()));
        }
    }
    if files.iter().any(|(name, _)| name == "index.html") {
        Ok(files)
    } else {
        Err(format!("{VARIABLE}: {} has no index.html", folder.display()).into())
    }
}
