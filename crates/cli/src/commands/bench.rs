//! `tapetum bench`: how fast this machine computes.

use tapetum::Result;
use tapetum_bench::Bench;

use crate::console::Console;

/// Measures.
pub fn run(args: &Bench, console: &Console) -> Result<()> {
    let measured = tapetum_bench::run(args, &console.steps)?;
    console.print(&measured.json, || measured.text.clone())?;
    measured.check()
}
