//! The `tapetum` command: arguments and output around the library of the same name.

mod command_line;
mod commands;
mod console;
mod demo;
mod options;
mod progress;

use std::env;
use std::process::ExitCode;

use clap::Parser;
use tapetum::folders::exposed_key;
use tapetum::{ErrorKind, Result};

use command_line::{Cli, Command, with_simulation};
use commands::{
    audit, backup, bench, classify, decrypt, encrypt, features, inspect, keygen, net, remote,
    restore, serve, simulate, tenant, train, worker,
};
use console::Console;
use progress::Steps;

/// Gives the polynomials' buffers of megabytes back to the system one by one. Allocators that cut
/// them from one heap leave gaps between them, and a process that bootstraps for hours grows.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(with_simulation(env::args_os())) {
        Ok(cli) => cli,
        Err(error) => return console::usage(&error),
    };
    let console = Console {
        steps: Steps::for_user(cli.quiet, cli.json),
        json: cli.json,
    };
    let owner = match &cli.command {
        Command::Decrypt(args) => Some(&args.owner),
        Command::Encrypt(args) => args.contributor.owner.as_ref(),
        Command::Features(args) => args.owner(),
        _ => None,
    };
    if let Some(warning) = owner.and_then(|dir| exposed_key(dir)) {
        console.aside("warning", &warning);
    }
    match run(&cli.command, &console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = exit_code(error.kind());
            console::error(&error.to_string(), code, cli.json);
            ExitCode::from(code)
        }
    }
}

fn run(command: &Command, console: &Console) -> Result<()> {
    match command {
        Command::Simulate(args) => simulate::run(args, console),
        Command::Keygen(args) => keygen::run(args, console),
        Command::Features(args) => features::run(args, console),
        Command::Encrypt(args) => encrypt::run(args, console),
        Command::Train(args) => train::run(args, console),
        Command::Classify(args) => classify::run(args, console),
        Command::Decrypt(args) => decrypt::run(args, console),
        Command::Inspect(args) => inspect::run(args, console),
        Command::Net(args) => net::run(args, console),
        Command::Demo(args) => commands::demo::run(args, console),
        Command::Serve(args) => serve::run(args, console),
        Command::Worker(args) => worker::run(args, console),
        Command::Remote(args) => remote::run(args, console),
        Command::Tenant(args) => tenant::run(args, console),
        Command::Audit(args) => audit::run(args, console),
        Command::Backup(args) => backup::run(args, console),
        Command::Restore(args) => restore::run(args, console),
        Command::Bench(args) => bench::run(args, console),
    }
}

/// What scripts see of an error; the help lists them.
fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Unexpected => 1,
        ErrorKind::Input => 3,
        ErrorKind::Role => 4,
        ErrorKind::Files => 5,
        ErrorKind::Computation => 6,
    }
}
