//! Estimators in the clear: the plaintext reference, with the polynomials of the encrypted run.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use tapetum::folders::{FEATURES, files, model};
use tapetum::learn::{
    EstimatorConfig, Features, LeastSquaresConfig, LogisticRegressionConfig, PlainModel,
    PlainModelFile,
};
use tapetum::plan::TABLE_FEATURES;
use tapetum::simulate::{MODEL, Reference, Simulated, export};
use tapetum::vision::{DataSet, Pipeline, Samples, Standardizer};
use tapetum::{Context, EncryptedSamples, Error, Plan, Result};

use crate::arrays::{self, Labelled, Rows};
use crate::error::{exception, in_python};
use crate::plan::Training;
use crate::work::run;

/// Standardised values of models from elsewhere may be this large, which is what ciphertexts have room for. Models that
/// were trained here know that values are cut off, at much less; those do not.
const WIDEST: f64 = 1000.0;

/// The features of a model in a file.
pub fn read_features(path: &Path) -> Result<Pipeline> {
    let text = files::read_text(path)?;
    Pipeline::from_json(&text).with_context(|| format!("cannot use {}", path.display()))
}

/// The settings of an algorithm for tables, as JSON.
#[pyfunction]
#[pyo3(signature = (name, batch_rows=None))]
pub fn default_settings(py: Python<'_>, name: &str, batch_rows: Option<usize>) -> PyResult<String> {
    let logistic = match batch_rows {
        Some(rows) => LogisticRegressionConfig::mini_batches(rows),
        None => LogisticRegressionConfig::table(),
    };
    let squares = LeastSquaresConfig::table();
    let config = match name {
        "logistic" => EstimatorConfig::Logistic(logistic),
        "one-vs-rest" => EstimatorConfig::OneVsRest(logistic),
        "ridge" => EstimatorConfig::Ridge(squares),
        "fisher" => EstimatorConfig::Fisher(squares),
        _ => EstimatorConfig::LinearMeans,
    };
    serde_json::to_string(&config).map_err(|error| exception(py, error))
}

/// A linear model in the clear, with the features that it is of.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct ClearModel {
    pub pipeline: Pipeline,
    pub model: PlainModel,
    /// Why encrypted training would fail where this did not.
    #[pyo3(get)]
    warning: Option<String>,
}

/// What training on a data set needs and gives.
pub struct Fitted {
    pub plan: Plan,
    pub pipeline: Pipeline,
    pub reference: Reference,
}

impl Fitted {
    /// Trains on rows in the clear.
    pub fn new(training: &Training, data: DataSet) -> Result<Self> {
        let data = training.weighted(data);
        let columns = match data.samples() {
            Samples::Table(table) => table.columns(),
            Samples::Images(_) => 0,
        };
        let plan = training.plan(columns, data.len(), data.class_names().len())?;
        let pipeline = plan.fit(&data)?;
        let reference = Reference::run(&plan, &pipeline, &data, &data)?;
        Ok(Self {
            plan,
            pipeline,
            reference,
        })
    }

    /// The same of rows from Python, and what becomes of it.
    pub fn then<T: Send>(
        py: Python<'_>,
        training: &Training,
        labelled: &Labelled<'_>,
        then: impl FnOnce(Self) -> Result<T> + Send,
    ) -> PyResult<T> {
        let data = arrays::data_set(labelled).map_err(|error| exception(py, error))?;
        run(py, None, |_| then(Self::new(training, data)?))
    }

    /// Whether encrypted training gives the same.
    pub fn check(&self) -> Result<()> {
        self.reference.check(&self.plan.parameters()?)
    }
}

#[pymethods]
impl ClearModel {
    #[staticmethod]
    fn fit(py: Python<'_>, training: Training, labelled: Labelled<'_>) -> PyResult<Self> {
        Fitted::then(py, &training, &labelled, |fitted| {
            Ok(Self {
                warning: fitted.check().err().map(|e| in_python(&e.to_string())),
                pipeline: fitted.pipeline,
                model: fitted.reference.model.into_linear()?,
            })
        })
    }

    /// A model that was trained elsewhere: a score is weights . (x - mean) / deviation + intercept.
    #[staticmethod]
    fn from_weights(
        py: Python<'_>,
        statistics: (Vec<f64>, Vec<f64>),
        weights: Vec<f64>,
        intercepts: Vec<f64>,
        classes: Vec<String>,
        names: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let made = || -> Result<Self> {
            let (mean, deviation) = statistics;
            let standardizer = Standardizer::from_statistics(mean, deviation, WIDEST, 1.0)?;
            let spec = TABLE_FEATURES.parse()?;
            let id = tapetum::learn::Id::random().context("cannot name the features")?;
            let pipeline = Pipeline::new(spec, 1, false, classes, standardizer)?
                .with_column_names(names)?
                .with_id(id.to_string());
            Self::of(
                pipeline,
                PlainModel {
                    weights,
                    intercepts,
                },
            )
        };
        made().map_err(|error| exception(py, error))
    }

    /// The scores of samples.
    fn decision_function<'py>(
        &self,
        py: Python<'py>,
        rows: Rows<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let samples = arrays::samples(&rows, None).map_err(|error| exception(py, error))?;
        let scores = run(py, None, move |_| {
            refuse_cut_off(&self.pipeline, &samples)?;
            let table = self.pipeline.apply(&samples)?;
            Ok(self
                .model
                .decision_function(&Features::new(table.values(), table.cols())?)?)
        })?;
        arrays::scores(py, scores, self.model.outputs())
    }

    /// Weights, one row a score, and intercepts, for the features that the model is of.
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Vec<f64>)> {
        let columns = self.pipeline.columns();
        let weights = arrays::matrix(py, self.model.weights.clone(), columns)?;
        Ok((weights, self.model.intercepts.clone()))
    }

    #[getter]
    fn classes(&self) -> Vec<String> {
        self.pipeline.class_names().to_vec()
    }

    /// The names of columns, if they have any.
    #[getter]
    fn names(&self) -> Option<Vec<String>> {
        self.pipeline.column_names().map(<[_]>::to_vec)
    }

    /// Columns of a row.
    #[getter]
    fn n_features(&self) -> usize {
        self.pipeline.standardizer().columns()
    }

    /// Writes a folder as `simulate --export` does.
    fn save(&self, py: Python<'_>, dir: PathBuf) -> PyResult<()> {
        let written = py.detach(|| -> Result<()> {
            Simulated::check_export(&dir)?;
            export(
                &dir,
                &self.pipeline,
                &self.model,
                self.pipeline.class_names(),
            )
        });
        written.map_err(|error| exception(py, error))
    }

    /// Reads such a folder.
    #[staticmethod]
    fn load(py: Python<'_>, dir: PathBuf) -> PyResult<Self> {
        let read = py.detach(|| -> Result<Self> {
            let pipeline = read_features(&dir.join(FEATURES))?;
            let (model, id) = model::read(&dir.join(MODEL))?;
            if id.is_some() && id != pipeline.id().and_then(|id| id.parse().ok()) {
                return Err(Error::role(format!(
                    "{MODEL} in {} was trained on other features than those beside it",
                    dir.display()
                )));
            }
            Self::of(pipeline, model)
        });
        read.map_err(|error| exception(py, error))
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<(String, String)> {
        let file = PlainModelFile::new(&self.model, self.pipeline.class_names());
        let model = serde_json::to_string(&file).map_err(|error| exception(py, error))?;
        let pipeline = self.pipeline.to_json();
        Ok((pipeline.map_err(|error| exception(py, error))?, model))
    }

    #[staticmethod]
    fn from_json(py: Python<'_>, pipeline: &str, model: &str) -> PyResult<Self> {
        let read = || -> Result<Self> {
            let pipeline = Pipeline::from_json(pipeline)?;
            let file: PlainModelFile = serde_json::from_str(model)
                .map_err(|error| Error::input(format!("this is not a model: {error}")))?;
            Self::of(pipeline, file.into_model()?)
        };
        read().map_err(|error| exception(py, error))
    }
}

/// Fails if values are cut off of which the model does not know it.
pub fn refuse_cut_off(pipeline: &Pipeline, samples: &Samples) -> Result<()> {
    let limit = pipeline.standardizer().limit();
    if limit < WIDEST {
        return Ok(());
    }
    let table = pipeline.apply(samples)?;
    match table.values().iter().position(|value| value.abs() >= limit) {
        None => Ok(()),
        Some(place) => Err(Error::input(format!(
            "the value in row {}, column {} is more than {limit} deviations from the mean that the model is scaled by, and \
             would be cut off: give PlainModel.from_sklearn rows to scale by (X=...), or put a StandardScaler in front of the \
             classifier",
            place / table.cols(),
            place % table.cols()
        ))),
    }
}

impl ClearModel {
    /// Refuses rows whose features were standardised for another model.
    pub fn check_features(&self, rows: &EncryptedSamples) -> Result<()> {
        let own = self.pipeline.id().and_then(|id| id.parse().ok());
        let theirs = rows.origin().features;
        if own.is_some() && theirs.is_some() && own != theirs {
            let message = "these rows were encrypted for another model: their features were standardised otherwise";
            return Err(Error::role(message));
        }
        Ok(())
    }

    /// A model of these features, if it is one.
    pub fn of(pipeline: Pipeline, model: PlainModel) -> Result<Self> {
        let expected = match pipeline.class_names().len() {
            2 => 1,
            many => many,
        };
        let fits =
            model.outputs() == expected && model.weights.len() == expected * pipeline.columns();
        match fits {
            true => Ok(Self {
                pipeline,
                model,
                warning: None,
            }),
            false => Err(Error::input(format!(
                "the model has {} weights and {} intercepts, which do not fit {} features and {} classes",
                model.weights.len(),
                model.outputs(),
                pipeline.columns(),
                pipeline.class_names().len()
            ))),
        }
    }
}
