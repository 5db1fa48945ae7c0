//! The content of files that clients send. Every byte is hostile: nothing is accepted before all of it has been read
//! and checked, and nothing large is read before its header says that it may be.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tapetum_ckks::wire::{Bundle, FileType, Header, Summary, WireError, inspect};
use tapetum_ckks::{EvaluationKeys, MemoryBudget, Parameters, ParametersLiteral, PublicKey};
use tapetum_client::{KeysDetails, PartDetails};
use tapetum_learn::{
    Contribution, EncryptedMatrix, LabelKind, Labels, LearnError, LinearModel, TrainingSpec,
};

use crate::error::{Error, Result};

/// Most mini-batches of a part.
const MAX_BATCHES: usize = 1 << 16;
/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

/// What an object may be at most.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// log2 of the ring degree.
    pub log_n: u32,
    /// Bytes of a bundle, which is in memory as a whole.
    pub bundle_bytes: u64,
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Io(error) => Self::internal("reading a file", error),
            error => Self::unacceptable(error),
        }
    }
}

impl From<LearnError> for Error {
    fn from(error: LearnError) -> Self {
        match error {
            LearnError::Wire(error) => error.into(),
            error => Self::unacceptable(error),
        }
    }
}

/// Opens a file.
pub fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|e| Error::internal("opening a file", e))?;
    Ok(BufReader::with_capacity(BUFFER, file))
}

/// Whether a file, be it whole or not, is a secret key.
pub fn is_secret_key(path: &Path) -> bool {
    File::open(path)
        .ok()
        .and_then(|file| inspect(BufReader::new(file)).ok())
        .is_some_and(|summary| summary.file_type.is_secret())
}

/// The front of a file that must be one object of this type.
fn front(path: &Path, expected: FileType) -> Result<Summary> {
    let summary = inspect(open(path)?)?;
    if summary.file_type.is_secret() {
        return Err(Error::secret_key());
    }
    if summary.file_type != expected {
        let found = summary.file_type;
        return Err(WireError::WrongType { expected, found }.into());
    }
    Ok(summary)
}

fn check_degree(literal: &ParametersLiteral, caps: Caps) -> Result<()> {
    if literal.log_n <= caps.log_n {
        Ok(())
    } else {
        Err(Error::unacceptable(format!(
            "this server accepts parameters up to log_n = {}, these have {}",
            caps.log_n, literal.log_n
        )))
    }
}

/// Refuses bytes after the end.
fn check_end(mut rest: BufReader<File>) -> Result<()> {
    let failed = |e| Error::internal("reading a file", e);
    let at = rest.stream_position().map_err(failed)?;
    let end = rest.get_ref().metadata().map_err(failed)?.len();
    match end.saturating_sub(at) {
        0 => Ok(()),
        more => Err(WireError::TrailingBytes(more).into()),
    }
}

/// Parameters in a file.
pub fn parameters(path: &Path, caps: Caps) -> Result<Parameters> {
    let summary = front(path, FileType::Parameters)?;
    if let Header::Parameters(header) = &summary.header {
        check_degree(&header.literal, caps)?;
    }
    let mut file = open(path)?;
    let parameters = Parameters::read(&mut file)?;
    check_end(file)?;
    Ok(parameters)
}

/// Details of a parameter set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ParametersDetails {
    /// The parameters as they were written down.
    pub literal: ParametersLiteral,
    /// Their digest, which everything that belongs to them carries.
    pub digest: String,
    /// By the table.
    pub security_bits: u32,
}

impl ParametersDetails {
    /// Of these parameters.
    pub fn of(parameters: &Parameters) -> Self {
        Self {
            literal: parameters.literal().clone(),
            digest: parameters.digest().to_string(),
            security_bits: parameters.security().bits(),
        }
    }
}

/// Checks a file of evaluation keys to the last residue, without keeping any in memory.
pub fn evaluation_keys(path: &Path, parameters: &Parameters) -> Result<KeysDetails> {
    check_digest(&front(path, FileType::EvaluationKeys)?, parameters)?;
    let keys = EvaluationKeys::open(path, MemoryBudget::bytes(0))?;
    Ok(KeysDetails {
        parameter_set: String::new(),
        galois_keys: keys.galois_keys().len(),
        relinearization: keys.relinearization().is_some(),
        bootstrapping: keys.encapsulation().is_some(),
    })
}

/// Checks a file with a public key.
pub fn public_key(path: &Path, parameters: &Parameters) -> Result<()> {
    check_digest(&front(path, FileType::PublicKey)?, parameters)?;
    let mut file = open(path)?;
    PublicKey::read(&mut file)?;
    check_end(file)
}

fn check_digest(summary: &Summary, parameters: &Parameters) -> Result<()> {
    let expected = parameters.digest();
    if summary.digest == expected {
        Ok(())
    } else {
        Err(WireError::WrongParameters {
            expected,
            found: summary.digest,
        }
        .into())
    }
}

/// A file of one or more mini-batches, each a matrix and its labels, with the name of a contributor
/// before some of them.
#[derive(Clone, Debug)]
pub struct PartFile {
    path: PathBuf,
    parameters: Parameters,
    begins: Vec<u64>,
}

impl PartFile {
    /// Finds the mini-batches by their fronts.
    pub fn open(path: &Path, parameters: &Parameters, caps: Caps) -> Result<Self> {
        let mut file = open(path)?;
        let failed = |e| Error::internal("reading a file", e);
        let bytes = file.get_ref().metadata().map_err(failed)?.len();
        let (mut begins, mut at) = (Vec::new(), 0);
        while at < bytes {
            if begins.len() == MAX_BATCHES {
                let message = format!("a part has at most {MAX_BATCHES} mini-batches");
                return Err(Error::unacceptable(message));
            }
            file.seek(SeekFrom::Start(at)).map_err(failed)?;
            let (len, kind) = next_bundle(&mut file, parameters, caps)?;
            if kind == Contribution::KIND {
                file.seek(SeekFrom::Start(at)).map_err(failed)?;
                Contribution::from_bundle(Bundle::read(parameters, &mut file)?)?;
                at = at.saturating_add(len);
            }
            begins.push(at);
            for what in ["samples", "labels"] {
                if at >= bytes {
                    let message = format!("the file ends before the {what} of a mini-batch");
                    return Err(Error::unacceptable(message));
                }
                file.seek(SeekFrom::Start(at)).map_err(failed)?;
                let (len, _) = next_bundle(&mut file, parameters, caps)?;
                at = at.saturating_add(len);
            }
        }
        match (begins.is_empty(), at == bytes) {
            (true, _) => Err(Error::unacceptable("the file is empty")),
            (_, false) => Err(WireError::Truncated("payload").into()),
            _ => Ok(Self {
                path: path.to_owned(),
                parameters: parameters.clone(),
                begins,
            }),
        }
    }

    /// The number of mini-batches.
    pub fn batches(&self) -> usize {
        self.begins.len()
    }

    /// Reads a mini-batch, all of which is checked.
    pub fn read(&self, batch: usize) -> Result<(EncryptedMatrix, Labels)> {
        let begin = self.begins.get(batch).copied();
        let begin = begin.ok_or_else(|| Error::not_found("mini-batch"))?;
        let mut file = open(&self.path)?;
        file.seek(SeekFrom::Start(begin))
            .map_err(|e| Error::internal("reading a file", e))?;
        let matrix = Bundle::read(&self.parameters, &mut file)?;
        let labels = Bundle::read(&self.parameters, &mut file)?;
        Ok((
            EncryptedMatrix::from_bundle(matrix)?,
            Labels::from_bundle(labels)?,
        ))
    }
}

/// Length and kind of the bundle that comes next, if it may be as long.
fn next_bundle(
    file: &mut BufReader<File>,
    parameters: &Parameters,
    caps: Caps,
) -> Result<(u64, String)> {
    let summary = inspect(file)?;
    if summary.file_type.is_secret() {
        return Err(Error::secret_key());
    }
    if summary.file_type != FileType::Bundle {
        let (expected, found) = (FileType::Bundle, summary.file_type);
        return Err(WireError::WrongType { expected, found }.into());
    }
    check_digest(&summary, parameters)?;
    if summary.file_len > caps.bundle_bytes {
        return Err(Error::too_large(format!(
            "a bundle of {} bytes exceeds this server's limit of {}: send smaller bundles",
            summary.file_len, caps.bundle_bytes
        )));
    }
    let kind = match summary.header {
        Header::Bundle(header) => header.kind,
        _ => String::new(),
    };
    Ok((summary.file_len, kind))
}

/// Checks a part of a data set.
pub fn part(
    path: &Path,
    parameters: &Parameters,
    recipe: &TrainingSpec,
    caps: Caps,
) -> Result<PartDetails> {
    let file = PartFile::open(path, parameters, caps)?;
    let mut details: Option<PartDetails> = None;
    for batch in 0..file.batches() {
        let (matrix, labels) = file.read(batch)?;
        recipe.check_samples(&matrix, &labels)?;
        let kind = label_kind(&labels);
        let layout = matrix.layout();
        details = Some(match details {
            Some(last) if last.labels != kind => {
                let message = "labels must be encrypted in all mini-batches or in none";
                return Err(Error::unacceptable(message));
            }
            Some(last) => PartDetails {
                samples: last.samples + layout.rows(),
                batches: last.batches + 1,
                level: last.level.min(matrix.level()),
                labels: last.labels,
            },
            None => PartDetails {
                samples: layout.rows(),
                batches: 1,
                level: matrix.level(),
                labels: kind.to_owned(),
            },
        });
    }
    details.ok_or_else(|| Error::unacceptable("the file is empty"))
}

/// The name of the kind in documents.
pub fn label_kind(labels: &Labels) -> &'static str {
    match labels.kind() {
        LabelKind::Clear => "clear",
        LabelKind::Encrypted => "encrypted",
    }
}

/// Samples that are to be classified: a file with one matrix.
pub fn samples(path: &Path, parameters: &Parameters, caps: Caps) -> Result<EncryptedMatrix> {
    let mut file = open(path)?;
    next_bundle(&mut file, parameters, caps)?;
    file.seek(SeekFrom::Start(0))
        .map_err(|e| Error::internal("reading a file", e))?;
    let bundle = Bundle::read(parameters, &mut file)?;
    check_end(file)?;
    Ok(EncryptedMatrix::from_bundle(bundle)?)
}

/// A model that this server has trained.
pub fn model(path: &Path, parameters: &Parameters) -> Result<LinearModel> {
    let bundle = Bundle::read(parameters, open(path)?)?;
    Ok(LinearModel::from_bundle(bundle)?)
}
