//! The `tapetum` command.

use std::process::ExitCode;

/// Gives the polynomials' buffers of megabytes back to the system one by one. Allocators that cut
/// them from one heap leave gaps between them, and a process that bootstraps for hours grows.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tapetum::main()
}
