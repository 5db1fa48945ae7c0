//! A server far away, over HTTPS. Nothing here can name a secret key.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tapetum::remote::client::{Client, Trust};
use tapetum::remote::{Remote, RemoteServer as Far};
use tapetum::server::Model;
use tapetum::{Context, Error, Plan, Result};
use zeroize::Zeroizing;

use crate::encrypted::{self, EncryptedData, EncryptedModel, EncryptedRows, EncryptedScores};
use crate::error::exception;
use crate::estimator::ClearModel;
use crate::images::{EncryptedImage, NetworkScores};
use crate::networks::{NetworkKeys, NetworkPlan};
use crate::owner::{EvaluationKeys, PublicKey, describe};
use crate::work::run;

/// Trains and classifies what it cannot see, elsewhere.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct RemoteServer(Far);

/// How a server is known, and who asks.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Address {
    url: String,
    token: String,
    fingerprint: Option<String>,
    authorities: Option<PathBuf>,
}

/// Whose keys the server has, or gets.
#[derive(FromPyObject)]
enum Keys {
    Evaluation(Py<EvaluationKeys>),
    Public(Py<PublicKey>),
}

impl Keys {
    fn plan(&self) -> &Plan {
        match self {
            Self::Evaluation(keys) => &keys.get().plan,
            Self::Public(key) => &key.get().plan,
        }
    }
}

impl Address {
    fn remote(self) -> Result<Remote> {
        let token = Zeroizing::new(self.token);
        let trust = match (self.fingerprint, self.authorities) {
            (Some(fingerprint), None) => Trust::Fingerprint(fingerprint),
            (None, Some(path)) => Trust::Authorities(path),
            _ => {
                return Err(Error::input(
                    "give the fingerprint of the server's certificate, as `tapetum serve` prints it, or a file of \
                     authorities to trust (ca=...), and not both",
                ));
            }
        };
        let client = Client::new(&self.url, &trust, &token)?;
        Ok(Remote { client })
    }
}

#[pymethods]
impl RemoteServer {
    /// Reaches a server, and sends evaluation keys unless it has them already.
    #[staticmethod]
    #[pyo3(signature = (address, keys=None, key_set=None, callback=None))]
    fn connect(
        py: Python<'_>,
        address: Address,
        keys: Option<Keys>,
        key_set: Option<String>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        run(py, callback, move |progress| {
            let remote = address.remote()?;
            Ok(Self(match (keys, key_set) {
                (None, None) => Far::without_keys(remote)?,
                (Some(keys), Some(id)) => Far::with_key_set(remote, keys.plan(), &id)?,
                (Some(Keys::Evaluation(keys)), None) => {
                    let keys = keys.get();
                    Far::new(remote, &keys.plan, &keys.keys, progress)?
                }
                (Some(Keys::Public(_)), None) => {
                    return Err(Error::role(
                        "a server computes with evaluation keys: connect with owner.evaluation_keys, or name those that it \
                         has already (key_set=...)",
                    ));
                }
                (None, Some(_)) => {
                    return Err(Error::role(
                        "who names a key set says whose it is: connect with owner.public_key or owner.evaluation_keys",
                    ));
                }
            }))
        })
    }

    /// The tenant and the scopes of the token.
    fn whoami(&self, py: Python<'_>) -> PyResult<(String, Vec<String>)> {
        run(py, None, |_| self.0.whoami())
    }

    /// The id of the keys.
    #[getter]
    fn key_set(&self) -> Option<String> {
        self.0.prepared().map(|prepared| prepared.key_set.clone())
    }

    fn create_data_set(&self, py: Python<'_>) -> PyResult<String> {
        run(py, None, |_| self.0.create_data_set())
    }

    #[pyo3(signature = (data_set, data, callback=None))]
    fn append(
        &self,
        py: Python<'_>,
        data_set: &str,
        data: &EncryptedData,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        run(py, callback, |progress| {
            self.0.append(data_set, &data.0, progress)
        })
    }

    fn begin_training(
        &self,
        py: Python<'_>,
        data_set: &str,
        without: Vec<String>,
    ) -> PyResult<String> {
        run(py, None, |_| self.0.begin_training(data_set, &without))
    }

    /// The id of the model.
    #[pyo3(signature = (job, callback=None))]
    fn finish_training(
        &self,
        py: Python<'_>,
        job: &str,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        run(py, callback, |progress| {
            self.0.finish_training(job, progress)
        })
    }

    /// The model of an id, encrypted as it is.
    fn model(&self, py: Python<'_>, id: &str) -> PyResult<EncryptedModel> {
        let model = run(py, None, |_| self.0.model(id))?;
        Ok(EncryptedModel(Model::Encrypted(model)))
    }

    /// Sends a model in the clear. Returns its id.
    #[pyo3(signature = (model, callback=None))]
    fn add_model(
        &self,
        py: Python<'_>,
        model: &ClearModel,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        run(py, callback, |progress| {
            let classes = model.pipeline.class_names();
            self.0.add_model(&model.model, classes, progress)
        })
    }

    /// The id of the job. `clear` is the model, if it is one in the clear.
    #[pyo3(signature = (model, rows, clear=None, callback=None))]
    fn begin_classification(
        &self,
        py: Python<'_>,
        model: &str,
        rows: &EncryptedRows,
        clear: Option<&ClearModel>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        run(py, callback, |progress| {
            if let Some(clear) = clear {
                clear.check_features(&rows.0)?;
            }
            self.0.begin_classification(model, &rows.0, progress)
        })
    }

    #[pyo3(signature = (job, rows, callback=None))]
    fn finish_classification(
        &self,
        py: Python<'_>,
        job: &str,
        rows: &EncryptedRows,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<EncryptedScores> {
        let parameters = rows.0.matrix().parameters();
        let scores = run(py, callback, |progress| {
            self.0.finish_classification(job, parameters, progress)
        })?;
        Ok(EncryptedScores(scores))
    }

    /// Sends a network with its plan. Returns its id.
    #[pyo3(signature = (onnx, plan, queries_per_token=None, callback=None))]
    fn add_network(
        &self,
        py: Python<'_>,
        onnx: PathBuf,
        plan: &NetworkPlan,
        queries_per_token: Option<u32>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        run(py, callback, |progress| {
            self.0
                .add_network(&onnx, &plan.0, queries_per_token, progress)
        })
    }

    fn network_plan(&self, py: Python<'_>, network: &str) -> PyResult<NetworkPlan> {
        run(py, None, |_| Ok(NetworkPlan(self.0.network_plan(network)?)))
    }

    /// The id of the keys.
    #[pyo3(signature = (keys, callback=None))]
    fn send_network_keys(
        &self,
        py: Python<'_>,
        keys: &NetworkKeys,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        run(py, callback, |progress| {
            self.0.send_network_keys(&keys.file, &keys.keys, progress)
        })
    }

    /// The id of the job.
    #[pyo3(signature = (network, key_set, image, callback=None))]
    fn begin_image(
        &self,
        py: Python<'_>,
        network: &str,
        key_set: &str,
        image: &EncryptedImage,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        run(py, callback, |progress| {
            self.0.begin_image((network, key_set), &image.0, progress)
        })
    }

    #[pyo3(signature = (job, plan, callback=None))]
    fn finish_image(
        &self,
        py: Python<'_>,
        job: &str,
        plan: &NetworkPlan,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<NetworkScores> {
        run(py, callback, |progress| {
            let parameters = plan.0.plan().parameters()?;
            Ok(NetworkScores(self.0.finish_image(
                job,
                &parameters,
                progress,
            )?))
        })
    }

    fn cancel(&self, py: Python<'_>, job: &str) -> PyResult<()> {
        run(py, None, |_| self.0.cancel(job))
    }

    fn delete(&self, py: Python<'_>, id: &str) -> PyResult<()> {
        run(py, None, |_| self.0.delete(id))
    }

    /// What a file of encrypted data holds.
    fn load(&self, py: Python<'_>, path: PathBuf) -> PyResult<Py<PyAny>> {
        let parameters = || {
            let plan = self.0.plan();
            plan.context("a connection without keys cannot tell files of other keys apart: connect with those of the owner")?
                .parameters()
        };
        encrypted::load(
            py,
            &path,
            &parameters().map_err(|error| exception(py, error))?,
        )
    }

    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.0.plan().map(|plan| describe(py, plan)).transpose()
    }
}
