//! `tapetum classify`: encrypted samples to encrypted scores.

use std::path::PathBuf;

use clap::Args;
use tapetum::units::bytes;
use tapetum::{Result, Server};

use crate::console::{Console, notes};
use crate::options::memory_size;

/// Arguments of `classify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum classify --server server --model server/model.enc --data server/new.enc \\
      --out server/scores.enc
  tapetum classify --server server --model provider/model.json --data new.enc --out scores.enc

Scores leave the server encrypted, with everything else in their ciphertexts masked to zero. The
command refuses to run where it finds a secret key.")]
pub struct Classify {
    /// The server's directory.
    #[arg(long, value_name = "DIR")]
    pub server: PathBuf,
    /// The encrypted model, or a plain one as `simulate --export` and `decrypt` write it.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Encrypted samples.
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// The encrypted scores to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Memory budget for evaluation keys [default: all of them]
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub key_memory: Option<u64>,
}

/// Classifies the samples of a file.
pub fn run(args: &Classify, console: &Console) -> Result<()> {
    let server = Server::open(&args.server, args.key_memory, &console.steps)?;
    let done = server.classify_file(&args.model, &args.data, &args.out, &console.steps)?;
    console.print(&done, || {
        format!(
            "Classified {} encrypted samples. Encrypted scores: {} ({}).\n{}",
            done.samples,
            args.out.display(),
            bytes(done.bytes),
            notes(&done.notes)
        )
    })
}
