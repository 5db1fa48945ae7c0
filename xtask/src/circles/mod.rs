//! Circles of files within a crate: each uses, perhaps by way of others, what another defines.
//!
//! Whoever reads one file of a circle has to read them all, so there should be none. A file uses
//! another if it names an item that the other defines, or re-exports on the way to the definition (the root of the
//! crate re-exports for others, so it is not counted). `mod` lines do not count, and neither does what only tests
//! compile. Methods count through the name of their type alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::metadata::Package;
use accepted::Accepted;
use arrows::Arrows;
use modules::Modules;

mod accepted;
mod arrows;
mod attributes;
mod modules;
#[cfg(test)]
mod tests;

type Files = BTreeSet<PathBuf>;

/// Files that use each other, and how.
pub struct Circle {
    /// The files, relative to the workspace.
    pub files: Files,
    arrows: Arrows,
}

/// All circles of the workspace.
pub fn circles(root: &Path, packages: &[Package]) -> anyhow::Result<Vec<Circle>> {
    let mut found = Vec::new();
    for target in packages.iter().flat_map(Package::code) {
        let arrows = relative(root, arrows::arrows(&Modules::read(&target.src_path)?));
        found.extend(strongly_connected(&arrows).into_iter().map(|files| Circle {
            arrows: within(&files, &arrows),
            files,
        }));
    }
    Ok(found)
}

/// One message for each circle that is not accepted, and for each accepted one that is not there or
/// is smaller by now.
pub fn violations(found: &[Circle]) -> Vec<String> {
    judge(found, accepted::CIRCLES)
}

fn judge(found: &[Circle], accepted: &[Accepted]) -> Vec<String> {
    let known: Vec<Files> = accepted.iter().map(Accepted::paths).collect();
    let unknown = found
        .iter()
        .filter(|circle| !known.iter().any(|files| circle.files.is_subset(files)))
        .map(|circle| {
            format!("circles: {circle}\n  Move what they share into a file of its own, below them")
        });
    let too_large = known.iter().zip(accepted).filter_map(|(files, entry)| {
        let left: Vec<_> = found
            .iter()
            .filter(|circle| circle.files.is_subset(files))
            .collect();
        match left[..] {
            [] => Some("is gone: remove it from the list".to_owned()),
            [circle] if circle.files == *files => None,
            _ => Some(format!(
                "is smaller now: leave in the list only {}",
                left.iter()
                    .map(|circle| list(&circle.files))
                    .collect::<Vec<_>>()
                    .join(" and ")
            )),
        }
        .map(|what| {
            format!(
                "circles: an accepted circle of {} files ({}: {}) {what}. \
                 The list is in xtask/src/circles/accepted.rs",
                files.len(),
                entry.below,
                entry.reason
            )
        })
    });
    unknown.chain(too_large).collect()
}

impl Accepted {
    fn paths(&self) -> Files {
        self.files
            .iter()
            .map(|file| Path::new(self.below).join(file))
            .collect()
    }
}

impl std::fmt::Display for Circle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} files use each other: {}\n  Without these arrows they would not:",
            self.files.len(),
            list(&self.files)
        )?;
        for (from, to, names) in closing(&self.files, &self.arrows) {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            write!(
                f,
                "\n    {} -> {}: {}",
                from.display(),
                to.display(),
                names.join(", ")
            )?;
        }
        Ok(())
    }
}

fn list(files: &Files) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    files.join(", ")
}

fn relative(root: &Path, arrows: Arrows) -> Arrows {
    let short = |file: PathBuf| {
        file.strip_prefix(root)
            .map_or(file.clone(), Path::to_path_buf)
    };
    arrows
        .into_iter()
        .map(|(from, used)| {
            let used = used
                .into_iter()
                .map(|(to, names)| (short(to), names))
                .collect();
            (short(from), used)
        })
        .collect()
}

/// The arrows between some files alone.
fn within(files: &Files, arrows: &Arrows) -> Arrows {
    arrows
        .iter()
        .filter(|(from, _)| files.contains(*from))
        .map(|(from, used)| {
            let used = used.iter().filter(|(to, _)| files.contains(*to));
            (
                from.clone(),
                used.map(|(to, names)| (to.clone(), names.clone()))
                    .collect(),
            )
        })
        .collect()
}

/// Sets of two or more files in which every file reaches every other.
fn strongly_connected(arrows: &Arrows) -> Vec<Files> {
    let reached: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> = arrows
        .keys()
        .map(|from| (from, reachable(from, arrows)))
        .collect();
    let sets: BTreeSet<Files> = reached
        .iter()
        .map(|(from, reached_from)| {
            let mutual = reached_from
                .iter()
                .filter(|to| reached[**to].contains(from));
            mutual.map(|to| (*to).clone()).collect()
        })
        .filter(|files: &Files| files.len() > 1)
        .collect();
    sets.into_iter().collect()
}

fn reachable<'a>(from: &PathBuf, arrows: &'a Arrows) -> BTreeSet<&'a PathBuf> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&PathBuf> = arrows[from].keys().collect();
    while let Some(file) = open.pop() {
        if reached.insert(file) {
            open.extend(arrows[file].keys());
        }
    }
    reached
}

/// A few arrows without which the files were no circle: those that point up when the files are ordered
/// by the rule of Eades, Lin, Smyth (1993).
fn closing<'a>(
    files: &Files,
    arrows: &'a Arrows,
) -> Vec<(&'a PathBuf, &'a PathBuf, &'a BTreeSet<String>)> {
    let mut left = files.clone();
    let (mut order, mut bottom) = (Vec::new(), Vec::new());
    while !left.is_empty() {
        let used = |file: &PathBuf| arrows[file].keys().filter(|to| left.contains(*to)).count();
        let users = |file: &PathBuf| {
            left.iter()
                .filter(|from| arrows[*from].contains_key(file))
                .count()
        };
        let (sinks, others): (Files, Files) =
            left.iter().cloned().partition(|file| used(file) == 0);
        let highest = others
            .into_iter()
            .max_by_key(|file| (users(file) == 0, used(file) as isize - users(file) as isize));
        if sinks.is_empty() {
            left.retain(|file| Some(file) != highest.as_ref());
            order.extend(highest);
        } else {
            left.retain(|file| !sinks.contains(file));
            bottom.extend(sinks);
        }
    }
    order.extend(bottom.into_iter().rev());
    let place = |file: &PathBuf| order.iter().position(|other| other == file);
    arrows
        .iter()
        .flat_map(|(from, used)| used.iter().map(move |(to, names)| (from, to, names)))
        .filter(|(from, to, _)| place(from) > place(to))
        .collect()
}
