//! Sums, differences, plaintext operands and scalars: what needs no key.

use tapetum_ring::{Evaluation, Modulus, Poly, Residue, inner_product, linear_combination};

use super::{Evaluator, check_degree, check_levels, check_scales};
use crate::ciphertext::Ciphertext;
use crate::evaluator::EvaluationError;
use crate::plaintext::Plaintext;

/// Products added up before a reduction; see [`inner_product`].
pub(super) const TERMS_AT_ONCE: usize = 512;

impl Evaluator {
    /// `a + b`, slot by slot. The errors add up.
    ///
    /// # Errors
    /// If parameters, levels or scales differ. The degrees may.
    pub fn add(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        changed(a, |sum| self.add_assign(sum, b))
    }

    /// `a += b`; see [`add`](Self::add).
    ///
    /// # Errors
    /// If parameters, levels or scales differ.
    pub fn add_assign(&self, a: &mut Ciphertext, b: &Ciphertext) -> Result<(), EvaluationError> {
        self.combine(a, b, Poly::add_assign, |_| ())
    }

    /// `a - b`, slot by slot. The errors add up.
    ///
    /// # Errors
    /// If parameters, levels or scales differ. The degrees may.
    pub fn sub(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        changed(a, |difference| self.sub_assign(difference, b))
    }

    /// `a -= b`; see [`sub`](Self::sub).
    ///
    /// # Errors
    /// If parameters, levels or scales differ.
    pub fn sub_assign(&self, a: &mut Ciphertext, b: &Ciphertext) -> Result<(), EvaluationError> {
        self.combine(a, b, Poly::sub_assign, Poly::neg_assign)
    }

    /// Combines the parts that both have; those that `b` alone has are changed and appended.
    fn combine(
        &self,
        a: &mut Ciphertext,
        b: &Ciphertext,
        combine: impl Fn(&mut Poly<Evaluation>, &Poly<Evaluation>),
        change: impl Fn(&mut Poly<Evaluation>),
    ) -> Result<(), EvaluationError> {
        self.check_pair(a, b)?;
        check_scales(a.scale(), b.scale())?;
        let parts = a.parts_mut();
        let common = parts.len();
        for (x, y) in parts.iter_mut().zip(b.parts()) {
            combine(x, y);
        }
        parts.extend(b.parts().iter().skip(common).cloned());
        parts.iter_mut().skip(common).for_each(change);
        Ok(())
    }

    /// `-a`.
    ///
    /// # Errors
    /// If the ciphertext belongs to other parameters.
    pub fn neg(&self, a: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        self.check_own(a.parameters())?;
        let mut negated = a.clone();
        for part in negated.parts_mut() {
            part.neg_assign();
        }
        Ok(negated)
    }

    /// `a + p`.
    ///
    /// # Errors
    /// If parameters, levels or scales differ.
    pub fn add_plain(&self, a: &Ciphertext, p: &Plaintext) -> Result<Ciphertext, EvaluationError> {
        self.combine_plain(a, p, Poly::add_assign)
    }

    /// `a - p`.
    ///
    /// # Errors
    /// If parameters, levels or scales differ.
    pub fn sub_plain(&self, a: &Ciphertext, p: &Plaintext) -> Result<Ciphertext, EvaluationError> {
        self.combine_plain(a, p, Poly::sub_assign)
    }

    fn combine_plain(
        &self,
        a: &Ciphertext,
        p: &Plaintext,
        combine: impl Fn(&mut Poly<Evaluation>, &Poly<Evaluation>),
    ) -> Result<Ciphertext, EvaluationError> {
        self.check_plain(a, p)?;
        check_scales(a.scale(), p.scale())?;
        let mut combined = a.clone();
        combine(&mut combined.parts_mut()[0], p.poly());
        Ok(combined)
    }

    /// `a + x` in every slot, rounded to a multiple of 1 / scale.
    ///
    /// # Errors
    /// If `x` is not finite or too large.
    pub fn add_scalar(&self, a: &Ciphertext, x: f64) -> Result<Ciphertext, EvaluationError> {
        changed(a, |sum| self.add_scalar_assign(sum, x))
    }

    /// `a += x`; see [`add_scalar`](Self::add_scalar).
    ///
    /// # Errors
    /// If `x` is not finite or too large.
    pub fn add_scalar_assign(&self, a: &mut Ciphertext, x: f64) -> Result<(), EvaluationError> {
        self.check_own(a.parameters())?;
        let constant = Constant::new(x, a.scale())?;
        let basis = self.parameters().q(a.level());
        a.parts_mut()[0].add_constant(|i| constant.residue(basis.modulus(i)));
        Ok(())
    }

    /// `a p`, slot by slot; the scale is the product of the scales, so rescale afterwards.
    ///
    /// # Errors
    /// If parameters or levels differ, or the scale leaves no room under the modulus.
    pub fn mul_plain(&self, a: &Ciphertext, p: &Plaintext) -> Result<Ciphertext, EvaluationError> {
        self.check_plain(a, p)?;
        let scale = self.checked_scale(a.scale() * p.scale(), a.level())?;
        let mut product = a.clone();
        for part in product.parts_mut() {
            part.mul_assign(p.poly());
        }
        product.set_scale(scale);
        Ok(product)
    }

    /// The sum of `a p` over the pairs, with one reduction at the end: faster than products and
    /// sums one by one.
    ///
    /// # Errors
    /// If there is no pair, an operand has degree 2, parameters or levels differ, the products
    /// have different scales, or the scale leaves no room under the modulus.
    pub fn mul_plain_sum(
        &self,
        pairs: &[(&Ciphertext, &Plaintext)],
    ) -> Result<Ciphertext, EvaluationError> {
        let &(first, first_plain) = pairs.first().ok_or(EvaluationError::Empty)?;
        let scale = self.checked_scale(first.scale() * first_plain.scale(), first.level())?;
        for (a, p) in pairs {
            self.check_plain(a, p)?;
            check_degree("a sum of products", a, 1)?;
            check_levels(first.level(), a.level())?;
            check_scales(scale, a.scale() * p.scale())?;
        }
        let sums = pairs.chunks(TERMS_AT_ONCE).map(|pairs| {
            let parts = [0, 1].map(|half| {
                let terms: Vec<_> = pairs
                    .iter()
                    .map(|(a, p)| (&a.parts()[half], p.poly()))
                    .collect();
                inner_product(&terms)
            });
            Ciphertext::new(self.parameters(), parts.into(), scale)
        });
        self.sum(sums)
    }

    /// `a x` for a real scalar, encoded at the canonical scale of the level: rescale afterwards.
    ///
    /// # Errors
    /// If `x` is not finite or too large, or the scale leaves no room under the modulus.
    pub fn mul_scalar(&self, a: &Ciphertext, x: f64) -> Result<Ciphertext, EvaluationError> {
        self.check_own(a.parameters())?;
        let scale = a.scale() * self.parameters().scale(a.level());
        let scale = self.checked_scale(scale, a.level())?;
        Ok(self.scaled(a, Constant::new(x, scale / a.scale())?, scale))
    }

    /// `a k` for an integer: costs neither scale nor level.
    ///
    /// # Errors
    /// If the ciphertext belongs to other parameters.
    pub fn mul_integer(&self, a: &Ciphertext, k: i64) -> Result<Ciphertext, EvaluationError> {
        changed(a, |product| self.mul_integer_assign(product, k))
    }

    /// `a *= k`; see [`mul_integer`](Self::mul_integer).
    ///
    /// # Errors
    /// If the ciphertext belongs to other parameters.
    pub fn mul_integer_assign(&self, a: &mut Ciphertext, k: i64) -> Result<(), EvaluationError> {
        self.check_own(a.parameters())?;
        self.scale_assign(a, Constant::from(k), a.scale());
        Ok(())
    }

    /// The sum of `a x` over the terms, at a level that all have and at the given scale: each x is
    /// encoded such that its product has it. Nothing is copied, and everything is read once.
    ///
    /// The caller guarantees ciphertexts of these parameters and of degree 1.
    pub(crate) fn linear_combination(
        &self,
        terms: &[(&Ciphertext, f64)],
        level: usize,
        scale: f64,
    ) -> Result<Ciphertext, EvaluationError> {
        let scale = self.checked_scale(scale, level)?;
        let basis = self.parameters().q(level);
        let constants = terms
            .iter()
            .map(|(a, x)| Constant::new(*x, scale / a.scale()))
            .collect::<Result<Vec<_>, _>>()?;
        if terms.is_empty() {
            return Err(EvaluationError::Empty);
        }
        let parts = [0, 1].map(|half| {
            let terms: Vec<_> = terms
                .iter()
                .zip(&constants)
                .map(|((a, _), constant)| {
                    let residue = |i: usize| constant.residue(basis.modulus(i));
                    (&a.parts()[half], residue)
                })
                .collect();
            linear_combination(basis, &terms)
        });
        Ok(Ciphertext::new(self.parameters(), parts.into(), scale))
    }

    /// `i a`, i the imaginary unit: a product with the monomial X^(N/2), so without any error and
    /// at no level or scale.
    ///
    /// # Errors
    /// If the ciphertext belongs to other parameters.
    pub fn mul_by_i(&self, a: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        self.check_own(a.parameters())?;
        let basis = self.parameters().q(a.level());
        let mut monomial = vec![0; basis.degree()];
        monomial[basis.degree() / 2] = 1;
        let monomial = Poly::from_coefficients(basis, &monomial).into_evaluation();
        let mut product = a.clone();
        for part in product.parts_mut() {
            part.mul_assign(&monomial);
        }
        Ok(product)
    }

    /// Multiplies all parts by a constant and notes the scale of the product.
    pub(super) fn scaled(&self, a: &Ciphertext, constant: Constant, scale: f64) -> Ciphertext {
        let mut product = a.clone();
        self.scale_assign(&mut product, constant, scale);
        product
    }

    fn scale_assign(&self, a: &mut Ciphertext, constant: Constant, scale: f64) {
        let basis = self.parameters().q(a.level());
        for part in a.parts_mut() {
            part.scale_assign(|i| constant.residue(basis.modulus(i)));
        }
        a.set_scale(scale);
    }

    /// Adds up at least one ciphertext of one shape.
    pub(super) fn sum(
        &self,
        mut terms: impl Iterator<Item = Ciphertext>,
    ) -> Result<Ciphertext, EvaluationError> {
        let mut sum = terms.next().ok_or(EvaluationError::Empty)?;
        for term in terms {
            self.add_assign(&mut sum, &term)?;
        }
        Ok(sum)
    }

    /// A scale at `level`, if it leaves a bit for the message and one for its sign.
    pub(crate) fn checked_scale(&self, scale: f64, level: usize) -> Result<f64, EvaluationError> {
        let (log_scale, log_q) = (scale.log2(), self.parameters().log_q(level));
        if log_scale <= log_q - 2.0 {
            Ok(scale)
        } else {
            Err(EvaluationError::ScaleTooLarge { log_scale, log_q })
        }
    }

    fn check_plain(&self, a: &Ciphertext, p: &Plaintext) -> Result<(), EvaluationError> {
        self.check_own(a.parameters())?;
        self.check_own(p.parameters())?;
        check_levels(a.level(), p.level())
    }
}

/// A copy that something has been done to.
fn changed(
    a: &Ciphertext,
    change: impl FnOnce(&mut Ciphertext) -> Result<(), EvaluationError>,
) -> Result<Ciphertext, EvaluationError> {
    let mut copy = a.clone();
    change(&mut copy)?;
    Ok(copy)
}

/// A scalar as the integer nearest to scale times its value.
#[derive(Clone, Copy)]
pub(super) struct Constant(i128);

impl Constant {
    pub(super) fn new(x: f64, scale: f64) -> Result<Self, EvaluationError> {
        let scaled = (x * scale).round();
        if scaled.abs() < 2f64.powi(120) {
            Ok(Self(scaled as i128))
        } else {
            Err(EvaluationError::Scalar(x))
        }
    }

    pub(super) fn residue(self, modulus: Modulus) -> Residue {
        match i64::try_from(self.0) {
            Ok(narrow) => modulus.reduce(narrow),
            Err(_) => modulus.reduce_i128(self.0),
        }
    }
}

impl From<i64> for Constant {
    fn from(k: i64) -> Self {
        Self(k.into())
    }
}
