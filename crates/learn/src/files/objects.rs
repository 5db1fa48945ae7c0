//! The objects of a file, found by their fronts.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use tapetum_ckks::Parameters;
use tapetum_ckks::wire::{Bundle, FileType, Header, WireError, inspect};

use super::{CHECKSUM_LEN, DataFile, FileError, FileLimits};
use crate::error::LearnError;
use crate::front::Front;
use crate::matrix::EncryptedMatrix;

/// Most bytes of the metadata of a matrix.
const MAX_SHAPE: u64 = 256;

/// Walks through the objects of a file, one after the other, and reads no more than the front and the
/// checksum of each.
pub(super) struct Objects<'a> {
    pub file: &'a DataFile,
    parameters: &'a Parameters,
    limits: FileLimits,
    reader: BufReader<File>,
    at: u64,
    len: u64,
}

/// What is known of an object before it is read.
pub(super) struct Object {
    pub begin: u64,
    pub kind: String,
    /// The metadata of a matrix.
    pub metadata: Vec<u8>,
    pub checksum: [u8; 32],
    /// Bytes in memory.
    pub expanded: u64,
}

impl<'a> Objects<'a> {
    pub fn open(
        file: &'a DataFile,
        parameters: &'a Parameters,
        limits: FileLimits,
    ) -> Result<Self, FileError> {
        let reader = file.open()?;
        let metadata = reader.get_ref().metadata();
        let len = metadata.map_err(|error| file.unreadable(error))?.len();
        match len {
            0 => Err(FileError::Empty(file.name.clone())),
            _ => Ok(Self {
                file,
                parameters,
                limits,
                reader,
                at: 0,
                len,
            }),
        }
    }

    /// Bytes after the objects that were found.
    pub fn rest(&self) -> u64 {
        self.len - self.at
    }

    /// Goes on with the object that begins there.
    pub fn go_to(&mut self, begin: u64) {
        self.at = begin;
    }

    /// Whether there is another object.
    pub fn more(&self) -> bool {
        self.rest() > 0
    }

    /// The next object, which must be a bundle of these parameters and within the limits.
    pub fn next(&mut self) -> Result<Object, FileError> {
        let begin = self.at;
        self.seek(begin)?;
        let summary = inspect(&mut self.reader).map_err(|error| self.wrong(begin, error))?;
        if summary.file_type.is_secret() {
            return Err(FileError::Secret(self.file.name.clone()));
        }
        let Header::Bundle(header) = summary.header else {
            let (expected, found) = (FileType::Bundle, summary.file_type);
            return Err(self.file.unusable(WireError::WrongType { expected, found }));
        };
        let expected = self.parameters.digest();
        if summary.digest != expected {
            let found = summary.digest;
            let error = WireError::WrongParameters { expected, found };
            return Err(self.file.unusable(error));
        }
        if summary.file_len > self.limits.object_bytes {
            return Err(FileError::TooLarge {
                file: self.file.name.clone(),
                found: summary.file_len,
                allowed: self.limits.object_bytes,
            });
        }
        let expanded = header.expanded_bytes(self.parameters);
        let expanded = expanded.map_err(|error| self.file.unusable(error))?;
        if expanded > self.limits.expanded_bytes {
            return Err(FileError::TooLarge {
                file: self.file.name.clone(),
                found: expanded,
                allowed: self.limits.expanded_bytes,
            });
        }
        let end = begin
            .checked_add(summary.file_len)
            .filter(|&end| end <= self.len && summary.file_len >= CHECKSUM_LEN)
            .ok_or_else(|| FileError::Truncated(self.file.name.clone()))?;
        // The payload begins with them. What is longer is not a shape.
        let mut metadata = Vec::new();
        if header.kind == EncryptedMatrix::KIND {
            let len = u64::from(header.metadata_len).min(MAX_SHAPE);
            let read = self.reader.by_ref().take(len).read_to_end(&mut metadata);
            read.map_err(|error| self.file.unreadable(error))?;
        }
        let mut checksum = [0; CHECKSUM_LEN as usize];
        self.seek(end - CHECKSUM_LEN)?;
        let read = self.reader.read_exact(&mut checksum);
        read.map_err(|error| self.file.unreadable(error))?;
        self.at = end;
        Ok(Object {
            begin,
            kind: header.kind,
            metadata,
            checksum,
            expanded,
        })
    }

    /// Checks an object that was found to its last residue, and keeps nothing but what `judge` makes of its front.
    pub fn skim<T>(
        &mut self,
        object: &Object,
        judge: impl FnOnce(&Front<'_>) -> Result<T, LearnError>,
    ) -> Result<T, FileError> {
        self.seek(object.begin)?;
        let parameters = self.parameters;
        let judged = Bundle::skim(parameters, &mut self.reader, |header, metadata| {
            judge(&Front {
                parameters,
                header,
                metadata,
            })
        });
        let judged = judged.map_err(|error| self.file.unusable(error))?;
        judged.map_err(|error| self.file.unusable(error))
    }

    /// Reads an object that was found.
    pub fn read(&mut self, object: &Object) -> Result<Bundle<'static>, FileError> {
        self.seek(object.begin)?;
        let read = Bundle::read(self.parameters, &mut self.reader);
        read.map_err(|error| self.file.unusable(error))
    }

    /// What does not begin an object is another matter at the beginning of a file than after others.
    fn wrong(&self, begin: u64, source: WireError) -> FileError {
        match begin {
            0 => self.file.unusable(source),
            _ => FileError::TrailingData {
                file: self.file.name.clone(),
                source,
            },
        }
    }

    fn seek(&mut self, at: u64) -> Result<(), FileError> {
        let found = self.reader.seek(SeekFrom::Start(at));
        found.map(drop).map_err(|error| self.file.unreadable(error))
    }
}
