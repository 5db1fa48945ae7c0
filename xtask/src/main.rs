//! Checks of the workspace that cargo does not make, and tables that are committed.
//!
//! `cargo run -p xtask -- check` verifies, and `.ci/run` insists:
//!
//! - **layering**: crates depend on each other only along the arrows of the table in [`layering`], and turn
//!   on what is for tests in tests only;
//! - **unsafe**: the keyword appears only below [`source::UNSAFE_ALLOWED_BELOW`];
//! - **secret-key**: code that runs on a server does not name the type `SecretKey`;
//! - **circles**: within a crate, files do not use each other in a circle.
//!
//! `cargo run -p xtask -- circles` prints all circles, accepted ones too.
//! `cargo run -p xtask -- remez` computes the polynomials of encrypted comparisons,
//! `cargo run -p xtask --features page -- page` makes the browser's page, and
//! `cargo run -p xtask --features dist -- dist` a release.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

mod circles;
#[cfg(feature = "dist")]
mod dist;
mod layering;
mod metadata;
mod minimax;
#[cfg(feature = "page")]
mod page;
mod sign;
mod source;
mod tools;

const USAGE: &str = "\
Checks of the workspace that cargo does not make, and tables that are committed.

Usage: cargo run -p xtask -- <check|circles|remez>
       cargo run -p xtask --features page -- page [DIR]
       cargo run -p xtask --features dist -- dist [DIR] [--page DIR] [--complete]

Commands:
  check    fail on a dependency arrow that the architecture does not allow, on `unsafe`
           outside the SIMD kernels, on `SecretKey` in code that runs on a server, and on
           files of a crate that use each other in a circle that is not accepted
  circles  print all circles of files, accepted ones too, and the arrows that close them
  remez    compute the minimax polynomials of encrypted comparisons, and write their table
  page     compile the browser's page into DIR (target/page), for `tapetum serve --page DIR`;
           takes the compiler's target wasm32-unknown-unknown
  dist     make a release in DIR (target/tapetum-VERSION), which is described in docs/release.md;
           `dist --help` has its options

Exit status: 0 all rules hold, 1 a rule is broken, 2 the command could not be carried out.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = workspace_root();
    let carried_out = match words[..] {
        ["check"] => return checked(&root),
        ["circles"] => circles(&root),
        ["remez"] => sign::write_table(&root),
        #[cfg(feature = "page")]
        ["page"] => page::make(&root, &root.join("target/page")),
        #[cfg(feature = "page")]
        ["page", dir] => page::make(&root, Path::new(dir)),
        #[cfg(feature = "dist")]
        ["dist", ref rest @ ..] => dist::Dist::from_words(rest.iter().copied()).make(&root),
        #[cfg(not(feature = "dist"))]
        [command @ ("page" | "dist"), ..] => Err(anyhow::anyhow!(
            "it takes a feature: cargo run -p xtask --features {command} -- {command}"
        )),
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match carried_out {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn checked(root: &Path) -> ExitCode {
    match check(root) {
        Ok(violations) if violations.is_empty() => ExitCode::SUCCESS,
        Ok(violations) => {
            for violation in &violations {
                eprintln!("error: {violation}\n");
            }
            eprintln!("{} rule violation(s)", violations.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs every rule and returns what is broken, one message a violation.
fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let packages = metadata::workspace_packages(root)?;
    let mut violations = layering::violations(&packages);
    println!(
        "layering: {} packages against the table in xtask/src/layering.rs",
        packages.len()
    );

    let files = source::rust_files(root)?;
    for file in &files {
        let text = std::fs::read_to_string(root.join(file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        violations.extend(source::violations(file, &text)?);
    }
    println!("unsafe, secret-key: {} Rust files", files.len());

    let circles = circles::circles(root, &packages)?;
    violations.extend(circles::violations(&circles));
    println!("circles: {} of files within a crate", circles.len());
    Ok(violations)
}

/// Prints the circles that there are, the accepted ones too.
fn circles(root: &Path) -> anyhow::Result<()> {
    for circle in circles::circles(root, &metadata::workspace_packages(root)?)? {
        println!("{circle}\n");
    }
    Ok(())
}

/// The workspace this binary was built from: the folder above `xtask/`.
fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}
