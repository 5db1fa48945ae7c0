//! Products of ciphertexts and relinearisation.

use tapetum_ring::{Divider, tensor_product};

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
        let divider = self.parameters().mod_down(a.level());
        self.switch_square(a, divider, a.scale())
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
        self.switch_square(a, divider, scale)
    }

    /// c0 + c1 s + c2 s^2 as a ciphertext of degree 1, after a division by P and what else `divider` takes.
    fn switch_square(
        &self,
        a: &Ciphertext,
        divider: &Divider,
        scale: f64,
    ) -> Result<Ciphertext, EvaluationError> {
        let name = KeyName::Relinearization;
        let key = self
            .keys
            .relinearization()
            .ok_or(EvaluationError::MissingKey(name))?;
        check_key_level(name, key.level(), a.level())?;
        let decomposer = self.parameters().decomposer(a.level());
        let [c0, c1, c2] = [0, 1, 2].map(|i| &a.parts()[i]);
        let addends = [Some(c0), Some(c1)];
        let parts = key
            .key()?
            .switch_and_divide(decomposer, c2, addends, divider);
        Ok(Ciphertext::new(self.parameters(), parts.into(), scale))
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
