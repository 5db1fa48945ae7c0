//! `tapetum inspect`: what a file is.

use std::path::PathBuf;

use clap::Args;
use tapetum::Result;
use tapetum::folders::inspect::{Inspected, inspect};
use tapetum::units::bytes;

use crate::console::Console;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum inspect server/train.enc

Reads only the front of each object in the file: no key is needed, and a damaged payload is not noticed.")]
pub struct Inspect {
    /// A key, or encrypted data, a model or scores.
    pub file: PathBuf,
}

/// Says what a file is.
pub fn run(args: &Inspect, console: &Console) -> Result<()> {
    let found = inspect(&args.file)?;
    console.print(&found, || text(&found))
}

fn text(found: &Inspected) -> String {
    let mut text = String::new();
    for object in &found.objects {
        let header = serde_json::to_string_pretty(&object.header).unwrap_or_default();
        text += &format!(
            "{} (format {}), parameters {}, {}\n{header}\n",
            object.holds,
            object.format,
            object.parameters,
            bytes(object.bytes)
        );
    }
    text
}
