//! Rotations and conjugation of the slots, and sums over slots.

use rayon::prelude::*;
use tapetum_ring::{Evaluation, GaloisElement, Poly};

use super::multiply::check_key_level;
use super::{Evaluator, check_degree};
use crate::ciphertext::Ciphertext;
use crate::evaluator::{EvaluationError, KeyName};
use crate::keys::GaloisKey;

impl Evaluator {
    /// Moves slot i + `steps` to slot i, cyclically over all N/2 slots.
    ///
    /// # Errors
    /// If the key is missing or serves lower levels only, or the ciphertext has degree 2.
    pub fn rotate(&self, a: &Ciphertext, steps: i64) -> Result<Ciphertext, EvaluationError> {
        self.check_own(a.parameters())?;
        check_degree("a rotation", a, 1)?;
        let log_n = self.parameters().log_n();
        let element = GaloisElement::rotation(steps, log_n);
        if element == GaloisElement::rotation(0, log_n) {
            return Ok(a.clone());
        }
        let key = self.galois_key(element, KeyName::Rotation(steps), a.level())?;
        self.apply_automorphism(a, key)
    }

    /// Several rotations of one ciphertext, which share the costly half of the work (Halevi,
    /// Shoup, 2018): the decomposition into digits.
    ///
    /// # Errors
    /// As [`rotate`](Self::rotate).
    pub fn rotate_hoisted(
        &self,
        a: &Ciphertext,
        steps: &[i64],
    ) -> Result<Vec<Ciphertext>, EvaluationError> {
        self.check_own(a.parameters())?;
        check_degree("a rotation", a, 1)?;
        let log_n = self.parameters().log_n();
        let identity = GaloisElement::rotation(0, log_n);
        let keys = steps
            .iter()
            .map(|&k| {
                let element = GaloisElement::rotation(k, log_n);
                let name = KeyName::Rotation(k);
                (element != identity)
                    .then(|| self.galois_key(element, name, a.level()))
                    .transpose()
            })
            .collect::<Result<Vec<_>, _>>()?;
        if keys.iter().all(Option::is_none) {
            return Ok(vec![a.clone(); steps.len()]);
        }
        let digits = self.digits(a);
        keys.into_par_iter()
            .map(|key| match key {
                Some(key) => {
                    let raised = key.key()?.switch_hoisted(&digits);
                    Ok(self.finish_automorphism(a, raised, key))
                }
                None => Ok(a.clone()),
            })
            .collect()
    }

    /// The complex conjugate of every slot.
    ///
    /// # Errors
    /// If the key is missing or serves lower levels only, or the ciphertext has degree 2.
    pub fn conjugate(&self, a: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        self.check_own(a.parameters())?;
        check_degree("the conjugation", a, 1)?;
        let element = GaloisElement::conjugation(self.parameters().log_n());
        let key = self.galois_key(element, KeyName::Conjugation, a.level())?;
        self.apply_automorphism(a, key)
    }

    /// Slot i of the result is the sum of the slots i + k `stride` for k = 0, ..., `count` - 1,
    /// cyclically: log2(`count`) rotations by `stride` 2^k. Where the evaluator also has the key of the rotation
    /// by 3 `stride` 4^k, two rotations become three that share one decomposition and one division.
    ///
    /// # Errors
    /// If `count` is not a power of two or larger than the number of slots, a key is missing, or
    /// the ciphertext has degree 2.
    pub fn sum_slots(
        &self,
        a: &Ciphertext,
        count: usize,
        stride: i64,
    ) -> Result<Ciphertext, EvaluationError> {
        if !count.is_power_of_two() || count > self.parameters().slots() {
            return Err(EvaluationError::SlotCount(count));
        }
        let mut sum = a.clone();
        let mut k = 0;
        while k < count.trailing_zeros() {
            let step = stride << k;
            let four = [0, step, 2 * step, 3 * step];
            if k + 1 < count.trailing_zeros() && self.can_rotate(&four, sum.level()) {
                sum = self.divide(self.sum_rotations(&sum, &four)?)?;
                k += 2;
            } else {
                let rotated = self.rotate(&sum, step)?;
                self.add_assign(&mut sum, &rotated)?;
                k += 1;
            }
        }
        Ok(sum)
    }

    pub(crate) fn galois_key(
        &self,
        element: GaloisElement,
        name: KeyName,
        level: usize,
    ) -> Result<&GaloisKey, EvaluationError> {
        let key = self
            .keys
            .galois(element)
            .ok_or(EvaluationError::MissingKey(name))?;
        check_key_level(name, key.level(), level)?;
        Ok(key)
    }

    /// The digits of c1, over Q P.
    pub(crate) fn digits(&self, a: &Ciphertext) -> Vec<Poly<Evaluation>> {
        self.parameters()
            .decomposer(a.level())
            .decompose(&a.parts()[1])
    }

    fn apply_automorphism(
        &self,
        a: &Ciphertext,
        key: &GaloisKey,
    ) -> Result<Ciphertext, EvaluationError> {
        let (parameters, sigma) = (self.parameters(), key.automorphism());
        let (decomposer, divider) = (
            parameters.decomposer(a.level()),
            parameters.mod_down(a.level()),
        );
        let addends = [Some(&a.parts()[0]), None];
        let [c0, c1] = key
            .key()?
            .switch_and_divide(decomposer, &a.parts()[1], addends, divider);
        let (c0, c1) = rayon::join(|| sigma.apply(&c0), || sigma.apply(&c1));
        Ok(Ciphertext::new(parameters, vec![c0, c1], a.scale()))
    }

    /// sigma(c0 + k0, k1), where P (k0, k1) is c1 switched to the inverse image of s.
    fn finish_automorphism(
        &self,
        a: &Ciphertext,
        [k0, k1]: [Poly<Evaluation>; 2],
        key: &GaloisKey,
    ) -> Ciphertext {
        let (divider, sigma) = (self.parameters().mod_down(a.level()), key.automorphism());
        let (c0, c1) = rayon::join(
            || {
                let mut sum = divider.divide(k0);
                sum.add_assign(&a.parts()[0]);
                sigma.apply(&sum)
            },
            || sigma.apply(&divider.divide(k1)),
        );
        Ciphertext::new(self.parameters(), vec![c0, c1], a.scale())
    }
}
