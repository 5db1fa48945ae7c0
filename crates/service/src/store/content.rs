//! The content of files that clients send. Every byte is hostile: nothing is accepted before all of it has been read
//! and checked, and nothing large is read before its header says that it may be.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tapetum_ckks::wire::{Bundle, FileType, Header, Summary, WireError, inspect};
use tapetum_ckks::{EvaluationKeys, MemoryBudget, Parameters, ParametersLiteral, PublicKey};
use tapetum_client::{KeysDetails, PartDetails};
use tapetum_learn::files::{
    DataFile, FileError, FileLimits, SampleShape, TrainingFiles, check_samples, read_samples,
};
use tapetum_learn::{
    EncryptedMatrix, EncryptedModel, LabelKind, LearnError, Model, PlainModel, PlainModelFile,
    PlainModelSpec, TrainingSpec,
};

use crate::error::{Error, Result};

/// Most mini-batches of a part.
const MAX_BATCHES: usize = 1 << 16;
/// How messages call a file, whose path is nobody's business.
const FILE: &str = "the file";
/// Bytes of a plain model, whose numbers are in memory as a whole.
const MAX_PLAIN_MODEL: u64 = 16 << 20;
/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

/// What an object may be at most.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// log2 of the ring degree.
    pub log_n: u32,
    /// Bytes of a bundle.
    pub bundle_bytes: u64,
    /// Bytes of a bundle in memory, which it fills as a whole when it is used.
    pub expanded_bytes: u64,
}

impl Caps {
    fn of_samples(self) -> FileLimits {
        FileLimits {
            object_bytes: self.bundle_bytes,
            expanded_bytes: self.expanded_bytes,
            ..FileLimits::default()
        }
    }
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
            LearnError::File(error) => (*error).into(),
            error => Self::unacceptable(error),
        }
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Unreadable { source, .. } => Self::internal("reading a file", source),
            FileError::Unusable { source, .. } => source.into(),
            FileError::TrailingData { source, .. } => source.into(),
            FileError::Secret(_) => Self::secret_key(),
            error @ FileError::TooLarge { .. } => Self::too_large(error),
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
pub fn check_end(mut rest: BufReader<File>) -> Result<()> {
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
        key_set: keys.key_set().map(|id| id.to_string()),
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

/// Finds the samples of files by the fronts of what is in them, `batches` at most.
pub fn training_files<'a>(
    paths: impl IntoIterator<Item = &'a Path>,
    parameters: &Parameters,
    recipe: &TrainingSpec,
    (caps, batches): (Caps, usize),
) -> Result<TrainingFiles> {
    let files = paths.into_iter().map(|path| DataFile::named(path, FILE));
    let limits = FileLimits {
        batches,
        object_bytes: caps.bundle_bytes,
        expanded_bytes: caps.expanded_bytes,
    };
    Ok(TrainingFiles::open(files, recipe, parameters, limits)?)
}

/// Checks a part of a data set.
pub fn part(
    path: &Path,
    parameters: &Parameters,
    recipe: &TrainingSpec,
    caps: Caps,
) -> Result<PartDetails> {
    let limits = (caps, MAX_BATCHES);
    let files = training_files([path], parameters, recipe, limits)?;
    let summary = files.check()?;
    Ok(PartDetails {
        contributors: files.contributors(),
        ids: *files.origin(),
        samples: summary.samples,
        batches: summary.batches,
        level: summary.level,
        labels: label_kind(summary.labels).to_owned(),
        expanded_bytes: summary.expanded_bytes,
        largest_batch_bytes: summary.largest_batch_bytes,
    })
}

/// The name of the kind in documents.
pub fn label_kind(labels: LabelKind) -> &'static str {
    match labels {
        LabelKind::Clear => "clear",
        LabelKind::Encrypted => "encrypted",
    }
}

/// Checks samples that are to be classified, a file with one matrix, without keeping them.
pub fn sample_shape(path: &Path, parameters: &Parameters, caps: Caps) -> Result<SampleShape> {
    let shape = check_samples(&DataFile::named(path, FILE), parameters, caps.of_samples())?;
    match shape.rest {
        0 => Ok(shape),
        more => Err(WireError::TrailingBytes(more).into()),
    }
}

/// Samples that were checked and are to be classified now.
pub fn samples(path: &Path, parameters: &Parameters, caps: Caps) -> Result<EncryptedMatrix> {
    let file = DataFile::named(path, FILE);
    Ok(read_samples(&file, parameters, caps.of_samples())?.0)
}

/// A plain model that a client has sent, and what it classifies.
pub fn plain_model(path: &Path, caps: Caps) -> Result<(PlainModel, PlainModelSpec)> {
    // What is larger ends within the text.
    let text = open(path)?.take(MAX_PLAIN_MODEL.min(caps.bundle_bytes));
    let file: PlainModelFile = serde_json::from_reader(text)
        .map_err(|e| Error::unacceptable(format!("{FILE} is not a model: {e}")))?;
    let classes = file.classes.len();
    let model = file.into_model()?;
    let columns = model.features();
    Ok((model, PlainModelSpec { columns, classes }))
}

/// A model that this server has trained, or a plain one.
pub fn model(path: &Path, parameters: &Parameters, plain: Option<Caps>) -> Result<Model> {
    if let Some(caps) = plain {
        return Ok(Model::Plain(plain_model(path, caps)?.0));
    }
    let bundle = Bundle::read(parameters, open(path)?)?;
    Ok(Model::Encrypted(EncryptedModel::from_bundle(bundle)?))
}
