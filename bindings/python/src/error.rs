//! Errors of the library as exceptions of `tapetum.errors`, by kind.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tapetum::ckks::ParametersError;
use tapetum::ckks::wire::WireError;
use tapetum::learn::LearnError;
use tapetum::remote::client::ClientError;
use tapetum::{Error, ErrorKind};

/// Advice that names options of the command, and what it is in Python.
const ADVICE: &[(&str, &str)] = &[
    (
        "--checkpoint, --snapshot and --until are for training in mini-batches: make keys with `tapetum keygen --batch`",
        "a checkpoint is for training in mini-batches: give the estimator a batch_size",
    ),
    ("--class-weight balanced", "class_weight='balanced'"),
    ("--interval", "interval"),
    ("--largest-eigenvalue", "largest_eigenvalue"),
    ("--learning-rate", "learning_rate"),
    ("`tapetum keygen` with", "an estimator with"),
    (
        "(--refit, and encrypt the others' again)",
        "(Owner.generate, and encrypt the others' again)",
    ),
    ("use --refit, or make keys for", "generate an owner for"),
    (
        "another `tapetum keygen`",
        "another Owner.generate or `tapetum keygen`",
    ),
    (
        "which `tapetum simulate` would show",
        "which Owner.generate or `tapetum simulate` would show",
    ),
];

/// A message of the library in Python's terms.
pub fn in_python(message: &str) -> String {
    let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
    ADVICE.iter().fold(message.to_owned(), replace)
}

/// The exception for an error of the library.
pub fn exception(py: Python<'_>, error: impl Into<Error>) -> PyErr {
    let error = error.into();
    named(py, class(&error), &in_python(&error.to_string()))
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
            | LearnError::Diverges { .. }
            | LearnError::Eigenvalue { .. }
            | LearnError::WeightOutOfRange { .. } => return "RangeError",
            _ => {}
        }
    }
    if error.cause::<ParametersError>().is_some() {
        return "ParametersError";
    }
    if let Some(ClientError::Connection(_)) = error.cause() {
        return "ServerUnreachable";
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
