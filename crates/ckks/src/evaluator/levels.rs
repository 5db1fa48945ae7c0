//! Levels and scales: rescaling, and bringing ciphertexts down to where others are.

use tapetum_ring::Divider;

use super::linear::Constant;
use super::{Evaluator, SCALE_TOLERANCE};
use crate::ciphertext::Ciphertext;
use crate::evaluator::EvaluationError;

/// A constant that corrects a scale must have at least this many bits, or the correction is too
/// coarse.
const MIN_CORRECTION: f64 = (1u64 << 24) as f64;

/// A rescaling must leave at least this scale, or it was not preceded by a product.
const MIN_SCALE: f64 = (1u64 << 10) as f64;

impl Evaluator {
    /// Divides by the last prime of the modulus, and rounds: one level less, the scale divided by
    /// the prime. The error of the rounding in a slot is about N / (5 scale); for a product of
    /// degree 2 it is sqrt(N) times that, so relinearise first.
    ///
    /// # Errors
    /// If there is no level left, or the scale is too small to be divided.
    pub fn rescale(&self, a: &Ciphertext) -> Result<Ciphertext, EvaluationError> {
        let (rescaler, scale) = self.rescaling(a, self.parameters().rescaler(a.level()))?;
        let parts = a
            .parts()
            .iter()
            .map(|part| rescaler.divide(part.clone()))
            .collect();
        Ok(Ciphertext::new(self.parameters(), parts, scale))
    }

    /// What divides `a` by its last prime, if there is such a thing, and the scale afterwards.
    pub(super) fn rescaling<'d>(
        &self,
        a: &Ciphertext,
        divider: Option<&'d Divider>,
    ) -> Result<(&'d Divider, f64), EvaluationError> {
        self.check_own(a.parameters())?;
        self.rescaled(a.level(), a.scale(), divider)
    }

    /// The same for whatever has this level and this scale.
    pub(super) fn rescaled<'d>(
        &self,
        level: usize,
        scale: f64,
        divider: Option<&'d Divider>,
    ) -> Result<(&'d Divider, f64), EvaluationError> {
        let divider = divider.ok_or(EvaluationError::LevelExhausted {
            operation: "rescaling",
            level,
            needed: 1,
        })?;
        let log_scale = scale.log2();
        let scale = scale / self.parameters().q(level).modulus(level).to_f64();
        if scale < MIN_SCALE {
            return Err(EvaluationError::ScaleTooSmall { log_scale });
        }
        Ok((divider, scale))
    }

    /// Forgets primes down to `level`; the scale stays what it is, which is in general not the
    /// canonical one of that level.
    ///
    /// # Errors
    /// If `level` is above that of the ciphertext, or the scale leaves no room under its modulus.
    pub fn drop_to_level(
        &self,
        a: &Ciphertext,
        level: usize,
    ) -> Result<Ciphertext, EvaluationError> {
        self.check_own(a.parameters())?;
        if level > a.level() {
            return Err(EvaluationError::HigherLevel {
                level: a.level(),
                target: level,
            });
        }
        self.checked_scale(a.scale(), level)?;
        Ok(a.truncated(level))
    }

    /// Brings a ciphertext down to `level` at the canonical scale of that level. One that is there
    /// already, with that scale, stays as it is.
    ///
    /// # Errors
    /// As [`lower_scaled`](Self::lower_scaled).
    pub fn lower_to(&self, a: &Ciphertext, level: usize) -> Result<Ciphertext, EvaluationError> {
        let canonical = level == a.level()
            && (a.scale() / self.parameters().scale(level) - 1.0).abs() <= SCALE_TOLERANCE;
        if canonical {
            self.check_own(a.parameters())?;
            Ok(a.clone())
        } else {
            self.lower_scaled(a, level, 1.0)
        }
    }

    /// Multiplies by a real `factor` on the way down to the lower `level`, where the result has
    /// the canonical scale. The multiplication costs nothing beyond the way: the ciphertext is
    /// cut to the level above, multiplied by one constant for factor and scale, and rescaled.
    ///
    /// # Errors
    /// If `level` is not below that of the ciphertext, the factor is not finite, or the scale of
    /// the ciphertext is that of a product (rescale first).
    pub fn lower_scaled(
        &self,
        a: &Ciphertext,
        level: usize,
        factor: f64,
    ) -> Result<Ciphertext, EvaluationError> {
        if level >= a.level() {
            return Err(EvaluationError::LevelExhausted {
                operation: "bringing a ciphertext to the canonical scale of a lower level",
                level: a.level(),
                needed: level + 1,
            });
        }
        let above = self.drop_to_level(a, level + 1)?;
        let target = self.parameters().scale(level);
        let prime = self.parameters().q(level + 1).modulus(level + 1).to_f64();
        let correction = target * prime / a.scale();
        if correction < MIN_CORRECTION {
            return Err(EvaluationError::Scales {
                left: a.scale().log2(),
                right: self.parameters().scale(a.level()).log2(),
            });
        }
        let constant = Constant::new(factor, correction)?;
        let mut lowered = self.rescale(&self.scaled(&above, constant, target * prime))?;
        lowered.set_scale(target);
        Ok(lowered)
    }

    /// Both at the lower of their levels and its canonical scale.
    ///
    /// # Errors
    /// As [`lower_to`](Self::lower_to).
    pub fn align(
        &self,
        a: &Ciphertext,
        b: &Ciphertext,
    ) -> Result<(Ciphertext, Ciphertext), EvaluationError> {
        let level = a.level().min(b.level());
        Ok((self.lower_to(a, level)?, self.lower_to(b, level)?))
    }
}
