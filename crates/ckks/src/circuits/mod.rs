//! Circuits: functions of encrypted numbers that take more than one operation of the evaluator.

mod approximation;
mod interval;
mod paterson_stockmeyer;
mod polynomial;
mod polynomial_evaluation;

pub use polynomial::{Polynomial, PolynomialError};
