//! A training that a server leads while others add up its samples.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use tapetum::server::PassTraining as Training;
use tapetum::{Context, Result};

use crate::encrypted::EncryptedModel;
use crate::error::exception;

const FINISHED: &str = "this training is finished";

/// A training in passes, until it is finished.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct PassTraining(Mutex<Option<Training>>);

#[pymethods]
impl PassTraining {
    /// The number of passes.
    #[getter]
    fn total(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |training| Ok(training.total()))
    }

    /// The number of batches that passes go over.
    #[getter]
    fn batches(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |training| Ok(training.batches()))
    }

    /// The batch of the next pass.
    #[getter]
    fn upcoming(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        self.with(py, |training| Ok(training.upcoming()))
    }

    /// A batch in shares, each the bytes of a file.
    fn shares<'py>(
        &self,
        py: Python<'py>,
        batch: usize,
        count: usize,
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let shares = self.with(py, |training| training.shares(batch, count))?;
        Ok(shares.iter().map(|share| PyBytes::new(py, share)).collect())
    }

    /// What the next pass begins with.
    fn start<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let start = self.with(py, Training::start)?;
        Ok(PyBytes::new(py, &start))
    }

    /// Ends the pass.
    fn advance(&self, py: Python<'_>, sums: Vec<PyBackedBytes>) -> PyResult<()> {
        self.with(py, |training| training.advance(&sums))
    }

    /// The model, after which there is nothing left.
    fn finish(&self, py: Python<'_>) -> PyResult<EncryptedModel> {
        let finished = py.detach(|| {
            let training = self.lock().take();
            training.context(FINISHED)?.finish()
        });
        let model = finished.map_err(|error| exception(py, error))?;
        Ok(EncryptedModel(model))
    }
}

impl PassTraining {
    pub fn new(training: Training) -> Self {
        Self(Mutex::new(Some(training)))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Training>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Training) -> Result<T> + Send,
    ) -> PyResult<T> {
        let done = py.detach(|| work(self.lock().as_mut().context(FINISHED)?));
        done.map_err(|error| exception(py, error))
    }
}
