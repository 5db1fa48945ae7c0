//! Bootstrapping: fresh levels for a ciphertext that has used up its own (Cheon, Han, Kim, Kim,
//! Song, 2018, EUROCRYPT).
//!
//! A ciphertext at level 0 that is read modulo the whole of Q instead of q_0 (ModRaise) decrypts to
//! m + q_0 I, I a small integer polynomial. EvalMod takes q_0 I away: q_0 / 2 pi sin(2 pi t / q_0)
//! is nearly m wherever m is small beside q_0. It acts on slots, but I is in the coefficients, so
//! there are linear transforms on both sides:
//!
//! 1. **SlotsToCoeffs** at the lowest levels of the messages: the slots become coefficients;
//! 2. **ModRaise**, between two key switches to a sparse secret and back, which keep I below a
//!    bound for certain ([`EncapsulationKey`](crate::EncapsulationKey));
//! 3. the trace, if the vector repeats: it removes I from all coefficients but the vector's;
//! 4. **CoeffsToSlots**: the coefficients become slots, times 1 / q_0;
//! 5. **EvalMod**, of the real and of the imaginary parts: a cosine on the interval that I allows,
//!    at an eighth of the angle and shifted by a quarter of a turn, which makes it even, and three
//!    doublings of the angle, which make it the sine (Han, Ki, 2020).
//!
//! SlotsToCoeffs comes first and not last, as in most libraries. That costs the messages as many
//! levels, but at 4 primes in place of 20 each of its key switches is several times cheaper, and
//! the errors of EvalMod go to one slot each: the transform after it would add up those of all N
//! coefficients in each slot, sqrt(N) times as much.

mod bootstrapper;
mod estimate;
mod eval_mod;
mod evaluation;
mod plan;

use thiserror::Error;

use super::linear_transform::LinearTransformError;

pub use bootstrapper::Bootstrapper;
pub use estimate::BootstrappingEstimate;
pub use plan::{BootstrappingPlan, SlotKind};

/// Why there is no bootstrapping.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum BootstrappingError {
    /// The parameters have no levels for it.
    #[error(
        "these parameters have no levels for bootstrapping: take the preset n16-bootstrapping, or \
         fill in `bootstrapping` of the literal"
    )]
    Parameters,
    /// The number of slots does not fit.
    #[error(transparent)]
    Transform(#[from] LinearTransformError),
}
