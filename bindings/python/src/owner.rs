//! The owner of the secret key, and contributors.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tapetum::ckks::SecretKey;
use tapetum::folders::exposed_key;
use tapetum::learn::{EstimatorConfig, LinearModel};
use tapetum::owner::{Digits, Directories, Passphrase};
use tapetum::server::Model;
use tapetum::vision::Pipeline;
use tapetum::{Context, Error, Plan, Result};
use zeroize::Zeroizing;

use crate::arrays::{self, Labelled};
use crate::encrypted::{self, EncryptedModel, EncryptedScores};
use crate::error::exception;
use crate::estimator::{ClearModel, Fitted, read_features};
use crate::plan::Training;
use crate::work::run;

/// Who holds the secret key, which is wiped from memory when this is dropped.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct Owner {
    pub owner: RwLock<tapetum::Owner>,
    keys: RwLock<Option<tapetum::ckks::EvaluationKeys>>,
}

/// What a server needs: evaluation keys and the plan.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct EvaluationKeys {
    pub plan: Plan,
    pub keys: tapetum::ckks::EvaluationKeys,
}

/// What a contributor needs: the public key, the plan, and how features are standardised.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct PublicKey {
    pub plan: Plan,
    key: tapetum::ckks::PublicKey,
    pipeline: Option<Pipeline>,
}

/// Who encrypts with a public key.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct Contributor(pub RwLock<tapetum::Contributor>);

#[pymethods]
impl Owner {
    /// Plans a training on rows like these, tries it in the clear, and makes a secret key.
    #[staticmethod]
    fn generate(py: Python<'_>, training: Training, labelled: Labelled<'_>) -> PyResult<Self> {
        Fitted::then(py, &training, &labelled, |fitted| {
            fitted.check()?;
            Self::with_new_key(&fitted.plan, fitted.pipeline)
        })
    }

    /// Makes a secret key to classify rows with a model in the clear.
    #[staticmethod]
    fn for_model(py: Python<'_>, model: &ClearModel) -> PyResult<Self> {
        let made = || {
            Self::with_new_key(
                &Plan::classify_only(&model.pipeline)?,
                model.pipeline.clone(),
            )
        };
        made().map_err(|error| exception(py, error))
    }

    /// Makes a secret key to classify rows with somebody's model, of which only the features are known.
    #[staticmethod]
    fn for_features(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let made = py.detach(|| {
            let pipeline = read_features(&path)?;
            Self::with_new_key(&Plan::classify_only(&pipeline)?, pipeline)
        });
        made.map_err(|error| exception(py, error))
    }

    /// Opens a directory that the command made, or [`save`](Self::save).
    #[staticmethod]
    #[pyo3(signature = (dir, passphrase=None))]
    fn open(py: Python<'_>, dir: PathBuf, passphrase: Option<String>) -> PyResult<Self> {
        let passphrase = passphrase.map(Zeroizing::new);
        let opened = py.detach(|| match passphrase {
            None => tapetum::Owner::open(&dir),
            Some(text) => tapetum::Owner::open_with(&dir, || Passphrase::new(text)),
        });
        Ok(Self::of(opened.map_err(|error| exception(py, error))?))
    }

    /// Writes all keys into the directories of the roles.
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
            self.get()
                .write(&keys, directories, passphrase.as_ref())
                .map(drop)
        })
    }

    /// The evaluation keys, which are made when they are first asked for.
    #[pyo3(signature = (callback=None))]
    fn evaluation_keys(
        &self,
        py: Python<'_>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<EvaluationKeys> {
        run(py, callback, |progress| {
            Ok(EvaluationKeys {
                keys: self.keys(progress)?,
                plan: self.get().plan().clone(),
            })
        })
    }

    fn public_key(&self, py: Python<'_>) -> PyResult<PublicKey> {
        run(py, None, |_| {
            let owner = self.get();
            Ok(PublicKey {
                plan: owner.plan().clone(),
                key: owner.public_key()?,
                pipeline: owner.pipeline()?,
            })
        })
    }

    /// Decrypted scores, rounded.
    fn decision_function<'py>(
        &self,
        py: Python<'py>,
        scores: &EncryptedScores,
    ) -> PyResult<Bound<'py, PyAny>> {
        let found = run(py, None, |_| self.get().decision_function(&scores.0))?;
        arrays::scores(py, found, scores.0.outputs())
    }

    /// The indices of the classes that scores decide for.
    fn predict(&self, py: Python<'_>, scores: &EncryptedScores) -> PyResult<Vec<usize>> {
        run(py, None, |_| self.get().predict(&scores.0))
    }

    /// A model in the clear, rounded, for the features that it was trained on.
    fn decrypt(&self, py: Python<'_>, model: &EncryptedModel) -> PyResult<ClearModel> {
        run(py, None, |_| {
            let owner = self.get();
            let Model::Encrypted(encrypted) = &model.0 else {
                return Err(Error::input("this model is not encrypted"));
            };
            let decrypted = owner.open_model(encrypted, Digits::Rounded)?;
            let pipeline = owner.pipeline()?.context(
                "features.json is missing, which says how features are standardised: load the directory in which the \
                 training data were encrypted",
            )?;
            ClearModel::of(pipeline, decrypted.model)
        })
    }

    /// What a file of encrypted data holds.
    fn load(&self, py: Python<'_>, path: PathBuf) -> PyResult<Py<PyAny>> {
        let parameters = self.get().secret_key().parameters().clone();
        encrypted::load(py, &path, &parameters)
    }

    /// What was agreed, for people.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let plan = self.get().plan().clone();
        describe(py, &plan)
    }

    /// A warning if others can read the secret key in this directory.
    #[staticmethod]
    fn exposed(dir: PathBuf) -> Option<String> {
        exposed_key(&dir)
    }
}

impl Owner {
    fn of(owner: tapetum::Owner) -> Self {
        Self {
            owner: RwLock::new(owner),
            keys: RwLock::default(),
        }
    }

    fn with_new_key(plan: &Plan, pipeline: Pipeline) -> Result<Self> {
        let secret = SecretKey::generate(&plan.parameters()?)?;
        let plan = plan.for_keys(secret.key_set());
        let owner = tapetum::Owner::with_key(&plan, secret, pipeline)?;
        Ok(Self::of(owner))
    }

    pub fn get(&self) -> RwLockReadGuard<'_, tapetum::Owner> {
        self.owner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self, progress: &dyn tapetum::Progress) -> Result<tapetum::ckks::EvaluationKeys> {
        let mut made = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = &*made {
            return Ok(keys.clone());
        }
        let keys = self.get().evaluation_keys(progress)?;
        *made = Some(keys.clone());
        Ok(keys)
    }
}

#[pymethods]
impl EvaluationKeys {
    /// Writes a server's directory.
    fn save(&self, py: Python<'_>, dir: PathBuf) -> PyResult<u64> {
        let written = py.detach(|| tapetum::server::write_keys(&self.plan, &self.keys, &dir));
        written.map_err(|error| exception(py, error))
    }

    /// Bytes in memory.
    #[getter]
    fn nbytes(&self) -> u64 {
        self.keys.memory_bytes()
    }

    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        describe(py, &self.plan)
    }
}

#[pymethods]
impl PublicKey {
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        describe(py, &self.plan)
    }
}

#[pymethods]
impl Contributor {
    #[new]
    fn new(py: Python<'_>, key: &PublicKey, name: &str) -> PyResult<Self> {
        let made = || -> Result<Self> {
            let pipeline = key.pipeline.clone().context(
                "the owner has not encrypted anything yet, so it is open how features are standardised",
            )?;
            let mut contributor = tapetum::Contributor::new(&key.plan, &key.key, pipeline)?;
            name.clone_into(&mut contributor.name);
            Ok(Self(RwLock::new(contributor)))
        };
        made().map_err(|error| exception(py, error))
    }

    /// Opens a directory that the command made, or [`Owner::save`].
    #[staticmethod]
    fn open(py: Python<'_>, dir: PathBuf, name: &str) -> PyResult<Self> {
        let opened = py.detach(|| tapetum::Contributor::open(&dir));
        let mut contributor = opened.map_err(|error| exception(py, error))?;
        name.clone_into(&mut contributor.name);
        Ok(Self(RwLock::new(contributor)))
    }

    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let plan = self.get().plan.clone();
        describe(py, &plan)
    }
}

impl Contributor {
    pub fn get(&self) -> RwLockReadGuard<'_, tapetum::Contributor> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A plan, for people.
pub fn describe<'py>(py: Python<'py>, plan: &Plan) -> PyResult<Bound<'py, PyDict>> {
    let found = || -> Result<_> {
        let parameters = plan.parameters()?;
        let keys = plan.keys(&parameters)?;
        Ok((keys.len(), keys.file_bytes(&parameters)?, parameters))
    };
    let (keys, bytes, parameters) = found().map_err(|error| exception(py, error))?;
    let dict = PyDict::new(py);
    dict.set_item("purpose", plan.purpose.describe())?;
    dict.set_item("features", plan.columns)?;
    dict.set_item("classes", plan.classes)?;
    // How several machines can share the training.
    let shared = match plan.learner() {
        Some(EstimatorConfig::Ridge(_)) => Some("sums"),
        Some(learner) if learner.trains_in_passes() => Some("passes"),
        _ => None,
    };
    dict.set_item("shared", shared)?;
    dict.set_item("levels", plan.levels)?;
    dict.set_item("log_n", parameters.log_n())?;
    dict.set_item("security_bits", parameters.security().bits())?;
    dict.set_item("largest_score", LinearModel::largest_score(&parameters))?;
    dict.set_item("evaluation_keys", keys)?;
    dict.set_item("evaluation_key_bytes", bytes)?;
    Ok(dict)
}
