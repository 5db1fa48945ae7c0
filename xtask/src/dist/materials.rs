//! Bills of materials: for each part, the packages that are linked into it, as CycloneDX.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use cargo_cyclonedx::SbomGenerator;
use cargo_cyclonedx::config::{SbomConfig, Target};
use cyclonedx_bom::models::bom::{Bom, SpecVersion};

use super::parts::{Lock, Part};

/// Writes the bill of a part.
pub fn write(lock: &Lock, part: &Part, dir: &Path) -> anyhow::Result<()> {
    let name = format!("tapetum-{}.cdx.json", part.title);
    fs::write(dir.join(&name), text(lock, part)?).with_context(|| format!("cannot write {name}"))
}

fn text(lock: &Lock, part: &Part) -> anyhow::Result<String> {
    let mut json = Vec::new();
    bill(lock, part)?.output_as_json(&mut json, SpecVersion::V1_5)?;
    // Packages of the workspace are named by where they are on this machine, which is nobody's concern.
    let here = format!("file://{}", lock.root().display());
    Ok(String::from_utf8(json)?.replace(&here, "file://."))
}

fn bill(lock: &Lock, part: &Part) -> anyhow::Result<Bom> {
    let config = SbomConfig {
        target: Some(Target::SingleTarget(lock.target(part).to_owned())),
        only_normal_deps: Some(true),
        ..SbomConfig::default()
    };
    let mut bills = SbomGenerator::create_sboms(lock.metadata_of(part)?, &config)?;
    match (bills.pop(), bills.pop()) {
        (Some(bill), None) => Ok(bill.bom),
        _ => bail!("{} is not a package of the workspace", part.package),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::parts::{COMMAND, PAGE, WHEEL};
    use super::*;
    use cyclonedx_bom::validation::Validate as _;

    #[test]
    fn bills_are_valid_and_name_what_is_linked_with_licences_and_hashes() {
        let root = crate::workspace_root();
        let lock = Lock::read(&root).unwrap();
        for part in [COMMAND, PAGE, WHEEL] {
            let bill = bill(&lock, &part).unwrap();
            assert!(
                bill.validate_version(SpecVersion::V1_5).passed(),
                "{}",
                part.title
            );
            let text = text(&lock, &part).unwrap();
            assert!(!text.contains(root.to_str().unwrap()));
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json["metadata"]["component"]["name"], part.package);
            let components = json["components"].as_array().unwrap();
            let listed: BTreeSet<_> = components
                .iter()
                .map(|c| c["name"].as_str().unwrap())
                .collect();
            let linked = lock.linked(&part).unwrap();
            let linked = linked.iter().map(|package| package.name.as_str());
            let others = linked.filter(|name| *name != part.package).collect();
            assert_eq!(listed, others, "{}", part.title);
            for component in components {
                let is_ours = component["bom-ref"].as_str().unwrap().contains("file://");
                assert!(is_ours || component["licenses"].is_array(), "{component}");
                assert!(is_ours || component["hashes"].is_array(), "{component}");
            }
        }
    }
}
