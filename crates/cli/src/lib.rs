//! The `tapetum` command: thin glue between files and the libraries. What users run is
//! [`main`]; programs use the libraries.

mod args;
mod bench;
mod data;
mod decrypt;
mod demo;
mod encrypt;
mod failure;
mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod index;
mod inspect;
mod keygen;
mod model_file;
mod output;
mod plan;
mod plots;
mod predictions;
mod progress;
mod reference;
mod report;
mod roles;
mod server;
mod service;
mod simulate;
mod training_set;

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use args::{Cli, Command};
use progress::Steps;

/// What the command does: runs the arguments of the process, and tells of errors.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(args::with_simulation(env::args_os())) {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error),
    };
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = failure::exit_code(&error);
            output::error(&format!("{error:#}"), code, cli.json);
            ExitCode::from(code)
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let steps = Steps::for_user(cli.quiet, cli.json);
    match &cli.command {
        Command::Simulate(args) => {
            let found = simulate::run(args, steps)?;
            output::simulate(&found, cli.json)?;
            found.check()
        }
        Command::Keygen(args) => output::keygen(args, &keygen::run(args, steps)?, cli.json),
        Command::Encrypt(args) => output::encrypt(args, &encrypt::run(args, steps)?, cli.json),
        Command::Train(args) => output::train(args, &server::train::run(args, steps)?, cli.json),
        Command::Classify(args) => {
            output::classify(args, &server::classify::run(args, steps)?, cli.json)
        }
        Command::Decrypt(args) => output::decrypt(&decrypt::run(args, steps)?, cli.json),
        Command::Inspect(args) => output::inspect(&inspect::run(&args.file)?, cli.json),
        Command::Demo(args) => output::demo(&demo::run(args, steps)?, cli.json),
        Command::Serve(args) => service::serve(args, cli.json),
        Command::Worker(args) => service::worker(args),
        Command::Remote(args) => service::remote(args, steps, cli.json),
        Command::Tenant(args) => service::tenant(args, cli.json),
        Command::Audit(args) => service::audit(args, cli.json),
        Command::Backup(args) => service::backup(args, cli.json),
        Command::Restore(args) => service::restore(args, cli.json),
        Command::Bench(args) => {
            let measured = bench::run(args, steps)?;
            output::bench(&measured, cli.json)?;
            measured.check()
        }
    }
}
