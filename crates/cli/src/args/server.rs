//! What a server is asked for.

use std::path::{Path, PathBuf};

use clap::Args;

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
    /// Go on from the checkpoint, if there is one.
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// With mini-batches: write the model as it is after every iteration here, encrypted, for the
    /// owner to look at.
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// With mini-batches: end after so many iterations, because the owner says so.
    #[arg(long, value_name = "N")]
    pub until: Option<usize>,
    /// Keep no more than so much of the evaluation keys in memory, such as 500MB or 2GB, and expand
    /// the others from their file whenever they are used [default: all of them]
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub key_memory: Option<u64>,
}

impl Train {
    /// With nothing but what is needed.
    pub fn new(server: &Path, data: &Path, out: &Path) -> Self {
        Self {
            server: server.to_owned(),
            data: vec![data.to_owned()],
            without: Vec::new(),
            out: out.to_owned(),
            checkpoint: None,
            resume: false,
            snapshot: None,
            until: None,
            key_memory: None,
        }
    }
}

/// A number of bytes with a unit.
fn memory_size(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
    let unit = match unit {
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1048576.0,
        "GiB" => 1073741824.0,
        _ => {
            return Err("a size is a number with kB, MB, GB, KiB, MiB or GiB behind it".to_owned());
        }
    };
    match number.trim().parse::<f64>() {
        Ok(number) if (0.0..=1e9).contains(&number) => Ok((number * unit) as u64),
        _ => Err(format!("{number:?} is no number of bytes")),
    }
}

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
    /// Keep no more than so much of the evaluation keys in memory [default: all of them]
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub key_memory: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(memory_size("2GB"), Ok(2_000_000_000));
        assert_eq!(memory_size("1.5 MiB"), Ok(1_572_864));
        for bad in ["", "2", "GB", "-1GB", "2gb", "nanGB", "1e99GB", "2 GB 3"] {
            assert!(memory_size(bad).is_err(), "{bad:?}");
        }
    }
}
