//! Programs that are run.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context as _, bail};

/// The cargo that runs this.
pub fn cargo() -> Command {
    program("CARGO", "cargo")
}

/// The compiler that cargo takes.
#[cfg(feature = "dist")]
pub fn rustc() -> Command {
    program("RUSTC", "rustc")
}

fn program(variable: &str, name: &str) -> Command {
    Command::new(std::env::var_os(variable).unwrap_or_else(|| OsString::from(name)))
}

/// What a program prints, if it succeeds.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().display().to_string();
    let output = command
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        bail!(
            "{name} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let text = String::from_utf8(output.stdout);
    text.with_context(|| format!("{name} printed something that is not UTF-8"))
}
