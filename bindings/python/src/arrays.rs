//! Arrays as tables and data sets, and numbers as arrays.

use numpy::ndarray::{Array2, ArrayView3};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray4};
use pyo3::prelude::*;
use tapetum::vision::{DataSet, GreyImage, Samples, Table};
use tapetum::{Error, Result};

/// Rows of numbers.
pub type Rows<'py> = PyReadonlyArray2<'py, f64>;
/// Rows and, if they have any, the names of columns.
pub type Named<'py> = (Rows<'py>, Option<Vec<String>>);
/// Rows with the index of the class of each, the names of the classes, and those of columns if they have any.
pub type Labelled<'py> = (
    Rows<'py>,
    PyReadonlyArray1<'py, i64>,
    Vec<String>,
    Option<Vec<String>>,
);

/// Grey or coloured pictures, by rows, columns and channels.
pub type Pictures<'py> = PyReadonlyArray4<'py, u8>;

/// Pictures as the library has them.
pub fn photos(pictures: &Pictures<'_>) -> Result<Vec<GreyImage>> {
    let array = pictures.as_array();
    let photo = |picture: ArrayView3<'_, u8>| -> Result<GreyImage> {
        let (height, width, channels) = picture.dim();
        let pixels = picture.iter().copied().collect();
        Ok(match channels {
            3 => GreyImage::from_rgb(width, height, pixels)?,
            _ => GreyImage::new(width, height, pixels)?,
        })
    };
    array.outer_iter().map(photo).collect()
}

/// The rows, whose columns may have names.
pub fn samples(rows: &Rows<'_>, names: Option<Vec<String>>) -> Result<Samples> {
    let array = rows.as_array();
    let table = Table::new(array.ncols(), array.iter().copied().collect())?;
    Ok(Samples::Table(match names {
        Some(names) => table.with_names(names)?,
        None => table,
    }))
}

/// Labelled rows.
pub fn data_set((rows, labels, classes, names): &Labelled<'_>) -> Result<DataSet> {
    let samples = samples(rows, names.clone())?;
    let labels = labels.as_array();
    let labels = labels.iter().map(|&label| {
        usize::try_from(label).map_err(|_| Error::input(format!("{label} is not a class")))
    });
    let labels = labels.collect::<Result<_>>()?;
    let sources = (0..samples.len()).map(|row| row.to_string()).collect();
    Ok(DataSet::new(samples, labels, classes.clone(), sources)?)
}

/// Scores, `outputs` a sample: one dimension where that is one, otherwise two.
pub fn scores(py: Python<'_>, scores: Vec<f64>, outputs: usize) -> PyResult<Bound<'_, PyAny>> {
    match outputs {
        1 => Ok(PyArray1::from_vec(py, scores).into_any()),
        _ => matrix(py, scores, outputs),
    }
}

/// A matrix of this number of columns.
pub fn matrix(py: Python<'_>, values: Vec<f64>, columns: usize) -> PyResult<Bound<'_, PyAny>> {
    let rows = values.len() / columns.max(1);
    let array = Array2::from_shape_vec((rows, columns), values)
        .map_err(|error| crate::error::named(py, "Error", &error.to_string()))?;
    Ok(array.into_pyarray(py).into_any())
}
