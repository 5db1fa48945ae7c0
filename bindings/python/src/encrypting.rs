//! What owners and contributors do alike: encrypt rows.

use std::sync::PoisonError;

use pyo3::prelude::*;
use tapetum::Result;
use tapetum::vision::Pipeline;

use crate::arrays::{self, Labelled, Named};
use crate::encrypted::{EncryptedData, EncryptedRows};
use crate::error::exception;
use crate::estimator::refuse_cut_off;
use crate::owner::{Contributor, Owner};
use crate::work::run;

/// What is known of the training data: the names of classes and of columns, and the number of columns.
type Names = (Option<Vec<String>>, Option<Vec<String>>, Option<usize>);

/// Who encrypts.
#[derive(FromPyObject)]
pub enum Encrypting {
    Owner(Py<Owner>),
    Contributor(Py<Contributor>),
}

impl Encrypting {
    fn pipeline(&self) -> Result<Option<Pipeline>> {
        match self {
            Self::Owner(owner) => owner.get().get().pipeline(),
            Self::Contributor(contributor) => contributor.get().get().pipeline(),
        }
    }
}

/// Encrypts rows and their labels.
#[pyfunction]
#[pyo3(signature = (who, labelled, balanced=false, callback=None))]
pub fn encrypt(
    py: Python<'_>,
    who: Encrypting,
    labelled: Labelled<'_>,
    balanced: bool,
    callback: Option<&Bound<'_, PyAny>>,
) -> PyResult<EncryptedData> {
    let mut data = arrays::data_set(&labelled).map_err(|error| exception(py, error))?;
    if balanced {
        data = data.with_equal_classes();
    }
    let encrypted = run(py, callback, |progress| match who {
        Encrypting::Owner(owner) => {
            let owner = owner.get().owner.write();
            owner
                .unwrap_or_else(PoisonError::into_inner)
                .encrypt(&data, progress)
        }
        Encrypting::Contributor(contributor) => {
            let contributor = contributor.get().0.write();
            contributor
                .unwrap_or_else(PoisonError::into_inner)
                .encrypt(&data, progress)
        }
    })?;
    Ok(EncryptedData(encrypted))
}

/// Encrypts rows to be classified.
#[pyfunction]
#[pyo3(signature = (who, rows, callback=None))]
pub fn encrypt_rows(
    py: Python<'_>,
    who: Encrypting,
    rows: Named<'_>,
    callback: Option<&Bound<'_, PyAny>>,
) -> PyResult<EncryptedRows> {
    let (rows, names) = rows;
    let samples = arrays::samples(&rows, names).map_err(|error| exception(py, error))?;
    let encrypted = run(py, callback, |progress| {
        if let Some(pipeline) = who.pipeline()? {
            refuse_cut_off(&pipeline, &samples)?;
        }
        match who {
            Encrypting::Owner(owner) => owner.get().get().encrypt_samples(&samples, progress),
            Encrypting::Contributor(contributor) => {
                contributor.get().get().encrypt_samples(&samples, progress)
            }
        }
    })?;
    Ok(EncryptedRows(encrypted))
}

/// What is known of the training data.
#[pyfunction]
pub fn names(py: Python<'_>, who: Encrypting) -> PyResult<Names> {
    let pipeline = who.pipeline().map_err(|error| exception(py, error))?;
    let pipeline = pipeline.as_ref();
    let classes = pipeline.map(|pipeline| pipeline.class_names().to_vec());
    let columns = pipeline.and_then(|pipeline| pipeline.column_names().map(<[_]>::to_vec));
    let count = pipeline.map(|pipeline| pipeline.standardizer().columns());
    Ok((classes, columns, count))
}
