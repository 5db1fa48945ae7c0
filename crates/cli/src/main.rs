//! The `tapetum` command.
fn main() {}
