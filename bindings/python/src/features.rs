//! Features of pictures and whitening, as the command takes them.

use pyo3::prelude::*;
use tapetum::Result;
use tapetum::vision::{FeatureSpec, Samples, Standardizer, StandardizerOptions};

use crate::arrays::{self, Pictures, Rows, photos};
use crate::error::exception;
use crate::work::run;

/// The features of pictures, before anything is standardised.
#[pyfunction]
#[pyo3(signature = (spec, side, pictures, callback=None))]
pub fn extract<'py>(
    py: Python<'py>,
    spec: &str,
    side: usize,
    pictures: Pictures<'_>,
    callback: Option<&Bound<'_, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let read = || -> Result<(FeatureSpec, Samples)> {
        Ok((spec.parse()?, Samples::Images(photos(&pictures)?)))
    };
    let (spec, samples) = read().map_err(|error| exception(py, error))?;
    let features = run(py, callback, move |_| {
        Ok(spec.pinned()?.extract(side, &samples)?)
    })?;
    let columns = features.cols();
    arrays::matrix(py, features.into_values(), columns)
}

/// Principal directions that were fitted to rows.
#[pyclass(frozen, module = "tapetum._tapetum")]
pub struct Whitening(Standardizer);

#[pymethods]
impl Whitening {
    #[staticmethod]
    fn fit(py: Python<'_>, rows: Rows<'_>, directions: usize, shrinkage: f64) -> PyResult<Self> {
        let array = rows.as_array();
        let (columns, values) = (array.ncols(), array.iter().copied().collect::<Vec<_>>());
        let options = StandardizerOptions {
            whitening: Some(shrinkage),
            directions: Some(directions.min(columns)),
            ..StandardizerOptions::default()
        };
        run(py, None, move |_| {
            Ok(Self(Standardizer::fit(columns, &values, &options)?))
        })
    }

    fn transform<'py>(&self, py: Python<'py>, rows: Rows<'_>) -> PyResult<Bound<'py, PyAny>> {
        let values: Vec<_> = rows.as_array().iter().copied().collect();
        let features = run(py, None, |_| Ok(self.0.apply(&values, false)?))?;
        let columns = features.cols();
        arrays::matrix(py, features.into_values(), columns)
    }

    /// The number of directions.
    #[getter]
    fn outputs(&self) -> usize {
        self.0.outputs()
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        self.0.to_json().map_err(|error| exception(py, error))
    }

    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        let read = Standardizer::from_json(text);
        read.map(Self).map_err(|error| exception(py, error))
    }
}
