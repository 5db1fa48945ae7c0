//! Who encrypts images for networks, and who decrypts their scores.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tapetum::networks::{
    NetworkContributor as Contributor, NetworkOwner as Owner, NetworkPlanFile,
};
use tapetum::owner::{Directories, Passphrase};
use tapetum::{Error, Result};
use zeroize::Zeroizing;

use crate::arrays::{self, Rows};
use crate::error::exception;
use crate::images::{EncryptedImage, NetworkScores};
use crate::networks::{NetworkKeys, NetworkPlan, describe, rows};
use crate::work::run;

/// Scores if there are any, labels, and whether each is certain.
type Decrypted<'py> = (Option<Bound<'py, PyAny>>, Vec<usize>, Vec<bool>);

/// Who holds the secret key for the images of a plan.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct NetworkOwner {
    owner: Owner,
    keys: RwLock<Option<tapetum::ckks::EvaluationKeys>>,
}

/// What a contributor needs.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct NetworkPublicKey {
    file: NetworkPlanFile,
    key: tapetum::ckks::PublicKey,
}

/// Who encrypts with a public key.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct NetworkContributor(Contributor);

#[pymethods]
impl NetworkOwner {
    #[staticmethod]
    fn generate(py: Python<'_>, plan: &NetworkPlan) -> PyResult<Self> {
        run(py, None, |_| Ok(Self::of(Owner::generate(&plan.0)?)))
    }

    #[staticmethod]
    #[pyo3(signature = (dir, passphrase=None))]
    fn open(py: Python<'_>, dir: PathBuf, passphrase: Option<String>) -> PyResult<Self> {
        let passphrase = passphrase.map(Zeroizing::new);
        let given = || match passphrase {
            Some(text) => Passphrase::new(text),
            None => Err(Error::role(
                "the secret key is kept under a passphrase: give passphrase=...",
            )),
        };
        let opened = py.detach(|| Owner::open(&dir, given));
        Ok(Self::of(opened.map_err(|error| exception(py, error))?))
    }

    #[pyo3(signature = (dir, contributor=None, server=None, passphrase=None, callback=None))]
    fn save(
        &self,
        py: Python<'_>,
        dir: PathBuf,
        contributor: Option<PathBuf>,
        server: Option<PathBuf>,
        passphrase: Option<String>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let passphrase = passphrase.map(Zeroizing::new);
        run(py, callback, move |progress| {
            let passphrase = passphrase.map(Passphrase::new).transpose()?;
            let directories = Directories {
                owner: &dir,
                contributor: contributor.as_deref(),
                server: server.as_deref(),
            };
            let keys = self.keys(progress)?;
            let written = self
                .owner
                .write_with(&keys, directories, passphrase.as_ref());
            written.map(drop)
        })
    }

    #[pyo3(signature = (callback=None))]
    fn evaluation_keys(
        &self,
        py: Python<'_>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<NetworkKeys> {
        run(py, callback, |progress| {
            Ok(NetworkKeys {
                keys: self.keys(progress)?,
                file: self.owner.plan().clone(),
            })
        })
    }

    fn public_key(&self, py: Python<'_>) -> PyResult<NetworkPublicKey> {
        run(py, None, |_| {
            Ok(NetworkPublicKey {
                file: self.owner.plan().clone(),
                key: self.owner.public_key()?,
            })
        })
    }

    #[getter]
    fn plan(&self) -> NetworkPlan {
        NetworkPlan(self.owner.plan().clone())
    }

    fn encrypt(&self, py: Python<'_>, images: Rows<'_>) -> PyResult<Vec<EncryptedImage>> {
        let images = rows(&images);
        let encrypt = |image: &Vec<f64>| Ok(EncryptedImage(self.owner.encrypt_values(image)?));
        run(py, None, |_| images.iter().map(encrypt).collect())
    }

    /// Decrypted scores, rounded, and the index of the class of each image.
    fn decrypt<'py>(
        &self,
        py: Python<'py>,
        scores: Vec<Py<NetworkScores>>,
    ) -> PyResult<Decrypted<'py>> {
        let found = run(py, None, |_| {
            let found = scores
                .iter()
                .map(|scores| self.owner.decrypt(&scores.get().0));
            found.collect::<Result<Vec<_>>>()
        })?;
        let labels = found.iter().map(|scores| scores.label()).collect();
        let values: Vec<f64> = found
            .iter()
            .flat_map(|scores| scores.values().iter().copied())
            .collect();
        let decided = found.iter().map(|scores| scores.is_decided()).collect();
        let classes = self.owner.plan().classes().len();
        let matrix = (!values.is_empty()).then(|| arrays::matrix(py, values, classes));
        Ok((matrix.transpose()?, labels, decided))
    }
}

impl NetworkOwner {
    fn of(owner: Owner) -> Self {
        Self {
            owner,
            keys: RwLock::default(),
        }
    }

    fn keys(&self, progress: &dyn tapetum::Progress) -> Result<tapetum::ckks::EvaluationKeys> {
        let mut made = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = &*made {
            return Ok(keys.clone());
        }
        let keys = self.owner.evaluation_keys(progress)?;
        *made = Some(keys.clone());
        Ok(keys)
    }
}

#[pymethods]
impl NetworkPublicKey {
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        describe(py, &self.file)
    }
}

#[pymethods]
impl NetworkContributor {
    #[new]
    fn new(py: Python<'_>, key: &NetworkPublicKey) -> PyResult<Self> {
        let made = Contributor::new(&key.file, &key.key);
        made.map(Self).map_err(|error| exception(py, error))
    }

    #[staticmethod]
    fn open(py: Python<'_>, dir: PathBuf) -> PyResult<Self> {
        let opened = py.detach(|| Contributor::open(&dir));
        opened.map(Self).map_err(|error| exception(py, error))
    }

    #[getter]
    fn plan(&self) -> NetworkPlan {
        NetworkPlan(self.0.plan().clone())
    }

    fn encrypt(&self, py: Python<'_>, images: Rows<'_>) -> PyResult<Vec<EncryptedImage>> {
        let images = rows(&images);
        let encrypt = |image: &Vec<f64>| Ok(EncryptedImage(self.0.encrypt_values(image)?));
        run(py, None, |_| images.iter().map(encrypt).collect())
    }
}
