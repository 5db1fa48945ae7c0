//! Errors of the library as exceptions of `tapetum.errors`, by kind.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tapetum::ckks::ParametersError;
use tapetum::ckks::wire::WireError;
use tapetum::learn::LearnError;
use tapetum::{Error, ErrorKind};

/// The exception for an error of the library.
pub fn exception(py: Python<'_>, error: impl Into<Error>) -> PyErr {
    let error = error.into();
    named(py, class(&error), &error.to_string())
}

/// An exception of `tapetum.errors` by its name.
pub fn named(py: Python<'_>, class: &str, message: &str) -> PyErr {
    let made = py
        .import("tapetum.errors")
        .and_then(|errors| errors.getattr(class)?.call1((message,)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(_) => PyRuntimeError::new_err(message.to_owned()),
    }
}

fn class(error: &Error) -> &'static str {
    if let Some(error) = error.cause() {
        match error {
            LearnError::OtherKey
            | LearnError::OtherKeySet(_)
            | LearnError::OtherFeatures(_)
            | LearnError::MissingKeys(_)
            | LearnError::Wire(WireError::WrongParameters { .. }) => return "KeyMismatch",
            LearnError::LevelExhausted { .. } => return "LevelExhausted",
            LearnError::OutOfRange { .. }
            | LearnError::Eigenvalue { .. }
            | LearnError::WeightOutOfRange { .. } => return "RangeError",
            _ => {}
        }
    }
    if error.cause::<ParametersError>().is_some() {
        return "ParametersError";
    }
    if let Some(WireError::WrongParameters { .. }) = error.cause() {
        return "KeyMismatch";
    }
    match error.kind() {
        ErrorKind::Input => "InputError",
        ErrorKind::Role => "RoleError",
        ErrorKind::Files => "FileError",
        ErrorKind::Computation => "ComputationError",
        ErrorKind::Unexpected => "Error",
    }
}
