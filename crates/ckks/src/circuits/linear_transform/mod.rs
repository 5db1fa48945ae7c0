//! Linear transforms of the slots: a matrix in the clear times an encrypted vector.
//!
//! With rot_k the rotation by k and d_k the k-th generalised diagonal of the matrix,
//! M x = sum over k of d_k rot_k(x) (Halevi, Shoup, 2014). Each k is split into a *giant step* g and
//! a *baby step* b with k = g + b, so that with D diagonals about 2 sqrt(D) rotations do:
//!
//! M x = sum over g of rot_g( sum over b of rot_-g(d_(g+b)) rot_b(x) ).
//!
//! The outer sum is done from the largest g down, with a key for few of them ([`giants`]).
//!
//! Both sums are hoisted (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, 2021, section 4): the baby
//! steps share one decomposition, and everything is added up over Q P, before the division by P.

mod blocks;
mod encoded;
mod evaluation;
mod fourier;
mod giants;
mod matrix;
mod plan;
mod source;
mod window;

use thiserror::Error;

use crate::encoder::EncodeError;

pub use blocks::BlockMatrix;
pub use encoded::{DiagonalForm, LinearTransform};
pub use matrix::SlotMatrix;
pub use plan::{BlockIndices, LinearTransformPlan, OperationCounts};
pub use source::{DiagonalEntries, DiagonalSource};

/// Why something is not a linear transform.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum LinearTransformError {
    /// There is no diagonal.
    #[error("a linear transform needs at least one diagonal that is not zero")]
    Empty,
    /// A diagonal has the wrong length.
    #[error(
        "the diagonal {index} has {found} entries, but there are {slots} slots: a diagonal has one for each, or a power of \
         two of them that are repeated"
    )]
    DiagonalLength {
        /// Which diagonal.
        index: i64,
        /// How many entries it has.
        found: usize,
        /// How many there must be, or repeat.
        slots: usize,
    },
    /// An output or an input of a matrix of matrices has no diagonal.
    #[error(
        "an output or an input has no diagonal: outputs and inputs count from 0 without a gap, and a \
         transform computes no zeros"
    )]
    EmptyBlocks,
    /// A matrix of matrices was given where one matrix was wanted, or the other way round.
    #[error(
        "the plan is for {planned_outputs} outputs of {planned_inputs} inputs, the matrix has \
         {outputs} of {inputs}"
    )]
    Blocks {
        /// Outputs of the plan.
        planned_outputs: usize,
        /// Inputs of the plan.
        planned_inputs: usize,
        /// Outputs of the matrix.
        outputs: usize,
        /// Inputs of the matrix.
        inputs: usize,
    },
    /// A diagonal is given twice.
    #[error("the diagonal {index} is given twice: indices count modulo the {slots} slots")]
    DiagonalTwice {
        /// The second index of the same diagonal.
        index: i64,
        /// The number of slots.
        slots: usize,
    },
    /// The rows do not make a square matrix that fits.
    #[error(
        "{rows} rows, of which row {row} has {columns} entries, are no square matrix whose size \
         divides the {slots} slots"
    )]
    Shape {
        /// The number of rows.
        rows: usize,
        /// The first row of another length, or row 0.
        row: usize,
        /// The length of that row.
        columns: usize,
        /// The number of slots.
        slots: usize,
    },
    /// There is another number of vectors than of inputs.
    #[error("there are {found} vectors for the {inputs} inputs of the matrix")]
    Vectors {
        /// How many there are.
        found: usize,
        /// How many there must be.
        inputs: usize,
    },
    /// A vector has the wrong length.
    #[error("the vector has {found} entries, but there are {slots} slots")]
    VectorLength {
        /// How many entries it has.
        found: usize,
        /// How many it must have.
        slots: usize,
    },
    /// The matrix is for another number of slots.
    #[error("the matrix acts on {found} slots, but the parameters have {slots}")]
    Slots {
        /// The slots of the matrix.
        found: usize,
        /// The slots of the parameters.
        slots: usize,
    },
    /// A transform takes one level, and there is none to take or no such level.
    #[error("a linear transform takes one level: level {level} is not between 1 and {max}")]
    Level {
        /// The level that was asked for.
        level: usize,
        /// The highest level.
        max: usize,
    },
    /// No baby steps, or more than slots.
    #[error("{found} baby steps are not between 1 and the {slots} slots")]
    BabySteps {
        /// The number that was asked for.
        found: usize,
        /// The number of slots.
        slots: usize,
    },
    /// The plan and the encoder belong to different parameters.
    #[error("the plan and the encoder belong to different parameters")]
    Parameters,
    /// A diagonal is not the sum of a baby step and a giant step of the plan.
    #[error(
        "the plan was not made for the diagonal {index} of the matrix: it is no sum of one of its \
         baby steps and one of its giant steps"
    )]
    NotPlanned {
        /// The diagonal.
        index: i64,
    },
    /// The transform between coefficients and slots has no such factors.
    #[error(
        "the transform between coefficients and slots of vectors of period {period} cannot be made \
         of {factors} factors: the period must be a power of two that divides the {slots} slots, \
         and there are 1 to log2(period) factors"
    )]
    Factors {
        /// The period of the vectors.
        period: usize,
        /// The number of factors that was asked for.
        factors: usize,
        /// The number of slots.
        slots: usize,
    },
    /// A diagonal cannot be encoded.
    #[error("the diagonal {index} cannot be encoded: {source}")]
    Encode {
        /// Which diagonal.
        index: i64,
        /// Why not; an index of a value is that of the diagonal rotated by its giant step.
        source: EncodeError,
    },
}
