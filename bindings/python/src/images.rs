//! Encrypted images and their scores, and the server that evaluates networks. Nothing here can name a secret key.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};
use rayon::{ThreadPool, ThreadPoolBuilder};
use tapetum::ckks::wire::Bundle;
use tapetum::ckks::{EvaluationKeys, Parameters};
use tapetum::folders::{Output, files};
use tapetum::networks::{
    EncryptedImage as Image, EncryptedScores as Scores, Network as Plain, NetworkPlanFile,
    NetworkServer as Local,
};
use tapetum::{Context, Error, Result};

use crate::encrypted::in_memory;
use crate::error::exception;
use crate::networks::{Network, NetworkKeys, NetworkPlan, describe};
use crate::work::run;

/// An image, for the networks of one plan.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct EncryptedImage(pub Image);

/// The scores of an image.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct NetworkScores(pub Scores);

/// Classifies images that it cannot see.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct NetworkServer {
    file: NetworkPlanFile,
    /// In memory; none where they are in the file of a directory that was opened for one network.
    keys: Option<EvaluationKeys>,
    /// The network that was used last, ready to be evaluated.
    ready: Mutex<Option<(Arc<Plain>, Arc<Local>)>>,
    pool: Option<ThreadPool>,
}

#[pymethods]
impl EncryptedImage {
    fn excerpt(&self, len: usize) -> Vec<u8> {
        crate::encrypted::excerpt(self.0.ciphertexts(), len)
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<u64> {
        save(py, Output::Image, &path, || Ok(self.0.to_bundle()?))
    }

    /// As the file that [`save`](Self::save) writes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        in_memory(py, || Ok(self.0.to_bundle()?.to_bytes()))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: PyBackedBytes, plan: &NetworkPlan) -> PyResult<Self> {
        let plan = plan.0.plan();
        let read = py.detach(|| -> Result<Image> {
            let bundle = Bundle::from_bytes(&plan.parameters()?, &bytes)?;
            Ok(Image::from_bundle(bundle, plan)?)
        });
        read.map(Self).map_err(|error| exception(py, error))
    }

    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf, plan: &NetworkPlan) -> PyResult<Self> {
        let plan = plan.0.plan();
        let read = || -> Result<Image> {
            let bundle = opened(&path, &plan.parameters()?)?;
            Ok(Image::from_bundle(bundle, plan)?)
        };
        let read = py.detach(|| read().with_context(|| format!("cannot use {}", path.display())));
        read.map(Self).map_err(|error| exception(py, error))
    }
}

#[pymethods]
impl NetworkScores {
    fn excerpt(&self, len: usize) -> Vec<u8> {
        crate::encrypted::excerpt(std::slice::from_ref(self.0.ciphertext()), len)
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<u64> {
        save(py, Output::NetworkScores, &path, || {
            Ok(self.0.to_bundle()?)
        })
    }

    /// As the file that [`save`](Self::save) writes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        in_memory(py, || Ok(self.0.to_bundle()?.to_bytes()))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: PyBackedBytes, plan: &NetworkPlan) -> PyResult<Self> {
        let plan = plan.0.plan();
        let read = py.detach(|| -> Result<Scores> {
            let bundle = Bundle::from_bytes(&plan.parameters()?, &bytes)?;
            Ok(Scores::from_bundle(bundle)?)
        });
        read.map(Self).map_err(|error| exception(py, error))
    }

    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf, plan: &NetworkPlan) -> PyResult<Self> {
        let plan = plan.0.plan();
        let read = || -> Result<Scores> {
            let bundle = opened(&path, &plan.parameters()?)?;
            Ok(Scores::from_bundle(bundle)?)
        };
        let read = py.detach(|| read().with_context(|| format!("cannot use {}", path.display())));
        read.map(Self).map_err(|error| exception(py, error))
    }
}

#[pymethods]
impl NetworkServer {
    #[new]
    #[pyo3(signature = (keys, threads=None))]
    fn new(py: Python<'_>, keys: &NetworkKeys, threads: Option<usize>) -> PyResult<Self> {
        let pool = pool(threads).map_err(|error| exception(py, error))?;
        Ok(Self {
            file: keys.file.clone(),
            keys: Some(keys.keys.clone()),
            ready: Mutex::default(),
            pool,
        })
    }

    /// Opens a directory for one network.
    #[staticmethod]
    #[pyo3(signature = (dir, network, key_memory=None, threads=None, callback=None))]
    fn open(
        py: Python<'_>,
        dir: PathBuf,
        network: &Network,
        key_memory: Option<u64>,
        threads: Option<usize>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        run(py, callback, |progress| {
            let local = Local::open(&dir, &network.network, key_memory, progress)?;
            Ok(Self {
                file: network.file.clone(),
                keys: None,
                ready: Mutex::new(Some((Arc::clone(&network.network), Arc::new(local)))),
                pool: pool(threads)?,
            })
        })
    }

    #[getter]
    fn plan(&self) -> NetworkPlan {
        NetworkPlan(self.file.clone())
    }

    /// Classifies an image.
    #[pyo3(signature = (network, image, callback=None))]
    fn decision_function(
        &self,
        py: Python<'_>,
        network: &Network,
        image: &EncryptedImage,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<NetworkScores> {
        let scores = run(py, callback, |progress| {
            self.install(|| {
                let server = self.ready(&network.network)?;
                server.classify(&image.0, progress, &mut |_| ())
            })
        })?;
        Ok(NetworkScores(scores))
    }

    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        describe(py, &self.file)
    }

    #[getter]
    fn threads(&self) -> usize {
        match &self.pool {
            Some(pool) => pool.current_num_threads(),
            None => rayon::current_num_threads(),
        }
    }
}

impl NetworkServer {
    fn ready(&self, network: &Arc<Plain>) -> Result<Arc<Local>> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, server)) = &*ready
            && Arc::ptr_eq(known, network)
        {
            return Ok(Arc::clone(server));
        }
        let Some(keys) = self.keys.clone() else {
            return Err(Error::role(
                "this directory was opened for another network: open it again for this one",
            ));
        };
        let server = Arc::new(Local::new(network, self.file.plan(), keys)?);
        *ready = Some((Arc::clone(network), Arc::clone(&server)));
        Ok(server)
    }

    fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

fn pool(threads: Option<usize>) -> Result<Option<ThreadPool>> {
    let build = |threads| ThreadPoolBuilder::new().num_threads(threads).build();
    Ok(threads.map(build).transpose()?)
}

fn opened(path: &Path, parameters: &Parameters) -> Result<Bundle<'static>> {
    Ok(Bundle::read(parameters, files::open(path)?)?)
}

/// Writes a file as the command does: it replaces nothing but a file of the same kind.
fn save<'a>(
    py: Python<'_>,
    output: Output,
    path: &Path,
    bundle: impl FnOnce() -> Result<Bundle<'a>> + Send,
) -> PyResult<u64> {
    let saved = py.detach(|| {
        output.check(path, &[])?;
        let bundle = bundle()?;
        files::write_atomically(path, |file| bundle.write(file))
    });
    saved.map_err(|error| exception(py, error))
}
