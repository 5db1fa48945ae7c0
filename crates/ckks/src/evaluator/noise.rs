//! Noise that hides what the error of a result would tell.

use tapetum_ring::Poly;
use tapetum_ring::sampling::SecretRng;
use zeroize::Zeroize;

use super::{EvaluationError, Evaluator};
use crate::ciphertext::Ciphertext;

/// What `SecretRng::wide_gaussian` has at 2^0.
const LOG_SIGMA: f64 = 0.88;

impl Evaluator {
    /// Adds Gaussian noise of this deviation, or up to twice as much, to the real and to the imaginary part
    /// of every slot. Nobody but the caller ever knows the noise: it comes from the operating system.
    ///
    /// A result that should be one of few values (0 or 1) has an error that depends on what it was
    /// computed from. Noise well above that error drowns it, and the values can still be told apart.
    ///
    /// # Errors
    /// [`EvaluationError::Scalar`] unless the noise is at least one unit of the encoded integers and far below
    /// the modulus, [`EvaluationError::Randomness`] if the system gives none.
    ///
    /// ```
    /// use tapetum_ckks::*;
    ///
    /// let parameters = Parameters::preset(Preset::N12);
    /// let secret = SecretKey::generate(&parameters)?;
    /// let evaluator = Evaluator::new(&parameters);
    /// let one = evaluator.encoder().encode(&[1.0], 0)?;
    /// let one = Encryptor::with_secret_key(&secret).encrypt(&one)?;
    ///
    /// let noisy = evaluator.add_noise(&one, 2f64.powi(-12))?;
    /// let found = evaluator.encoder().decode(&Decryptor::new(&secret).decrypt(&noisy)?);
    /// assert!((found[0] - 1.0).abs() < 14.0 * 2f64.powi(-12) && found[0] != 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_noise(&self, a: &Ciphertext, deviation: f64) -> Result<Ciphertext, EvaluationError> {
        self.check_own(a.parameters())?;
        let basis = self.parameters().q(a.level());
        // A part of a slot is a sum of N coefficients times cosines, whose squares sum to N/2.
        let of_coefficients = deviation * a.scale() / (basis.degree() as f64 / 2.0).sqrt();
        let log_sigma = (of_coefficients.log2() - LOG_SIGMA).ceil();
        let room = self.parameters().log_q(a.level()) - 10.0;
        if !(1.0..=f64::min(56.0, room)).contains(&log_sigma) {
            return Err(EvaluationError::Scalar(deviation));
        }
        let noise = SecretRng::from_os()?.wide_gaussian(basis.degree(), log_sigma as u32);
        let mut noise = Poly::from_coefficients(basis, &noise).into_evaluation();
        let mut noisy = a.clone();
        noisy.parts_mut()[0].add_assign(&noise);
        noise.zeroize();
        Ok(noisy)
    }
}
