//! A plan with its matrices encoded.

use std::fmt;

use super::eval_mod::EvalMod;
use super::plan::Factor;
use super::{BootstrappingError, BootstrappingPlan};
use crate::circuits::linear_transform::{LinearTransform, SlotMatrix};
use crate::encoder::Encoder;

/// What an evaluator needs to bootstrap beside its keys: the matrices, encoded. It is public, and
/// serves any number of threads.
///
/// See [`BootstrappingPlan`] for an example. [`BootstrappingPlan::estimate`] says how much memory it takes.
#[derive(Clone)]
pub struct Bootstrapper {
    plan: BootstrappingPlan,
    pub(super) slots_to_coeffs: Vec<LinearTransform>,
    pub(super) coeffs_to_slots: Vec<LinearTransform>,
    pub(super) eval_mod: EvalMod,
}

impl Bootstrapper {
    /// Encodes the matrices of a plan.
    ///
    /// # Errors
    /// If a matrix cannot be encoded, which does not happen for a valid plan.
    pub fn new(plan: &BootstrappingPlan) -> Result<Self, BootstrappingError> {
        let encoder = &Encoder::new(plan.parameters());
        let encode = |matrices: Vec<SlotMatrix>, factors: &[Factor]| {
            let pairs = matrices.iter().zip(factors);
            pairs
                .map(|(matrix, factor)| {
                    LinearTransform::with_plan(encoder, matrix, factor.plan.clone())
                })
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            slots_to_coeffs: encode(plan.slots_to_coeffs_matrices()?, plan.slots_to_coeffs())?,
            coeffs_to_slots: encode(plan.coeffs_to_slots_matrices()?, plan.coeffs_to_slots())?,
            eval_mod: EvalMod::new(),
            plan: plan.clone(),
        })
    }

    /// What it was made from: levels and keys.
    pub fn plan(&self) -> &BootstrappingPlan {
        &self.plan
    }
}

impl fmt::Debug for Bootstrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bootstrapper")
            .field("plan", &self.plan)
            .finish()
    }
}
