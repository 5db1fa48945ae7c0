//! `tapetum net encrypt`: a photograph to ciphertexts.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tapetum::folders::{Output, files};
use tapetum::networks::{NetworkContributor, read_photo};
use tapetum::units::bytes;
use tapetum::{Progress, Result};

use crate::console::Console;
use crate::options::open_network_owner;

/// Arguments of `net encrypt`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapetum net encrypt --contributor contributor --photo cat.jpg --out cat.enc
  tapetum net encrypt --owner owner --photo cat.jpg --out cat.enc

The largest square in the middle of the photograph is resized to what the network takes.")]
pub struct Encrypt {
    /// A contributor's directory.
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "owner",
        conflicts_with = "owner"
    )]
    contributor: Option<PathBuf>,
    /// The owner's directory: the file is half as large.
    #[arg(long, value_name = "DIR")]
    owner: Option<PathBuf>,
    /// A PNG, JPEG or WebP file.
    #[arg(long, value_name = "FILE")]
    photo: PathBuf,
    /// The file to write, to be given to the server.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Encrypted<'a> {
    /// The encrypted photograph.
    out: &'a Path,
    /// Its bytes.
    bytes: u64,
    /// Width and height of the square in the middle of the photograph that was encrypted.
    square: usize,
}

/// Encrypts a photograph.
pub fn run(args: &Encrypt, console: &Console) -> Result<()> {
    Output::Image.check(&args.out, &[&args.photo])?;
    let photo = read_photo(&args.photo)?;
    let step = console.steps.begin("encrypting a photograph");
    let image = match (&args.owner, &args.contributor) {
        (Some(owner), _) => open_network_owner(owner)?.encrypt(&photo)?,
        (None, Some(contributor)) => NetworkContributor::open(contributor)?.encrypt(&photo)?,
        (None, None) => unreachable!("one of both is required"),
    };
    let bundle = image.to_bundle()?;
    let done = Encrypted {
        out: &args.out,
        bytes: files::write_atomically(&args.out, |file| bundle.write(file))?,
        square: photo.width().min(photo.height()),
    };
    step.finish();
    console.print(&done, || {
        format!(
            "Encrypted the middle of the photograph, {0} x {0} of {1} x {2} pixels: {3} ({4}).\n",
            done.square,
            photo.width(),
            photo.height(),
            done.out.display(),
            bytes(done.bytes)
        )
    })
}
