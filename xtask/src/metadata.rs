//! What `cargo metadata` says about the packages of the workspace.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::tools::{cargo, output};

/// A package of the workspace with the dependencies its manifest declares.
#[derive(Debug, Deserialize)]
pub struct Package {
    /// The package's name, such as `tapetum-ring`.
    pub name: String,
    /// Declared dependencies of all kinds, optional and target-specific ones included.
    pub dependencies: Vec<Dependency>,
    /// What it compiles to: a library, commands, tests and so on.
    pub targets: Vec<Target>,
}

/// One thing that a package compiles to.
#[derive(Debug, Deserialize)]
pub struct Target {
    /// `lib`, `bin`, `test` and so on; a library may be of several kinds.
    pub kind: Vec<String>,
    /// The file at its root.
    pub src_path: PathBuf,
}

impl Package {
    /// Its libraries and commands, without tests, examples, benches and build scripts.
    pub fn code(&self) -> impl Iterator<Item = &Target> {
        let beside = ["test", "example", "bench", "custom-build"];
        self.targets.iter().filter(move |target| {
            !target
                .kind
                .iter()
                .any(|kind| beside.contains(&kind.as_str()))
        })
    }
}

/// One declared dependency.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    /// The name of the package depended on, whatever the manifest renames it to.
    pub name: String,
    /// Which table of the manifest it stands in.
    pub kind: Option<Kind>,
    /// The folder of a path dependency; `None` for one from a registry.
    pub path: Option<String>,
    /// The features that it turns on.
    #[serde(default)]
    pub features: Vec<String>,
}

/// The kinds that cargo names; an ordinary dependency has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `[dev-dependencies]`: tests, examples and benches.
    Dev,
    /// `[build-dependencies]`: build scripts.
    Build,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// Asks cargo for the workspace at `root`.
///
/// `--no-deps` reads the manifests alone: it needs neither the network nor an up-to-date lock file,
/// and it reports dependencies as declared, before any feature or target is chosen.
pub fn workspace_packages(root: &Path) -> anyhow::Result<Vec<Package>> {
    let mut command = cargo();
    command
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root);
    let text = output(&mut command)?;
    let metadata: Metadata =
        serde_json::from_str(&text).context("cannot read cargo metadata's output")?;
    Ok(metadata.packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_read() {
        let packages = workspace_packages(&crate::workspace_root()).unwrap();
        let ckks = packages.iter().find(|p| p.name == "tapetum-ckks").unwrap();
        let ring = ckks
            .dependencies
            .iter()
            .find(|d| d.name == "tapetum-ring")
            .unwrap();
        assert_eq!(ring.kind, None);
        assert!(ring.path.is_some());
    }
}
