//! Circuits: functions of encrypted numbers that take more than one operation of the evaluator.

mod approximation;
mod bootstrapping;
mod comparison;
mod interval;
mod linear_transform;
mod paterson_stockmeyer;
mod polynomial;
mod polynomial_evaluation;

pub use bootstrapping::{
    Bootstrapper, BootstrappingError, BootstrappingEstimate, BootstrappingPlan, SlotKind,
};
pub use comparison::{Argmax, ArgmaxError, ArgmaxPlan, Precision, PrecisionError};
pub use linear_transform::{
    BlockIndices, BlockMatrix, DiagonalEntries, DiagonalForm, DiagonalSource, LinearTransform,
    LinearTransformError, LinearTransformPlan, OperationCounts, SlotMatrix,
};
pub use polynomial::{Polynomial, PolynomialError};
