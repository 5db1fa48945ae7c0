//! Which crate may depend on which: the arrows of `docs/architecture.md`, as data.

use crate::metadata::{Dependency, Kind, Package};

/// A crate, what its code and its build script may use, and what its tests, examples and benches
/// may use besides. Names are separated by spaces and lack their `tapetum-`.
type Row = (&'static str, &'static str, &'static str);

/// Every crate of the workspace, born or planned, lowest layer first.
///
/// Arrows point to lower layers only, so a crate may use only crates listed before it.
const CRATES: &[Row] = &[
    // Residues, the NTT, RNS bases.
    ("ring", "", ""),
    // The scheme; the only crate that sees residues from above.
    ("ckks", "ring", ""),
    // Pictures and features; knows no ciphertext.
    ("vision", "", ""),
    // Estimators; their tests train on real images.
    ("learn", "ckks", "vision"),
    // Encrypted inference of networks.
    ("nets", "ckks", "vision"),
    // The client, and the documents that it and the server exchange.
    ("client", "ckks learn", ""),
    // The server.
    ("service", "ckks learn nets client", "vision"),
    // The roles.
    ("tapetum", "ckks vision learn nets client", ""),
    // Reports in HTML.
    ("report", THE_LIBRARY, ""),
    // `tapetum bench`.
    ("bench", "ckks vision learn nets client tapetum", ""),
    // The command.
    (
        "cli",
        "ckks vision learn nets client service tapetum report bench",
        "",
    ),
    // What stands beside the command: programs to read, and other languages.
    ("examples", THE_LIBRARY, ""),
    ("python", THE_LIBRARY, ""),
    ("web", THE_LIBRARY, ""),
    // Feeds every parser with what nobody should send.
    ("fuzz", "ckks vision learn client service tapetum", ""),
    // Judges the others, so it depends on none of them.
    ("xtask", "", ""),
];

/// The roles, and what they are made of.
const THE_LIBRARY: &str = "ckks vision learn tapetum";

/// One crate of the workspace and what it may depend on within it.
struct CrateRule {
    /// The package's name.
    name: String,
    uses: Vec<String>,
    tests_use: Vec<String>,
}

impl CrateRule {
    fn all() -> Vec<Self> {
        let full = |name: &str| match name {
            "tapetum" | "xtask" => name.to_owned(),
            _ => format!("tapetum-{name}"),
        };
        let list = |names: &str| names.split_whitespace().map(full).collect();
        let rule = |&(name, uses, tests_use): &Row| Self {
            name: full(name),
            uses: list(uses),
            tests_use: list(tests_use),
        };
        CRATES.iter().map(rule).collect()
    }
}

/// The feature with known randomness and weak secrets, which tests alone may turn on.
const FOR_TESTS: &str = "insecure";

/// One message for each declared dependency that the table does not allow or that turns on what is for tests
/// outside `[dev-dependencies]`, and for each crate that it does not know.
pub fn violations(packages: &[Package]) -> Vec<String> {
    let rules = CrateRule::all();
    let is_internal = |dependency: &&Dependency| is_internal(dependency, packages, &rules);
    let mut found = Vec::new();
    for package in packages {
        let for_tests = |d: &&Dependency| d.features.iter().any(|f| f == FOR_TESTS);
        let shipped = |d: &&Dependency| d.kind != Some(Kind::Dev);
        found.extend(package.dependencies.iter().filter(for_tests).filter(shipped).map(|d| {
            format!(
                "layering: `{}` turns on the feature `{FOR_TESTS}` of `{}`, which is for tests: move it to \
                 [dev-dependencies]",
                package.name, d.name
            )
        }));
        match rules.iter().find(|rule| rule.name == package.name) {
            Some(rule) => found.extend(
                package
                    .dependencies
                    .iter()
                    .filter(is_internal)
                    .filter(|dependency| !allows(rule, dependency))
                    .map(|dependency| forbidden_arrow(rule, dependency)),
            ),
            None => found.push(format!(
                "layering: the table does not know `{}`. Give it a row in xtask/src/layering.rs \
                 and a place in docs/architecture.md",
                package.name
            )),
        }
    }
    found
}

/// Whether a dependency is an arrow within the workspace.
///
/// A known name counts even without a path: a copy of `tapetum-ring` from a registry breaks the
/// layering as well.
fn is_internal(dependency: &Dependency, packages: &[Package], rules: &[CrateRule]) -> bool {
    dependency.path.is_some()
        || packages
            .iter()
            .any(|package| package.name == dependency.name)
        || rules.iter().any(|rule| rule.name == dependency.name)
}

fn allows(rule: &CrateRule, dependency: &Dependency) -> bool {
    let name = &dependency.name;
    // Tests of a crate may turn on its own features.
    rule.uses.contains(name)
        || (dependency.kind == Some(Kind::Dev)
            && (rule.tests_use.contains(name) || rule.name == *name))
}

fn forbidden_arrow(rule: &CrateRule, dependency: &Dependency) -> String {
    let table = match dependency.kind {
        None => "dependencies",
        Some(Kind::Dev) => "dev-dependencies",
        Some(Kind::Build) => "build-dependencies",
    };
    let allowed = match dependency.kind {
        Some(Kind::Dev) => [&rule.uses[..], &rule.tests_use].concat(),
        _ => rule.uses.clone(),
    };
    let allowed = if allowed.is_empty() {
        "no crate of this workspace".to_owned()
    } else {
        allowed.join(", ")
    };
    format!(
        "layering: `{}` must not depend on `{}` (its [{table}]). There it may use: {allowed}. \
         See docs/architecture.md, \"Who may use whom\"",
        rule.name, dependency.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, Option<Kind>)]) -> Package {
        Package {
            name: name.to_owned(),
            dependencies: dependencies
                .iter()
                .map(|&(name, kind)| Dependency {
                    name: name.to_owned(),
                    kind,
                    path: Some(format!("/workspace/{name}")),
                    features: Vec::new(),
                })
                .collect(),
            targets: Vec::new(),
        }
    }

    fn judge(name: &str, dependencies: &[(&str, Option<Kind>)]) -> Vec<String> {
        violations(&[package(name, dependencies)])
    }

    #[test]
    fn the_arrows_of_the_architecture_are_allowed() {
        for (from, to) in [
            ("tapetum-cli", "tapetum"),
            ("tapetum-cli", "tapetum-service"),
            ("tapetum-web", "tapetum"),
            ("tapetum-service", "tapetum-client"),
            ("tapetum", "tapetum-client"),
            ("tapetum", "tapetum-vision"),
            ("tapetum-learn", "tapetum-ckks"),
            ("tapetum-ckks", "tapetum-ring"),
        ] {
            assert!(judge(from, &[(to, None)]).is_empty(), "{from} -> {to}");
        }
    }

    #[test]
    fn a_forbidden_arrow_is_found_in_every_dependency_table() {
        for kind in [None, Some(Kind::Dev), Some(Kind::Build)] {
            let found = judge("tapetum-learn", &[("tapetum-ring", kind)]);
            assert_eq!(found.len(), 1, "{kind:?}");
            assert!(found[0].contains("`tapetum-learn` must not depend on `tapetum-ring`"));
        }
    }

    #[test]
    fn upward_and_sideways_arrows_are_found() {
        for (from, to) in [
            ("tapetum-ring", "tapetum-ckks"),
            ("tapetum-ckks", "tapetum-learn"),
            ("tapetum-vision", "tapetum-ckks"),
            ("tapetum-nets", "tapetum-ring"),
            ("tapetum-learn", "tapetum-vision"),
            ("tapetum-service", "tapetum"),
            ("tapetum-client", "tapetum-service"),
            ("tapetum", "tapetum-cli"),
            ("tapetum-web", "tapetum-service"),
            ("tapetum-cli", "tapetum-ring"),
            ("xtask", "tapetum-ring"),
        ] {
            assert_eq!(judge(from, &[(to, None)]).len(), 1, "{from} -> {to}");
        }
    }

    #[test]
    fn what_is_for_tests_stays_in_tests() {
        for (kind, violations_expected) in [(None, 1), (Some(Kind::Dev), 0)] {
            let mut learn = package("tapetum-learn", &[("tapetum-ckks", kind)]);
            learn.dependencies[0].features.push(FOR_TESTS.to_owned());
            assert_eq!(violations(&[learn]).len(), violations_expected, "{kind:?}");
        }
        let own = package("tapetum-ckks", &[("tapetum-ckks", Some(Kind::Dev))]);
        assert!(violations(&[own]).is_empty());
    }

    #[test]
    fn a_test_only_arrow_is_allowed_in_tests_only() {
        assert!(judge("tapetum-learn", &[("tapetum-vision", Some(Kind::Dev))]).is_empty());
        assert_eq!(
            judge("tapetum-learn", &[("tapetum-vision", Some(Kind::Build))]).len(),
            1
        );
    }

    #[test]
    fn crates_that_the_table_does_not_know_are_found_on_both_ends() {
        assert!(judge("tapetum-new", &[])[0].contains("does not know `tapetum-new`"));
        assert_eq!(judge("tapetum-ckks", &[("tapetum-new", None)]).len(), 1);
    }

    #[test]
    fn a_registry_copy_of_a_workspace_crate_is_an_arrow_and_other_registry_crates_are_none() {
        let mut learn = package("tapetum-learn", &[("tapetum-ring", None), ("rayon", None)]);
        for dependency in &mut learn.dependencies {
            dependency.path = None;
        }
        assert_eq!(violations(&[learn]).len(), 1);
    }

    #[test]
    fn the_table_has_no_cycle() {
        let rules = CrateRule::all();
        for (index, rule) in rules.iter().enumerate() {
            for name in rule.uses.iter().chain(&rule.tests_use) {
                let below = rules[..index].iter().any(|other| other.name == *name);
                assert!(
                    below,
                    "{} -> {name} does not point to an earlier row",
                    rule.name
                );
            }
        }
    }
}
