//! `tapetum net classify`: an encrypted photograph to encrypted scores.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tapetum::Result;
use tapetum::folders::Output;
use tapetum::networks::{NetworkServer, read_network};
use tapetum::units::bytes;

use crate::console::Console;
use crate::options::memory_size;

/// Arguments of `net classify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum net classify --server server --network network.onnx --data cat.enc --out scores.enc

The command refuses to run where it finds a secret key, and a network that is not the one of the plan.")]
pub struct Classify {
    /// The server's directory.
    #[arg(long, value_name = "DIR")]
    server: PathBuf,
    /// The ONNX file that the plan was made from.
    #[arg(long, value_name = "FILE")]
    network: PathBuf,
    /// The encrypted photograph.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The encrypted scores to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Memory budget for evaluation keys [default: all of them]
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    key_memory: Option<u64>,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Classified<'a> {
    /// The encrypted scores.
    out: &'a Path,
    /// Their bytes.
    bytes: u64,
}

/// Classifies an encrypted photograph.
pub fn run(args: &Classify, console: &Console) -> Result<()> {
    Output::NetworkScores.check(&args.out, &[&args.network, &args.data])?;
    let network = read_network(&args.network)?;
    let server = NetworkServer::open(&args.server, &network, args.key_memory, &console.steps)?;
    let done = Classified {
        out: &args.out,
        bytes: server.classify_file(&args.data, &args.out, &console.steps)?,
    };
    console.print(&done, || {
        let (out, size) = (done.out.display(), bytes(done.bytes));
        format!("Classified an encrypted photograph. Encrypted scores: {out} ({size}).\n")
    })
}
