//! `SHA256SUMS`, for `sha256sum --check`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use super::files::list;

const NAME: &str = "SHA256SUMS";

/// Writes the hashes of all files of a folder into it.
pub fn write(dir: &Path) -> anyhow::Result<()> {
    let mut text = String::new();
    for (name, path) in list(dir)? {
        if name == NAME {
            continue;
        }
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for byte in Sha256::digest(&content) {
            write!(text, "{byte:02x}")?;
        }
        // Two spaces: the file was read as it is.
        writeln!(text, "  {name}")?;
    }
    fs::write(dir.join(NAME), text).with_context(|| format!("cannot write {NAME}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standard_in_order_of_names() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("b"), "abc").unwrap();
        fs::write(dir.path().join("a"), "").unwrap();
        // Twice: the first list is not part of the second.
        write(dir.path()).unwrap();
        write(dir.path()).unwrap();
        // FIPS 180-4, its examples.
        let expected = "\
            e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n\
            ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b\n";
        assert_eq!(fs::read_to_string(dir.path().join(NAME)).unwrap(), expected);
    }
}
