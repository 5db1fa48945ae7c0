//! The inner loops, one function each over slices of residues.
//!
//! Everything above this module is written in terms of these functions, and each of them returns
//! canonical residues, so another instruction set can be put underneath without a change of any
//! result. So far there is one implementation, [`portable`], in integer arithmetic.

mod portable;

pub(crate) use portable::*;
