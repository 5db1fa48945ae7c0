//! Features of pictures, as the command takes them.

use numpy::PyReadonlyArray3;
use pyo3::prelude::*;
use tapetum::Result;
use tapetum::vision::{FeatureSpec, GreyImage, Samples};

use crate::arrays;
use crate::error::exception;
use crate::work::run;

/// The features of grey pictures, given as pictures by rows by columns, before anything is standardised.
#[pyfunction]
pub fn extract<'py>(
    py: Python<'py>,
    spec: &str,
    side: usize,
    pictures: PyReadonlyArray3<'_, u8>,
) -> PyResult<Bound<'py, PyAny>> {
    let read = || -> Result<(FeatureSpec, Samples)> {
        let array = pictures.as_array();
        let images = array.outer_iter().map(|picture| {
            let (height, width) = picture.dim();
            GreyImage::new(width, height, picture.iter().copied().collect())
        });
        Ok((
            spec.parse()?,
            Samples::Images(images.collect::<Result<_, _>>()?),
        ))
    };
    let (spec, samples) = read().map_err(|error| exception(py, error))?;
    let features = run(py, None, move |_| Ok(spec.extract(side, &samples)?))?;
    let columns = features.cols();
    arrays::matrix(py, features.into_values(), columns)
}
