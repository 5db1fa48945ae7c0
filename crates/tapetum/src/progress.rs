//! What a person sees while something takes its time: the library says how far it is, a front shows it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::error::Result;
use crate::folders::files;

/// Shows steps, one after the other.
pub trait Progress: Sync {
    /// Begins a step.
    fn begin(&self, what: &str) -> Box<dyn Step>;

    /// Whether nothing is shown.
    fn is_quiet(&self) -> bool {
        false
    }
}

/// One running step. If it is dropped, because of an error, it leaves nothing behind.
pub trait Step: Send + Sync {
    /// `done` of `total` units are finished.
    fn advance(&self, done: usize, total: usize);

    /// So many of so many bytes are through.
    fn advance_bytes(&self, done: u64, total: u64);

    /// Ends the step.
    fn finish(self: Box<Self>);
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str) -> Box<dyn Step> {
        Box::new(Self)
    }

    fn is_quiet(&self) -> bool {
        true
    }
}

impl Step for Silent {
    fn advance(&self, _: usize, _: usize) {}

    fn advance_bytes(&self, _: u64, _: u64) {}

    fn finish(self: Box<Self>) {}
}

/// Opens a file whose bytes are the units of a step.
pub(crate) fn open<'a>(step: &'a dyn Step, path: &Path) -> Result<BufReader<impl Read + use<'a>>> {
    let total = files::size(path)?;
    let file = files::open_unbuffered(path)?;
    // The buffer is outside, so that not every few bytes are counted.
    let counted = Counted {
        file,
        done: 0,
        total,
        step,
    };
    Ok(BufReader::with_capacity(files::BUFFER, counted))
}

struct Counted<'a> {
    file: File,
    done: u64,
    total: u64,
    step: &'a dyn Step,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.done += read as u64;
        self.step.advance_bytes(self.done, self.total);
        Ok(read)
    }
}
