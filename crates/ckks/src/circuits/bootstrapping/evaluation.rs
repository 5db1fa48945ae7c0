//! Bootstrapping a ciphertext.

use tapetum_ring::{Basis, Evaluation, Poly};

use super::{Bootstrapper, SlotKind};
use crate::ciphertext::Ciphertext;
use crate::circuits::linear_transform::LinearTransform;
use crate::evaluator::{EvaluationError, Evaluator, KeyName, check_degree};

impl Evaluator {
    /// The same numbers at the [`output_level`](super::BootstrappingPlan::output_level), whatever
    /// level they were at: for a ciphertext of the
    /// [`input_level`](super::BootstrappingPlan::input_level) or above.
    ///
    /// The real and imaginary parts z of all slots must be in [-1, 1], or not far outside: beside
    /// the errors of the arithmetic each gets that of the sine, (2 pi / R)^2 z^3 / 6 with R the
    /// message ratio. For [`SlotKind::Real`] imaginary parts are forgotten. The vector repeats
    /// after the slots of the plan; if not, the result is the mean of its parts.
    ///
    /// # Errors
    /// If the ciphertext has degree 2, other parameters or too low a level, or a key of
    /// [`keys`](super::BootstrappingPlan::keys) is missing.
    pub fn bootstrap(
        &self,
        a: &Ciphertext,
        bootstrapper: &Bootstrapper,
    ) -> Result<Ciphertext, EvaluationError> {
        let plan = bootstrapper.plan();
        self.check_own(a.parameters())?;
        self.check_own(plan.parameters())?;
        check_degree("bootstrapping", a, 1)?;
        let (level, needed) = (a.level(), plan.input_level());
        if level < needed {
            return Err(EvaluationError::LevelExhausted {
                operation: "bootstrapping",
                level,
                needed,
            });
        }
        let slots = self.lower_to(a, needed)?;
        let coefficients = self.transforms(slots, &bootstrapper.slots_to_coeffs)?;
        let raised = self.raise(&coefficients)?;
        let repetitions = self.parameters().slots() / plan.slots();
        let trace = self.sum_slots(&raised, repetitions, plan.slots() as i64)?;
        let halves = self.transforms(trace, &bootstrapper.coeffs_to_slots)?;

        let conjugates = self.conjugate(&halves)?;
        let eval_mod = |x: &Ciphertext| bootstrapper.eval_mod.evaluate(self, x);
        let real = || eval_mod(&self.add(&halves, &conjugates)?);
        let imaginary = || -> Result<Ciphertext, EvaluationError> {
            let difference = self.sub(&halves, &conjugates)?;
            let part = eval_mod(&self.mul_by_i(&self.neg(&difference)?)?)?;
            self.mul_by_i(&part)
        };
        match plan.kind() {
            SlotKind::Real => real(),
            SlotKind::Complex => {
                let (real, imaginary) = rayon::join(real, imaginary);
                self.add(&real?, &imaginary?)
            }
        }
    }

    /// A ciphertext that can be computed on for `levels` levels and then be bootstrapped, or bootstrapped
    /// further up: `a` itself if it has them, and [`bootstrap`](Self::bootstrap) of it if not.
    ///
    /// # Errors
    /// As [`bootstrap`](Self::bootstrap), and [`EvaluationError::LevelExhausted`] if even a
    /// bootstrapped ciphertext has fewer levels.
    pub fn with_levels(
        &self,
        a: &Ciphertext,
        levels: usize,
        bootstrapper: &Bootstrapper,
    ) -> Result<Ciphertext, EvaluationError> {
        let plan = bootstrapper.plan();
        let needed = plan.input_level() + levels;
        if needed > plan.output_level() {
            return Err(EvaluationError::LevelExhausted {
                operation: "a computation between two bootstrappings",
                level: plan.output_level(),
                needed,
            });
        }
        if a.level() >= needed {
            Ok(a.clone())
        } else {
            self.bootstrap(a, bootstrapper)
        }
    }

    fn transforms(
        &self,
        a: Ciphertext,
        transforms: &[LinearTransform],
    ) -> Result<Ciphertext, EvaluationError> {
        transforms
            .iter()
            .try_fold(a, |a, transform| self.linear_transform(&a, transform))
    }

    /// ModRaise: the coefficients modulo q_0, centred, as coefficients modulo Q. In between the
    /// ciphertext is under a sparse secret, so that what it decrypts to is not far from 0 (Bossuat,
    /// Troncoso-Pastoriza, Hubaux, 2022). The scale is that of the highest level.
    fn raise(&self, a: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        let parameters = self.parameters();
        let key = self
            .keys()
            .encapsulation()
            .ok_or(EvaluationError::MissingKey(KeyName::Encapsulation))?;
        let top = parameters.max_level();
        let sparse = key.to_sparse([&a.parts()[0], &a.parts()[1]])?;
        let [c0, c1] = sparse.map(|part| raise(part, parameters.q(top)));
        let parts = key.to_dense([&c0, &c1])?;
        Ok(Ciphertext::new(
            parameters,
            parts.into(),
            parameters.scale(top),
        ))
    }
}

/// The polynomial over q_0 whose coefficients, centred, are those of the result.
fn raise(part: Poly<Evaluation>, basis: &Basis) -> Poly<Evaluation> {
    let part = part.into_coefficients();
    let coefficients: Vec<i64> = part.limb(0).iter().map(|x| x.centered()).collect();
    Poly::from_coefficients(basis, &coefficients).into_evaluation()
}
