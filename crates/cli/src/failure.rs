//! From errors to exit codes.

use std::io;

use tapetum_ckks::wire::WireError;
use tapetum_ckks::{DecryptionError, EvaluationError, KeyError, ParametersError};
use tapetum_client::ClientError;
use tapetum_learn::LearnError;
use tapetum_service::BackupError;
use thiserror::Error;

/// Errors of the command itself.
#[derive(Debug, Error)]
pub enum Failure {
    /// The input cannot be used.
    #[error("{0}")]
    Input(String),
    /// A key, a role or parameters are wrong or missing.
    #[error("{0}")]
    Role(String),
    /// The computation cannot be done.
    #[error("{0}")]
    Computation(String),
}

const UNEXPECTED: u8 = 1;
const INPUT: u8 = 3;
const ROLE: u8 = 4;
const FILES: u8 = 5;
const COMPUTATION: u8 = 6;

/// The exit code: that of the innermost cause that is known.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    error.chain().rev().find_map(code_of).unwrap_or(UNEXPECTED)
}

fn code_of(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(match failure {
            Failure::Input(_) => INPUT,
            Failure::Role(_) => ROLE,
            Failure::Computation(_) => COMPUTATION,
        });
    }
    if let Some(error) = cause.downcast_ref::<WireError>() {
        return Some(code_of_wire(error));
    }
    if let Some(error) = cause.downcast_ref::<LearnError>() {
        return Some(match error {
            LearnError::Wire(error) => code_of_wire(error),
            LearnError::MissingKeys { .. }
            | LearnError::Parameters(_)
            | LearnError::Decryption(DecryptionError::Parameters) => ROLE,
            LearnError::LevelExhausted { .. }
            | LearnError::OutOfRange { .. }
            | LearnError::Encode(_)
            | LearnError::Evaluation(_) => COMPUTATION,
            LearnError::Encryption(_) | LearnError::Decryption(_) => UNEXPECTED,
            _ => INPUT,
        });
    }
    if cause.is::<tapetum_vision::Error>() {
        return Some(INPUT);
    }
    if cause.is::<KeyError>() || cause.is::<ParametersError>() {
        return Some(ROLE);
    }
    if cause.is::<EvaluationError>() {
        return Some(COMPUTATION);
    }
    if let Some(error) = cause.downcast_ref::<tapetum_service::Error>() {
        return Some(code_of_status(error.status()));
    }
    if let Some(error) = cause.downcast_ref::<ClientError>() {
        return Some(match error {
            ClientError::Problem(problem) => code_of_status(problem.status),
            ClientError::Settings(_) => INPUT,
            ClientError::Certificate(_) => ROLE,
            ClientError::File(_) => FILES,
            ClientError::Job { .. } => COMPUTATION,
            _ => UNEXPECTED,
        });
    }
    if let Some(error) = cause.downcast_ref::<BackupError>() {
        return Some(match error {
            BackupError::Occupied(_) | BackupError::Damaged(_) => INPUT,
            BackupError::File { .. } => FILES,
            _ => UNEXPECTED,
        });
    }
    cause.is::<io::Error>().then_some(FILES)
}

fn code_of_status(status: u16) -> u8 {
    match status {
        401 | 403 | 404 => ROLE,
        400..500 => INPUT,
        _ => UNEXPECTED,
    }
}

fn code_of_wire(error: &WireError) -> u8 {
    match error {
        WireError::Io(_) => FILES,
        WireError::WrongParameters { .. }
        | WireError::WrongType { .. }
        | WireError::WrongKind { .. } => ROLE,
        _ => INPUT,
    }
}
