//! The server's side, on this machine. Nothing here can name a secret key.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};
use rayon::{ThreadPool, ThreadPoolBuilder};
use tapetum::server::Model;
use tapetum::{Result, Server as Local};

use crate::encrypted::{self, EncryptedData, EncryptedModel, EncryptedRows, EncryptedScores};
use crate::error::exception;
use crate::estimator::ClearModel;
use crate::owner::{EvaluationKeys, describe};
use crate::passes::PassTraining;
use crate::work::run;

/// Trains and classifies what it cannot see.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct Server {
    server: Local,
    /// Of its own, if it is not to use all processors.
    pool: Option<ThreadPool>,
}

/// What rows are classified with.
#[derive(FromPyObject)]
enum AnyModel {
    Encrypted(Py<EncryptedModel>),
    Clear(Py<ClearModel>),
}

#[pymethods]
impl Server {
    #[new]
    #[pyo3(signature = (keys, threads=None))]
    fn new(py: Python<'_>, keys: &EvaluationKeys, threads: Option<usize>) -> PyResult<Self> {
        let made = || Self::of(Local::new(&keys.plan, keys.keys.clone())?, threads);
        made().map_err(|error| exception(py, error))
    }

    /// Opens a directory that the command made, or `Owner.save`.
    #[staticmethod]
    #[pyo3(signature = (dir, key_memory=None, threads=None, callback=None))]
    fn open(
        py: Python<'_>,
        dir: PathBuf,
        key_memory: Option<u64>,
        threads: Option<usize>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        run(py, callback, move |progress| {
            Self::of(Local::open(&dir, key_memory, progress)?, threads)
        })
    }

    /// Trains on the data of one contributor or several.
    #[pyo3(signature = (data, checkpoint=None, callback=None))]
    fn fit(
        &self,
        py: Python<'_>,
        data: Vec<Py<EncryptedData>>,
        checkpoint: Option<PathBuf>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<EncryptedModel> {
        let data: Vec<_> = data.iter().map(|data| &data.get().0).collect();
        let model = run(py, callback, |progress| {
            self.install(|| match checkpoint {
                Some(path) => self.server.fit_resumable(&data, &path, progress),
                None => self.server.fit_together(&data, progress),
            })
        })?;
        Ok(EncryptedModel(model))
    }

    /// Classifies rows.
    #[pyo3(signature = (model, rows, callback=None))]
    fn decision_function(
        &self,
        py: Python<'_>,
        model: AnyModel,
        rows: &EncryptedRows,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<EncryptedScores> {
        let plain;
        let model = match &model {
            AnyModel::Encrypted(model) => &model.get().0,
            AnyModel::Clear(model) => {
                let model = model.get();
                let checked = model.check_features(&rows.0);
                checked.map_err(|error| exception(py, error))?;
                plain = Model::Plain(model.model.clone());
                &plain
            }
        };
        let scores = run(py, callback, |progress| {
            self.install(|| self.server.decision_function(model, &rows.0, progress))
        })?;
        Ok(EncryptedScores(scores))
    }

    /// The sums of samples, in bytes.
    #[pyo3(signature = (data, callback=None))]
    fn add_up<'py>(
        &self,
        py: Python<'py>,
        data: Vec<Py<EncryptedData>>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let data: Vec<_> = data.iter().map(|data| &data.get().0).collect();
        let sums = run(py, callback, |progress| {
            self.install(|| self.server.add_up(&data, progress))
        })?;
        Ok(PyBytes::new(py, &sums))
    }

    /// Several shares' sums as one.
    fn join_sums<'py>(
        &self,
        py: Python<'py>,
        sums: Vec<PyBackedBytes>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        encrypted::in_memory(py, || self.server.join_sums(&sums))
    }

    /// Trains on the sums of all shares of the samples.
    #[pyo3(signature = (sums, callback=None))]
    fn fit_sums(
        &self,
        py: Python<'_>,
        sums: Vec<PyBackedBytes>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<EncryptedModel> {
        let model = run(py, callback, |progress| {
            self.install(|| self.server.fit_sums(&sums, progress))
        })?;
        Ok(EncryptedModel(model))
    }

    /// Begins a training in passes, which this server leads.
    fn begin_passes(&self, py: Python<'_>, data: Vec<Py<EncryptedData>>) -> PyResult<PassTraining> {
        let data: Vec<_> = data.iter().map(|data| &data.get().0).collect();
        let begun = py.detach(|| self.install(|| self.server.begin_passes(&data)));
        let begun = begun.map_err(|error| exception(py, error))?;
        Ok(PassTraining::new(begun))
    }

    /// The sums of a share of the samples in a pass.
    fn sums_of_pass<'py>(
        &self,
        py: Python<'py>,
        start: PyBackedBytes,
        share: &EncryptedData,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let sums = run(py, None, |_| {
            self.install(|| self.server.sums_of_pass(&start, &share.0))
        })?;
        Ok(PyBytes::new(py, &sums))
    }

    /// The sums of several shares as one.
    fn join_sums_of_pass<'py>(
        &self,
        py: Python<'py>,
        sums: Vec<PyBackedBytes>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        encrypted::in_memory(py, || self.server.join_sums_of_pass(&sums))
    }

    /// What the bytes of a file of encrypted data hold.
    fn read_bytes(&self, py: Python<'_>, bytes: PyBackedBytes) -> PyResult<Py<PyAny>> {
        encrypted::from_bytes(py, &bytes, self.server.parameters())
    }

    /// What a file of encrypted data holds.
    fn load(&self, py: Python<'_>, path: PathBuf) -> PyResult<Py<PyAny>> {
        encrypted::load(py, &path, self.server.parameters())
    }

    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        describe(py, &self.server.plan)
    }

    #[getter]
    fn threads(&self) -> usize {
        match &self.pool {
            Some(pool) => pool.current_num_threads(),
            None => rayon::current_num_threads(),
        }
    }
}

impl Server {
    fn of(server: Local, threads: Option<usize>) -> Result<Self> {
        let build = |threads| ThreadPoolBuilder::new().num_threads(threads).build();
        Ok(Self {
            server,
            pool: threads.map(build).transpose()?,
        })
    }

    fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}
