//! `tapetum train`: a model from encrypted samples.

use std::path::PathBuf;

use clap::Args;
use tapetum::server::TrainOptions;
use tapetum::units::bytes;
use tapetum::{Result, Server};

use crate::console::{Console, notes};
use crate::options::memory_size;

/// Arguments of `train`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapetum train --server server --data server/train.enc --out server/model.enc

  tapetum train --server server --data anne.enc --data bert.enc --out model.enc
  tapetum train --server server --data anne.enc --data bert.enc --without anne --out model.enc

  tapetum train --server server --data server/train.enc --out server/model.enc \\
      --checkpoint server/state.enc --resume --snapshot server/now.enc

  tapetum train --simulate --images pictures/ --positive cats --plots pictures-of-it

With --simulate nothing is encrypted yet: it predicts accuracy, ranges, levels, time, memory and bytes
from pictures in the clear, takes the arguments of `tapetum simulate`, and is the same.
Settings of the training are those of `keygen`. Training in mini-batches reads the data while it goes,
so they may be larger than memory. The command refuses to run where it finds a secret key.")]
pub struct Train {
    /// The server's directory.
    #[arg(long, value_name = "DIR")]
    pub server: PathBuf,
    /// Encrypted samples with their labels; several times for those of several contributors, in any
    /// order.
    #[arg(long, value_name = "FILE", required = true)]
    pub data: Vec<PathBuf>,
    /// Leave out the samples of this contributor, as if they had never been there.
    #[arg(long, value_name = "NAME")]
    pub without: Vec<String>,
    /// The encrypted model to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// With mini-batches: keep the state of the training here, after every iteration.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Resume from the checkpoint, if there is one.
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// With mini-batches: write the model as it is after every iteration here, encrypted, for the
    /// owner to look at.
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// With mini-batches: end after this many iterations, because the owner says so.
    #[arg(long, value_name = "N")]
    pub until: Option<usize>,
    /// Memory budget for evaluation keys, such as 500MB or 2GB; the others are expanded from their
    /// file when they are used [default: all of them]
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub key_memory: Option<u64>,
}

/// Trains a model on the samples of one contributor or several.
pub fn run(args: &Train, console: &Console) -> Result<()> {
    let server = Server::open(&args.server, args.key_memory, &console.steps)?;
    let options = TrainOptions {
        data: args.data.clone(),
        without: args.without.clone(),
        out: args.out.clone(),
        checkpoint: args.checkpoint.clone(),
        resume: args.resume,
        snapshot: args.snapshot.clone(),
        until: args.until,
    };
    let done = server.train_files(&options, &console.steps)?;
    console.print(&done, || {
        let labels = if done.labels_encrypted {
            "encrypted"
        } else {
            "clear"
        };
        format!(
            "Trained {} on {} encrypted samples with {labels} labels. Encrypted model: {} ({}).\n{}",
            done.learner,
            done.samples,
            args.out.display(),
            bytes(done.bytes),
            notes(&done.notes)
        )
    })
}
