//! Arithmetic on ciphertexts, with evaluation keys.
//!
//! Every operation checks parameters, levels, scales and degrees before it computes; what does not
//! fit is an [`EvaluationError`], never a wrong result. Things are normally kept at the *canonical
//! scale* of their level ([`Parameters::scale`]): the product of two such ciphertexts, rescaled,
//! is canonical again.

mod combinations;
mod error;
mod levels;
mod linear;
mod multiply;
mod noise;
mod rotate;
mod undivided;

use std::sync::Arc;

use crate::ciphertext::Ciphertext;
use crate::encoder::Encoder;
use crate::keys::EvaluationKeys;
use crate::parameters::Parameters;

pub use error::{EvaluationError, KeyName};
pub use undivided::Undivided;

/// Scales whose ratio is within this of 1 are the same: rounding in their bookkeeping.
const SCALE_TOLERANCE: f64 = 1e-9;

/// Adds, multiplies, rescales and rotates ciphertexts. Holds keys and an [`Encoder`] for public
/// constants, but no state; cheap to clone.
///
/// ```
/// use tapetum_ckks::*;
///
/// let parameters = Parameters::preset(Preset::N13);
/// let secret = SecretKey::generate(&parameters)?;
/// let plan = KeyPlan::new(&parameters).relinearization().rotations([1]);
/// let keys = KeyGenerator::new(&secret)?.evaluation_keys(&plan)?;
/// let evaluator = Evaluator::with_keys(keys);
///
/// let message = evaluator.encoder().encode(&[1.0, 2.0, 3.0], parameters.max_level())?;
/// let x = Encryptor::with_secret_key(&secret).encrypt(&message)?;
/// let square = evaluator.rescale(&evaluator.mul_relin(&x, &x)?)?;
/// let rotated = evaluator.rotate(&square, 1)?;
///
/// let slots = evaluator.encoder().decode(&Decryptor::new(&secret).decrypt(&rotated)?);
/// assert!((slots[0] - 4.0).abs() < 1e-4 && (slots[1] - 9.0).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Evaluator {
    keys: Arc<EvaluationKeys>,
    encoder: Encoder,
}

impl Evaluator {
    /// An evaluator without keys: sums, products with plaintexts and scalars, rescaling.
    pub fn new(parameters: &Parameters) -> Self {
        Self::with_keys(EvaluationKeys::none(parameters))
    }

    /// An evaluator with keys.
    pub fn with_keys(keys: impl Into<Arc<EvaluationKeys>>) -> Self {
        let keys = keys.into();
        let encoder = Encoder::new(keys.parameters());
        Self { keys, encoder }
    }

    /// The encoder of its parameters, for public constants.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The parameters that it works with.
    pub fn parameters(&self) -> &Parameters {
        self.keys.parameters()
    }

    /// The keys that it holds.
    pub fn keys(&self) -> &EvaluationKeys {
        &self.keys
    }

    pub(crate) fn check_own(&self, parameters: &Parameters) -> Result<(), EvaluationError> {
        if parameters == self.parameters() {
            Ok(())
        } else {
            Err(EvaluationError::Parameters)
        }
    }

    fn check_pair(&self, a: &Ciphertext, b: &Ciphertext) -> Result<(), EvaluationError> {
        self.check_own(a.parameters())?;
        self.check_own(b.parameters())?;
        check_levels(a.level(), b.level())
    }
}

pub(crate) fn check_levels(left: usize, right: usize) -> Result<(), EvaluationError> {
    if left == right {
        Ok(())
    } else {
        Err(EvaluationError::Levels { left, right })
    }
}

pub(crate) fn check_scales(left: f64, right: f64) -> Result<(), EvaluationError> {
    if (left / right - 1.0).abs() <= SCALE_TOLERANCE {
        Ok(())
    } else {
        Err(EvaluationError::Scales {
            left: left.log2(),
            right: right.log2(),
        })
    }
}

pub(crate) fn check_degree(
    operation: &'static str,
    ciphertext: &Ciphertext,
    expected: usize,
) -> Result<(), EvaluationError> {
    if ciphertext.degree() == expected {
        Ok(())
    } else {
        Err(EvaluationError::Degree {
            operation,
            expected,
            found: ciphertext.degree(),
        })
    }
}
