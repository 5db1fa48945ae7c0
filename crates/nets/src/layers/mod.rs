//! Linear layers on vectors in slots.

mod folded;
mod linear;
mod packing;

pub(crate) use folded::Folded;
pub(crate) use linear::{Beside, Linear, Term};
pub(crate) use packing::Packing;
