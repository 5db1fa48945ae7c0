//! What travels between the roles.

use std::fs;
use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tapetum::ckks::wire::{Bundle, Header, inspect};
use tapetum::ckks::{Ciphertext, Parameters};
use tapetum::folders::{Output, files};
use tapetum::learn::{EncryptedModel as Trained, EncryptedScores as Scores};
use tapetum::server::Model;
use tapetum::{Context, EncryptedDataSet, EncryptedSamples, Error, Result};

use crate::error::{exception, in_python};

/// Labelled rows, to train on.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct EncryptedData(pub EncryptedDataSet);

/// Rows, to be classified.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct EncryptedRows(pub EncryptedSamples);

/// A model that nobody but the owner can read.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct EncryptedModel(pub Model);

/// Scores that nobody but the owner can read.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct EncryptedScores(pub Scores);

#[pymethods]
impl EncryptedData {
    #[getter]
    fn samples(&self) -> usize {
        self.0.samples()
    }

    #[getter]
    fn contributor(&self) -> String {
        self.0.contributor().to_owned()
    }

    /// A hash of all of it.
    fn digest(&self, py: Python<'_>) -> PyResult<String> {
        let bytes = py.detach(|| self.0.to_bytes());
        let bytes = bytes.map_err(|error| exception(py, error))?;
        Ok(blake3::hash(&bytes).to_hex().to_string())
    }

    /// The number of parts, which can be added up on different machines.
    #[getter]
    fn parts(&self) -> usize {
        self.0.parts()
    }

    /// The file of one part alone.
    fn part<'py>(&self, py: Python<'py>, part: usize) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let bytes = py.detach(|| self.0.part_to_bytes(part));
        let bytes = bytes.map_err(|error| exception(py, error))?;
        Ok(bytes.map(|bytes| PyBytes::new(py, &bytes)))
    }

    #[getter]
    fn notes(&self) -> Vec<String> {
        self.0.notes().iter().map(|note| in_python(note)).collect()
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<u64> {
        save(py, Output::Samples, &path, || self.0.to_bytes())
    }
}

#[pymethods]
impl EncryptedRows {
    /// As the file that [`save`](Self::save) writes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        in_memory(py, || self.0.to_bytes())
    }

    #[getter]
    fn samples(&self) -> usize {
        self.0.samples()
    }

    /// The last bytes of the first ciphertext, to be drawn.
    fn excerpt(&self, len: usize) -> Vec<u8> {
        excerpt(self.0.matrix().blocks(), len)
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<u64> {
        save(py, Output::Samples, &path, || self.0.to_bytes())
    }
}

#[pymethods]
impl EncryptedModel {
    /// As the file that [`save`](Self::save) writes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        in_memory(py, || self.bytes())
    }

    /// The number of classes.
    #[getter]
    fn classes(&self) -> usize {
        match &self.0 {
            Model::Encrypted(model) => model.classes(),
            Model::Plain(model) => model.outputs().max(2),
        }
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<u64> {
        save(py, Output::Model, &path, || self.bytes())
    }
}

impl EncryptedModel {
    fn bytes(&self) -> Result<Vec<u8>> {
        match &self.0 {
            Model::Encrypted(model) => Ok(model.to_bundle()?.to_bytes()),
            Model::Plain(_) => Err(Error::input("this model is not encrypted")),
        }
    }
}

#[pymethods]
impl EncryptedScores {
    /// As the file that [`save`](Self::save) writes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        in_memory(py, || Ok(self.0.to_bundle()?.to_bytes()))
    }

    #[getter]
    fn samples(&self) -> usize {
        self.0.layout().rows()
    }

    #[getter]
    fn classes(&self) -> usize {
        self.0.classes()
    }

    /// The last bytes of the first ciphertext, to be drawn.
    fn excerpt(&self, len: usize) -> Vec<u8> {
        excerpt(self.0.ciphertexts(), len)
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<u64> {
        save(py, Output::Scores, &path, || {
            Ok(self.0.to_bundle()?.to_bytes())
        })
    }
}

/// The last bytes of the first ciphertext.
pub fn excerpt(ciphertexts: &[Ciphertext], len: usize) -> Vec<u8> {
    let bytes = ciphertexts.first().map(Ciphertext::to_bytes);
    let bytes = bytes.unwrap_or_default();
    bytes[bytes.len().saturating_sub(len)..].to_vec()
}

/// Bytes for Python, made without its lock.
pub fn in_memory<'py>(
    py: Python<'py>,
    bytes: impl FnOnce() -> Result<Vec<u8>> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = py.detach(bytes).map_err(|error| exception(py, error))?;
    Ok(PyBytes::new(py, &bytes))
}

/// Writes a file as the command does: it replaces nothing but a file of the same kind.
fn save(
    py: Python<'_>,
    output: Output,
    path: &Path,
    bytes: impl FnOnce() -> Result<Vec<u8>> + Send,
) -> PyResult<u64> {
    let saved = py.detach(|| {
        output.check(path, &[])?;
        let bytes = bytes()?;
        files::write_atomically(path, |file| std::io::Write::write_all(file, &bytes))
    });
    saved.map_err(|error| exception(py, error))
}

/// What a file holds, whichever of the above it is.
pub fn load(py: Python<'_>, path: &Path, parameters: &Parameters) -> PyResult<Py<PyAny>> {
    of_python(py, py.detach(|| Loaded::read(path, parameters)))
}

/// The same of the bytes of a file.
pub fn from_bytes(py: Python<'_>, bytes: &[u8], parameters: &Parameters) -> PyResult<Py<PyAny>> {
    of_python(py, py.detach(|| Loaded::from_bytes(bytes, parameters)))
}

fn of_python(py: Python<'_>, loaded: Result<Loaded>) -> PyResult<Py<PyAny>> {
    Ok(match loaded.map_err(|error| exception(py, error))? {
        Loaded::Data(data) => Py::new(py, EncryptedData(data))?.into_any(),
        Loaded::Rows(rows) => Py::new(py, EncryptedRows(rows))?.into_any(),
        Loaded::Model(model) => Py::new(py, EncryptedModel(Model::Encrypted(model)))?.into_any(),
        Loaded::Scores(scores) => Py::new(py, EncryptedScores(scores))?.into_any(),
    })
}

enum Loaded {
    Data(EncryptedDataSet),
    Rows(EncryptedSamples),
    Model(Trained),
    Scores(Scores),
}

impl Loaded {
    fn read(path: &Path, parameters: &Parameters) -> Result<Self> {
        let unusable = || format!("cannot use {}", path.display());
        inspect(files::open(path)?).with_context(unusable)?;
        let bytes = fs::read(path).with_context(unusable)?;
        Self::from_bytes(&bytes, parameters).with_context(unusable)
    }

    fn from_bytes(bytes: &[u8], parameters: &Parameters) -> Result<Self> {
        let kind = match inspect(bytes)?.header {
            Header::Bundle(header) => header.kind,
            _ => String::new(),
        };
        let bundle = || Bundle::from_bytes(parameters, bytes);
        Ok(match kind.as_str() {
            kind if Trained::is_kind(kind) => Self::Model(Trained::from_bundle(bundle()?)?),
            Scores::KIND => Self::Scores(Scores::from_bundle(bundle()?)?),
            _ => match EncryptedDataSet::from_bytes(bytes, parameters) {
                Ok(data) if data.samples() > 0 => Self::Data(data),
                _ => Self::Rows(EncryptedSamples::from_bytes(bytes, parameters)?),
            },
        })
    }
}
