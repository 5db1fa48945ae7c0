//! Products of ciphertexts and relinearisation.

use tapetum_ring::inner_product;

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
            let sum_of = |products: &[(usize, usize)]| {
                let terms: Vec<_> = pairs
                    .iter()
                    .flat_map(|(a, b)| {
                        products
                            .iter()
                            .map(|&(i, j)| (&a.parts()[i], &b.parts()[j]))
                    })
                    .collect();
                inner_product(&terms)
            };
            let parts = vec![
                sum_of(&[(0, 0)]),
                sum_of(&[(0, 1), (1, 0)]),
                sum_of(&[(1, 1)]),
            ];
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
        let name = KeyName::Relinearization;
        let key = self
            .keys
            .relinearization()
            .ok_or(EvaluationError::MissingKey(name))?;
        let level = a.level();
        check_key_level(name, key.level(), level)?;
        let [c0, c1, c2] = a.parts() else {
            unreachable!("a ciphertext has degree 1 or 2");
        };
        let digits = self.parameters().decomposer(level).decompose(c2);
        let [mut k0, mut k1] = key.key().switch(self.parameters(), level, &digits);
        k0.add_assign(c0);
        k1.add_assign(c1);
        Ok(Ciphertext::new(self.parameters(), vec![k0, k1], a.scale()))
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
