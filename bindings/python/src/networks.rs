//! Networks from ONNX files in the clear, and their plans.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tapetum::networks::{
    ColourOrder, Network as Plain, NetworkPlanFile, NetworkServer, Preprocessing, photograph,
    read_network, values,
};
use tapetum::{Error, Result};

use crate::arrays::{self, Pictures, Rows, photos};
use crate::error::exception;
use crate::work::run;

/// A network in the clear, with its plan.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct Network {
    pub network: Arc<Plain>,
    pub file: NetworkPlanFile,
}

/// The plan of somebody's network, which keys are made for: no weights.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct NetworkPlan(pub NetworkPlanFile);

/// What a server needs: evaluation keys and the plan.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct NetworkKeys {
    pub file: NetworkPlanFile,
    pub keys: tapetum::ckks::EvaluationKeys,
}

/// How a network takes pixels.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Settings {
    value_range: [f64; 2],
    mean: Vec<f64>,
    deviation: Vec<f64>,
    blue_first: bool,
}

impl Settings {
    fn preprocessing(self) -> Result<Preprocessing> {
        let order = match self.blue_first {
            true => ColourOrder::Bgr,
            false => ColourOrder::Rgb,
        };
        let plain = Preprocessing::of_range(self.value_range)?.with_order(order);
        Ok(match self.mean.is_empty() && self.deviation.is_empty() {
            true => plain,
            false => plain.normalised(self.mean, self.deviation)?,
        })
    }
}

/// Values of images in rows.
pub fn rows(rows: &Rows<'_>) -> Vec<Vec<f64>> {
    let rows = rows.as_array();
    rows.outer_iter().map(|row| row.to_vec()).collect()
}

#[pymethods]
impl Network {
    /// Reads and plans a network. Pictures or rows of values like those to come set the scale of its layers.
    #[staticmethod]
    fn from_onnx(
        py: Python<'_>,
        path: PathBuf,
        classes: Option<Vec<String>>,
        settings: Settings,
        pictures: Option<Pictures<'_>>,
        calibration: Option<Rows<'_>>,
    ) -> PyResult<Self> {
        let photos = pictures.as_ref().map(photos).transpose();
        let photos = photos.map_err(|error| exception(py, error))?;
        let calibration = calibration.as_ref().map(rows);
        run(py, None, move |_| {
            let network = read_network(&path)?;
            let preprocessing = settings.preprocessing()?;
            let mut images = calibration.unwrap_or_default();
            for photo in photos.unwrap_or_default() {
                let &[1, channels, height, width] = network.input_shape() else {
                    return Err(Error::input("the network takes vectors, not pictures"));
                };
                let photo = match (photo.height(), photo.width()) == (height, width) {
                    true => photo,
                    false => photo.middle_square(width)?,
                };
                images.push(values(&photo, channels, &preprocessing)?);
            }
            let plan = network.plan(preprocessing.value_range(), &images)?;
            let names = || (0..plan.scores()).map(|class| class.to_string()).collect();
            let classes = classes.unwrap_or_else(names);
            let file = NetworkPlanFile::new(plan, classes)?.with_preprocessing(preprocessing)?;
            Ok(Self {
                network: Arc::new(network),
                file,
            })
        })
    }

    /// The network of a plan that is there already.
    #[staticmethod]
    fn with_plan(py: Python<'_>, path: PathBuf, plan: &NetworkPlan) -> PyResult<Self> {
        run(py, None, move |_| {
            let network = read_network(&path)?;
            network.check_plan(plan.0.plan())?;
            Ok(Self {
                network: Arc::new(network),
                file: plan.0.clone(),
            })
        })
    }

    /// The scores of images in the clear, from the values that they have.
    fn decision_function<'py>(
        &self,
        py: Python<'py>,
        images: Rows<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let images = rows(&images);
        let scores = run(py, None, |_| {
            let scores = images.iter().map(|image| Ok(self.network.scores(image)?));
            Ok(scores.collect::<Result<Vec<_>>>()?.concat())
        })?;
        arrays::matrix(py, scores, self.file.classes().len())
    }

    #[getter]
    fn plan(&self) -> NetworkPlan {
        NetworkPlan(self.file.clone())
    }
}

#[pymethods]
impl NetworkPlan {
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let read = tapetum::networks::read_plan(&path);
        read.map(Self).map_err(|error| exception(py, error))
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<u64> {
        let written = || {
            tapetum::folders::Output::NetworkPlan.check(&path, &[])?;
            tapetum::networks::write_plan(&self.0, &path)
        };
        written().map_err(|error| exception(py, error))
    }

    #[getter]
    fn classes(&self) -> Vec<String> {
        self.0.classes().to_vec()
    }

    /// Of an image: one, channels, rows and columns, or one and a length.
    #[getter]
    fn input_shape(&self) -> Vec<usize> {
        self.0.plan().input_shape().to_vec()
    }

    /// The values that pictures have in the network, a row each.
    fn values<'py>(&self, py: Python<'py>, pictures: Pictures<'_>) -> PyResult<Bound<'py, PyAny>> {
        let photos = photos(&pictures).map_err(|error| exception(py, error))?;
        let values = run(py, None, |_| {
            let values = photos.iter().map(|photo| photograph(photo, &self.0));
            Ok(values.collect::<Result<Vec<_>>>()?.concat())
        })?;
        arrays::matrix(py, values, self.0.plan().input_len())
    }

    /// What an evaluation needs, for people.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        describe(py, &self.0)
    }
}

#[pymethods]
impl NetworkKeys {
    /// Writes a server's directory.
    fn save(&self, py: Python<'_>, dir: PathBuf) -> PyResult<u64> {
        let written = py.detach(|| NetworkServer::write_keys(&self.file, &self.keys, &dir));
        written.map_err(|error| exception(py, error))
    }

    /// Bytes in memory.
    #[getter]
    fn nbytes(&self) -> u64 {
        self.keys.memory_bytes()
    }

    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        describe(py, &self.file)
    }
}

/// A plan, for people.
pub fn describe<'py>(py: Python<'py>, file: &NetworkPlanFile) -> PyResult<Bound<'py, PyDict>> {
    let plan = file.plan();
    let found = || -> Result<_> {
        let parameters = plan.parameters()?;
        let keys = plan.key_plan(&parameters)?;
        let seconds: f64 = plan.predicted_cpu_seconds()?.iter().sum();
        let bytes = (keys.memory_bytes(&parameters)?, plan.weights_bytes()?);
        Ok((keys.len(), bytes, seconds, parameters))
    };
    let (keys, bytes, seconds, parameters) = found().map_err(|error| exception(py, error))?;
    let dict = PyDict::new(py);
    dict.set_item("layers", plan.layers().len())?;
    dict.set_item("classes", file.classes())?;
    dict.set_item("levels", plan.levels())?;
    dict.set_item("bootstraps", plan.bootstraps())?;
    dict.set_item("log_n", parameters.log_n())?;
    dict.set_item("security_bits", parameters.security().bits())?;
    dict.set_item("evaluation_keys", keys)?;
    dict.set_item("evaluation_key_bytes", bytes.0)?;
    dict.set_item("weight_bytes", bytes.1)?;
    dict.set_item("predicted_cpu_seconds", seconds)?;
    Ok(dict)
}
