//! Comparisons of encrypted numbers: sign, greater than, maximum, ReLU and argmax.

mod argmax;
mod clean;
mod coefficients;
mod one_hot;
mod precision;

pub use argmax::{Argmax, ArgmaxError, ArgmaxPlan};
pub use precision::{Precision, PrecisionError};

use super::polynomial::Polynomial;
use crate::ciphertext::Ciphertext;
use crate::evaluator::{EvaluationError, Evaluator, check_degree, check_levels};

impl Evaluator {
    /// The sign of every slot: within [`Precision::error`] of -1 or 1 where the absolute value of
    /// the slot is at least [`Precision::threshold`], and between them where it is less. Slots
    /// must be in [-1, 1]; beyond, the result is nonsense without a sign.
    ///
    /// It needs [`Precision::levels`] levels; the result has the canonical scale of its level.
    ///
    /// # Errors
    /// As [`evaluate_polynomial`](Self::evaluate_polynomial), before anything is computed if there
    /// are too few levels.
    ///
    /// ```
    /// use tapetum_ckks::*;
    ///
    /// let precision = Precision::new(4)?;
    /// let parameters = Parameters::preset(Preset::N14);
    /// let secret = SecretKey::generate(&parameters)?;
    /// let plan = KeyPlan::new(&parameters).relinearization();
    /// let keys = KeyGenerator::new(&secret)?.evaluation_keys(&plan)?;
    /// let evaluator = Evaluator::with_keys(keys);
    /// let encoder = evaluator.encoder();
    ///
    /// let x = encoder.encode(&[0.75, -0.1, 0.0], parameters.max_level())?;
    /// let x = Encryptor::with_secret_key(&secret).encrypt(&x)?;
    /// let sign = evaluator.sign(&x, precision)?;
    /// assert_eq!(sign.level(), parameters.max_level() - precision.levels());
    ///
    /// let slots = encoder.decode(&Decryptor::new(&secret).decrypt(&sign)?);
    /// let bound = precision.error() + 1e-4;
    /// assert!((slots[0] - 1.0).abs() < bound && (slots[1] + 1.0).abs() < bound);
    /// assert!(slots[2].abs() < 1e-4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sign(
        &self,
        x: &Ciphertext,
        precision: Precision,
    ) -> Result<Ciphertext, EvaluationError> {
        check_enough("the sign", x, precision.levels())?;
        self.composed(x, &precision.sign_polynomials())
    }

    /// Whether a > b, in every slot: (1 + sign(a - b)) / 2, which is 1, 0 or, for equals, 1/2.
    /// The differences must be in [-1, 1]. The error is half that of [`sign`](Self::sign), the
    /// levels are the same.
    ///
    /// # Errors
    /// As [`sign`](Self::sign), and if levels or scales of a and b differ.
    pub fn greater_than(
        &self,
        a: &Ciphertext,
        b: &Ciphertext,
        precision: Precision,
    ) -> Result<Ciphertext, EvaluationError> {
        let difference = self.difference("a comparison", a, b, precision.levels());
        self.step(&difference?, precision, 1.0)
    }

    /// The larger of a and b, in every slot: b + relu(a - b). The differences must be in [-1, 1].
    /// The error is at most [`Precision::threshold`], undecided differences included.
    ///
    /// It needs [`Precision::levels`] levels and one more.
    ///
    /// # Errors
    /// As [`greater_than`](Self::greater_than).
    pub fn max(
        &self,
        a: &Ciphertext,
        b: &Ciphertext,
        precision: Precision,
    ) -> Result<Ciphertext, EvaluationError> {
        let difference = self.difference("the maximum", a, b, precision.levels() + 1)?;
        let mut larger = self.relu(&difference, precision)?;
        let b = self.lower_to(b, larger.level())?;
        self.add_assign(&mut larger, &b)?;
        Ok(larger)
    }

    /// max(x, 0) of every slot: x (1 + sign(x)) / 2. Slots must be in [-1, 1]. The error is at
    /// most [`Precision::threshold`], undecided slots included.
    ///
    /// It needs [`Precision::levels`] levels and one more.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn relu(
        &self,
        x: &Ciphertext,
        precision: Precision,
    ) -> Result<Ciphertext, EvaluationError> {
        Ok(self.relu_with_step(x, precision)?.0)
    }

    /// [`relu`](Self::relu) and the step (1 + sign(x)) / 2 that it multiplies x by, one level above it. For slots in
    /// [-1, 1] the step is in [0, 1], up to half of [`Precision::error`] and rounding. Beyond, it grows without limit: it
    /// shows that a ReLU was given what it is not for.
    ///
    /// # Errors
    /// As [`relu`](Self::relu).
    pub fn relu_with_step(
        &self,
        x: &Ciphertext,
        precision: Precision,
    ) -> Result<(Ciphertext, Ciphertext), EvaluationError> {
        check_enough("the ReLU", x, precision.levels() + 1)?;
        let step = self.step(x, precision, 1.0)?;
        let x = self.lower_to(x, step.level())?;
        let relu = self.relinearize_rescale(&self.mul(&x, &step)?)?;
        Ok((relu, step))
    }

    /// `height` where the slot is positive, 0 where it is negative: `height` (1 + sign(x)) / 2, at
    /// the price of a sign.
    pub(crate) fn step(
        &self,
        x: &Ciphertext,
        precision: Precision,
        height: f64,
    ) -> Result<Ciphertext, EvaluationError> {
        self.composed(x, &precision.step_polynomials(height))
    }

    /// The polynomials one after another.
    fn composed(
        &self,
        x: &Ciphertext,
        polynomials: &[Polynomial],
    ) -> Result<Ciphertext, EvaluationError> {
        polynomials.iter().try_fold(x.clone(), |x, polynomial| {
            self.evaluate_polynomial(&x, polynomial)
        })
    }

    /// a - b, of which `what` is computed in this number of levels.
    fn difference(
        &self,
        what: &'static str,
        a: &Ciphertext,
        b: &Ciphertext,
        levels: usize,
    ) -> Result<Ciphertext, EvaluationError> {
        check_levels(a.level(), b.level())?;
        check_enough(what, a, levels)?;
        self.sub(a, b)
    }
}

/// Said before time is spent on what cannot be finished.
fn check_enough(
    operation: &'static str,
    x: &Ciphertext,
    needed: usize,
) -> Result<(), EvaluationError> {
    check_degree(operation, x, 1)?;
    let level = x.level();
    if level >= needed {
        Ok(())
    } else {
        Err(EvaluationError::LevelExhausted {
            operation,
            level,
            needed,
        })
    }
}
