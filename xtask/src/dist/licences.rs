//! Licences and notices of all that is linked into the parts of a release, each text once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use cargo_metadata::Package;

use super::files::copy;
use super::parts::{Lock, Part};
use crate::tools::{output, rustc};

/// All texts.
const NAME: &str = "THIRD-PARTY-LICENSES.txt";
/// The standard library's, below the compiler's folder and here. It is a page of its own.
const STANDARD: &str = "share/doc/rust/COPYRIGHT-library.html";
/// Data that are built in, besides packages.
const DATA: [&str; 3] = ["animal-shapes", "networks", "photographs"];
/// How names of licences begin.
const BEGINNINGS: [&str; 6] = [
    "license",
    "licence",
    "copying",
    "copyright",
    "notice",
    "unlicense",
];
/// What is about licences, but none.
const CODE: [&str; 8] = ["c", "h", "js", "json", "py", "rs", "sh", "toml"];
/// How far below a package's own folder the sources of others are.
const DEPTH: usize = 5;

/// A text by its words, since packages break lines where they like: the text, and whose it is.
type Texts = BTreeMap<String, (String, BTreeSet<String>)>;

/// Writes the licences of packages, data and the standard library into a folder.
pub fn write(lock: &Lock, held: &[&Part], dir: &Path) -> anyhow::Result<()> {
    let text = text(lock, held)?;
    fs::write(dir.join(NAME), text).with_context(|| format!("cannot write {NAME}"))?;
    let sysroot = output(rustc().args(["--print", "sysroot"]))?;
    let standard = Path::new(sysroot.trim_end()).join(STANDARD);
    if standard.exists() {
        copy(&standard, dir)
    } else {
        eprintln!(
            "WITHOUT THE LICENCES OF RUST'S STANDARD LIBRARY: this compiler has no {}",
            standard.display()
        );
        Ok(())
    }
}

fn text(lock: &Lock, held: &[&Part]) -> anyhow::Result<String> {
    // Names in parts, by package.
    let mut packages = BTreeMap::<_, (&Package, Vec<&str>)>::new();
    for part in held {
        for package in lock.linked(part)? {
            let entry = packages.entry((&package.name, &package.version));
            entry.or_insert((package, Vec::new())).1.push(part.title);
        }
    }
    // Ours are under the two licences beside this file.
    packages.retain(|_, (package, _)| package.source.is_some());

    let mut text = format!(
        "Tapetum is under MIT OR Apache-2.0, as LICENSE-MIT and LICENSE-APACHE have it. Linked into this release \
         are {} packages of others, under these licences, whose texts follow:\n\n",
        packages.len()
    );
    let mut texts = Texts::new();
    let mut without = Vec::new();
    for ((name, version), (package, parts)) in &packages {
        let found = texts_of(package)?;
        let licence = package.license.as_deref().unwrap_or("in its own words");
        writeln!(text, "{name} {version}: {licence} ({})", parts.join(", "))?;
        if found.is_empty() {
            without.push(format!("{name} {version}: {licence}"));
        }
        for found in found {
            add(&mut texts, found, format!("{name} {version}"));
        }
    }
    if !without.is_empty() {
        bail!("no text of a licence is known for:\n{}", without.join("\n"));
    }
    for name in DATA {
        let folder = lock.root().join("data").join(name);
        for file in ["LICENSE", "README.md"].map(|file| folder.join(file)) {
            if file.exists() {
                add(&mut texts, read(&file)?, format!("the data {name}"));
            }
        }
    }
    for (found, owners) in texts.into_values() {
        let owners: Vec<_> = owners.into_iter().collect();
        write!(
            text,
            "\n{}\n{}:\n\n{}\n",
            "-".repeat(80),
            owners.join(", "),
            found.trim_end()
        )?;
    }
    Ok(text)
}

fn add(texts: &mut Texts, text: String, owner: String) {
    let words: Vec<_> = text.split_whitespace().collect();
    let entry = texts.entry(words.join(" "));
    entry
        .or_insert_with(|| (text, BTreeSet::new()))
        .1
        .insert(owner);
}

/// The texts that come with a package, or the standard ones of its licences if none does.
fn texts_of(package: &Package) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    if let Some(folder) = package.manifest_path.parent() {
        collect(folder.as_std_path(), DEPTH, &mut texts)?;
    }
    if texts.is_empty() {
        let expression = package.license.as_deref().unwrap_or_default();
        texts = standard_texts(expression);
    }
    Ok(texts)
}

/// Adds the licences in a folder, and those of sources that it has from others.
fn collect(folder: &Path, depth: usize, texts: &mut Vec<String>) -> anyhow::Result<()> {
    let unreadable = || format!("cannot list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let path = entry.path();
        let kind = entry.file_type().with_context(unreadable)?;
        if kind.is_dir() && depth > 0 {
            collect(&path, depth - 1, texts)?;
        } else if kind.is_file() && is_licence(&path) {
            texts.push(read(&path)?);
        }
    }
    Ok(())
}

/// Whether a file is a licence by its name, or by that of its folder.
fn is_licence(path: &Path) -> bool {
    let begins = |path: &Path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
    };
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    (begins(path) || path.parent().is_some_and(begins)) && !CODE.contains(&extension.as_ref())
}

/// Names of people may be in any encoding.
fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The texts of SPDX. They say nothing of who has the copyright, which the package does not say either.
fn standard_texts(expression: &str) -> Vec<String> {
    let Ok(expression) = spdx::Expression::parse_mode(expression, spdx::ParseMode::LAX) else {
        return Vec::new();
    };
    let licences = expression
        .requirements()
        .filter_map(|each| each.req.license.id());
    licences.map(|licence| licence.text().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::parts::{COMMAND, PAGE, WHEEL};
    use super::*;

    #[test]
    fn every_package_has_a_text_and_each_text_is_there_once() {
        let lock = Lock::read(&crate::workspace_root()).unwrap();
        let text = text(&lock, &[&COMMAND, &PAGE, &WHEEL]).unwrap();
        for part in [COMMAND, PAGE, WHEEL] {
            for package in lock.linked(&part).unwrap() {
                let line = format!("\n{} {}: ", package.name, package.version);
                assert_eq!(text.contains(&line), package.source.is_some(), "{line}");
            }
        }
        assert!(text.contains("Copyright (c) 2025 SinaSR-6"));
        // The Apache licence is that of hundreds, in few versions.
        assert!(
            text.matches("TERMS AND CONDITIONS FOR USE, REPRODUCTION")
                .count()
                < 40
        );
    }

    #[test]
    fn licences_are_told_by_their_names() {
        for name in [
            "LICENSE",
            "a/licence.txt",
            "COPYING.MIT",
            "LICENSES/MIT.txt",
            "LICENSE.httprouter",
        ] {
            assert!(is_licence(Path::new(name)), "{name}");
        }
        for name in ["lib.rs", "license.rs", "README.md"] {
            assert!(!is_licence(Path::new(name)), "{name}");
        }
        assert_eq!(standard_texts("MIT/Apache-2.0").len(), 2);
        assert!(standard_texts("none of them").is_empty());
    }
}
