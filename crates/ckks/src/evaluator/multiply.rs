//! Products of ciphertexts and relinearisation.

use tapetum_ring::{Evaluation, Poly, tensor_product};

use super::linear::TERMS_AT_ONCE;
use super::{Evaluator, check_degree, check_scales};
use crate::ciphertext::Ciphertext;
use crate::evaluator::{EvaluationError, KeyName};

impl Evaluator {
    /// `a b`, slot by slot, of degree 2: sums of such products can be relinearised once, at the
    /// end. The scale is the product of the scales, so rescale afterwards.
    ///
    /// # Errors
    /// If an operand has degree 2, parameters or levels differ, or the scale leaves no room under
    /// the modulus.
    pub fn mul(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        self.inner_product(&[(a, b)])
    }

    /// `a b`, relinearised to degree 1.
    ///
    /// # Errors
    /// As [`mul`](Self::mul), and if there is no relinearisation key.
    pub fn mul_relin(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        self.relinearize(&self.mul(a, b)?)
    }

    /// `a a`, relinearised to degree 1.
    ///
    /// # Errors
    /// As [`mul_relin`](Self::mul_relin).
    pub fn square(&self, a: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        self.mul_relin(a, a)
    }

    /// The sum of `a b` over the pairs, of degree 2, with one reduction at the end.
    ///
    /// # Errors
    /// If there is no pair, an operand has degree 2, parameters or levels differ, the products
    /// have different scales, or the scale leaves no room under the modulus.
    pub fn inner_product(
        &self,
        pairs: &[(&Ciphertext, &Ciphertext)],
    ) -> Result<Ciphertext, EvaluationError> {
        let &(first, second) = pairs.first().ok_or(EvaluationError::Empty)?;
        let scale = self.checked_scale(first.scale() * second.scale(), first.level())?;
        for (a, b) in pairs {
            check_degree("a product", a, 1)?;
            check_degree("a product", b, 1)?;
            self.check_pair(first, a)?;
            self.check_pair(first, b)?;
            check_scales(scale, a.scale() * b.scale())?;
        }
        let sums = pairs.chunks(TERMS_AT_ONCE).map(|pairs| {
            let terms: Vec<_> = pairs
                .iter()
                .map(|(a, b)| [&a.parts()[0], &a.parts()[1], &b.parts()[0], &b.parts()[1]])
                .collect();
            let parts = tensor_product(&terms).into();
            Ciphertext::new(self.parameters(), parts, scale)
        });
        self.sum(sums)
    }

    /// Brings a product of degree 2 to degree 1; one of degree 1 stays as it is.
    ///
    /// # Errors
    /// If the relinearisation key is missing or serves lower levels only.
    pub fn relinearize(&self, a: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        self.check_own(a.parameters())?;
        if a.degree() == 1 {
            return Ok(a.clone());
        }
        let [k0, k1] = self.switch_square(a)?;
        let divider = self.parameters().mod_down(a.level());
        // Each half in one task: nobody waits between division and addition.
        let finish = |k: Poly<Evaluation>, part: &Poly<Evaluation>| {
            let mut k = divider.divide(k);
            k.add_assign(part);
            k
        };
        let (k0, k1) = rayon::join(|| finish(k0, &a.parts()[0]), || finish(k1, &a.parts()[1]));
        Ok(Ciphertext::new(self.parameters(), vec![k0, k1], a.scale()))
    }

    /// Relinearises and rescales with one division by P and the last prime together: one rounding
    /// in place of two and a sixth of the transforms less. One of degree 1 is rescaled.
    ///
    /// # Errors
    /// As [`relinearize`](Self::relinearize) and [`rescale`](Self::rescale).
    pub fn relinearize_rescale(&self, a: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        if a.degree() == 1 {
            return self.rescale(a);
        }
        let parameters = self.parameters();
        let (divider, scale) = self.rescaling(a, parameters.mod_down_rescaler(a.level()))?;
        let [k0, k1] = self.switch_square(a)?;
        let q = parameters.q(a.level());
        let finish = |mut k: Poly<Evaluation>, part: &Poly<Evaluation>| {
            // P c joins what is over Q P; modulo the primes of P it is nothing.
            let mut raised = part.clone();
            raised.scale_assign(|i| parameters.special_product(q.modulus(i)));
            k.add_prefix_assign(&raised);
            divider.divide(k)
        };
        let (k0, k1) = rayon::join(|| finish(k0, &a.parts()[0]), || finish(k1, &a.parts()[1]));
        Ok(Ciphertext::new(parameters, vec![k0, k1], scale))
    }

    /// P c2 s^2 as (k0, k1) over Q P, for a ciphertext of degree 2.
    fn switch_square(&self, a: &Ciphertext) -> Result<[Poly<Evaluation>; 2], EvaluationError> {
        let name = KeyName::Relinearization;
        let key = self
            .keys
            .relinearization()
            .ok_or(EvaluationError::MissingKey(name))?;
        check_key_level(name, key.level(), a.level())?;
        let decomposer = self.parameters().decomposer(a.level());
        Ok(key.key()?.switch(decomposer, &a.parts()[2]))
    }
}

pub(super) fn check_key_level(
    key: KeyName,
    key_level: usize,
    level: usize,
) -> Result<(), EvaluationError> {
    if level <= key_level {
        Ok(())
    } else {
        Err(EvaluationError::KeyLevel {
            key,
            key_level,
            level,
        })
    }
}
