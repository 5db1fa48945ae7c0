//! What a release is compiled from: the parts, and the packages that are linked into each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package};

use crate::page;
use crate::tools::{cargo, output};

/// A program or a library that a release holds.
#[derive(Debug)]
pub struct Part {
    /// What people call it.
    pub title: &'static str,
    /// The package of the workspace that it is compiled from.
    pub package: &'static str,
    /// That package's features, separated by commas.
    pub features: &'static str,
    /// What it is compiled for, if not for this machine.
    target: Option<&'static str>,
}

/// The command, with the server.
pub const COMMAND: Part = Part {
    title: "command",
    package: "tapetum-cli",
    features: "server,onnx",
    target: None,
};

/// The browser's page, inside the command.
pub const PAGE: Part = Part {
    title: "page",
    package: "tapetum-web",
    features: "",
    target: Some(page::TARGET),
};

/// The Python wheel.
pub const WHEEL: Part = Part {
    title: "wheel",
    package: "tapetum-python",
    features: "",
    target: None,
};

/// Packages and their versions, as Cargo.lock names them.
pub struct Lock {
    root: PathBuf,
    host: String,
    metadata: Metadata,
}

impl Lock {
    /// Asks cargo about all packages of all parts.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let host = cargo_cyclonedx::platform::host_platform();
        let mut options = vec!["--locked".to_owned()];
        for target in [&host, page::TARGET] {
            options.extend(["--filter-platform".to_owned(), target.to_owned()]);
        }
        let features = [COMMAND, PAGE, WHEEL]
            .iter()
            .flat_map(Part::qualified_features)
            .collect();
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .features(CargoOpt::SomeFeatures(features))
            .other_options(options)
            .exec()
            .context("cargo does not tell the packages of the workspace")?;
        Ok(Self {
            root: root.to_owned(),
            host,
            metadata,
        })
    }

    /// Where cargo compiles to.
    pub fn target_dir(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// The folder of the workspace.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The version of the command.
    pub fn version(&self) -> String {
        let command = self
            .metadata
            .packages
            .iter()
            .find(|p| p.name == COMMAND.package);
        command.map_or_else(String::new, |package| package.version.to_string())
    }

    /// What a part is compiled for.
    pub fn target<'a>(&'a self, part: &'a Part) -> &'a str {
        part.target.unwrap_or(&self.host)
    }

    /// The packages that are linked into a part, its own among them; not those that only generate or check code.
    ///
    /// Metadata know features of the whole workspace only, so it is `cargo tree` that is asked.
    pub fn linked(&self, part: &Part) -> anyhow::Result<Vec<&Package>> {
        let mut tree = cargo();
        tree.args(["tree", "--locked", "--edges", "normal,no-proc-macro"])
            .args(["--prefix", "none", "--format", "{p}"])
            .args(["--package", part.package, "--features", part.features])
            .args(["--target", self.target(part)])
            .current_dir(&self.root);
        let text = output(&mut tree)?;
        let named: BTreeSet<_> = text.lines().filter_map(name_and_version).collect();
        let is_named = |package: &&Package| {
            named.contains(&(package.name.as_str(), package.version.to_string().as_str()))
        };
        Ok(self.metadata.packages.iter().filter(is_named).collect())
    }

    /// What cargo says, reduced to one part.
    pub fn metadata_of(&self, part: &Part) -> anyhow::Result<Metadata> {
        let linked: BTreeSet<_> = self.linked(part)?.iter().map(|p| p.id.clone()).collect();
        let mut metadata = self.metadata.clone();
        metadata
            .packages
            .retain(|package| linked.contains(&package.id));
        let own = metadata
            .packages
            .iter()
            .find(|package| package.name == part.package);
        metadata.workspace_members = own.map(|package| package.id.clone()).into_iter().collect();
        if let Some(resolve) = &mut metadata.resolve {
            resolve.nodes.retain(|node| linked.contains(&node.id));
            for node in &mut resolve.nodes {
                node.deps
                    .retain(|dependency| linked.contains(&dependency.pkg));
                node.dependencies
                    .retain(|dependency| linked.contains(dependency));
            }
        }
        Ok(metadata)
    }
}

impl Part {
    /// Its features, as they are named for a whole workspace.
    fn qualified_features(&self) -> Vec<String> {
        let features = self
            .features
            .split(',')
            .filter(|feature| !feature.is_empty());
        features
            .map(|feature| format!("{}/{feature}", self.package))
            .collect()
    }
}

/// `serde` and `1.0.0` of `serde v1.0.0 (*)`.
fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?.strip_prefix('v')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_linked_from_what_they_use_and_nothing_else() {
        let lock = Lock::read(&crate::workspace_root()).unwrap();
        let names = |part| -> Vec<&str> {
            lock.linked(part)
                .unwrap()
                .iter()
                .map(|package| package.name.as_str())
                .collect()
        };
        let (command, page, wheel) = (names(&COMMAND), names(&PAGE), names(&WHEEL));
        for part in [&command, &page, &wheel] {
            assert!(part.contains(&"tapetum-ring") && part.contains(&"rayon"));
            // They are compiled with these, not from them.
            for not_linked in ["cc", "proptest", "serde_derive", "xtask"] {
                assert!(!part.contains(&not_linked), "{not_linked}");
            }
        }
        let only_in = |name, part: &Vec<&str>| {
            let having: Vec<_> = [&command, &page, &wheel]
                .into_iter()
                .filter(|p| p.contains(&name))
                .collect();
            having == [part]
        };
        assert!(only_in("tapetum-service", &command));
        assert!(only_in("wasm-bindgen", &page));
        assert!(only_in("pyo3", &wheel));
        assert!(command.contains(&"tract-onnx") && !page.contains(&"tract-onnx"));
    }
}
