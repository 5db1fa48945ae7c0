//! `tapetum net`: networks on encrypted images.

mod classify;
mod decrypt;
mod encrypt;
mod keygen;
mod plan;

use clap::{Args, Subcommand};
use tapetum::Result;

use crate::console::Console;

/// Arguments of `net`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum net plan network.onnx --calibrate images/ --classes cat,dog --out network.plan.json
  tapetum net keygen --plan network.plan.json --owner owner --contributor contributor --server server
  tapetum net encrypt --contributor contributor --photo cat.jpg --out cat.enc
  tapetum net classify --server server --network network.onnx --data cat.enc --out scores.enc
  tapetum net decrypt --owner owner scores.enc")]
pub struct Net {
    /// What to do.
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what evaluating a network on an encrypted image needs: levels, keys, memory, time.
    Plan(plan::Plan),
    /// Make the keys for a network's plan, each where it belongs.
    Keygen(keygen::Keygen),
    /// Encrypt a photograph.
    Encrypt(encrypt::Encrypt),
    /// Classify an encrypted photograph.
    Classify(classify::Classify),
    /// Decrypt the scores and say which class has the largest.
    Decrypt(decrypt::Decrypt),
}

/// Does what was asked for.
pub fn run(args: &Net, console: &Console) -> Result<()> {
    match &args.action {
        Action::Plan(args) => plan::run(args, console),
        Action::Keygen(args) => keygen::run(args, console),
        Action::Encrypt(args) => encrypt::run(args, console),
        Action::Classify(args) => classify::run(args, console),
        Action::Decrypt(args) => decrypt::run(args, console),
    }
}
