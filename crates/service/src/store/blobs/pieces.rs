//! Accepted files on their way to readers.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::AsyncReadExt;

use super::bucket::Bucket;

/// Bytes of a file of the folder that are read at once.
const CHUNK: u64 = 1 << 18;
/// Bytes of an object that are fetched at once.
const PIECE: u64 = 4 << 20;

/// An accepted file on its way to a reader.
#[derive(Debug)]
pub struct Pieces {
    source: Source,
    /// What is still to come.
    range: Range<u64>,
    first: Option<Bytes>,
}

/// Where it is read from.
#[derive(Debug)]
pub enum Source {
    /// A file, from where it stands.
    File(tokio::fs::File),
    /// An object of a bucket.
    Object(Arc<Bucket>, String),
}

impl Pieces {
    /// These bytes. That there is nothing to be read is known before any byte has been sent.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn begin(source: Source, range: Range<u64>) -> io::Result<Self> {
        let mut pieces = Self {
            source,
            range,
            first: None,
        };
        pieces.first = pieces.fetch().await?;
        Ok(pieces)
    }

    /// The next bytes; nothing at the end.
    ///
    /// # Errors
    /// If there are fewer than there should be, or the store does not answer.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.fetch().await,
        }
    }

    async fn fetch(&mut self) -> io::Result<Option<Bytes>> {
        let left = self.range.end.saturating_sub(self.range.start);
        if left == 0 {
            return Ok(None);
        }
        let piece = match &mut self.source {
            Source::File(file) => {
                let mut piece = vec![0; left.min(CHUNK) as usize];
                file.read_exact(&mut piece).await?;
                Bytes::from(piece)
            }
            Source::Object(bucket, id) => {
                let end = self.range.start + left.min(PIECE);
                bucket.range(id, self.range.start..end).await?
            }
        };
        self.range.start += piece.len() as u64;
        Ok(Some(piece))
    }
}
