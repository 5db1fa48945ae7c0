//! A bound on the error of a result, from the computation alone.

use crate::decrypt::NoiseFlooding;
use crate::parameters::Parameters;

/// Standard deviations that no sample exceeds: with probability 2^-52 for each slot.
const SIGMAS: f64 = 6.0;
/// The same for a product of two independent samples.
const SIGMAS_OF_PRODUCT: f64 = 20.0;
/// Of the encryption's errors.
const ERROR: f64 = 3.19;

/// What is known of a ciphertext before it exists: level, scale, how large its values can be, and how
/// large their error.
///
/// Each operation of an [`Evaluator`](crate::Evaluator) has a method here, which carries the bound on
/// (static noise estimation). So the bound depends on the computation that was agreed on, and on nothing that
/// a server sends: [`NoiseFlooding`] must start from it. Bounds are those of all slots, in the canonical
/// embedding; random parts count with a bound that they exceed with probability 2^-52 in a slot.
///
/// ```
/// use tapetum_ckks::{NoiseBound, Parameters, Preset};
///
/// // The sum of 1024 products of encrypted numbers within [-1, 1] with a public weight each.
/// let parameters = Parameters::preset(Preset::N13);
/// let x = NoiseBound::encrypted(&parameters, 1, 1.0);
/// let score = x.times_plain(parameters.scale(1), 0.1).rescaled().summed(1024);
/// assert!(score.slot_error() < 1e-2);
/// # assert!(score.slot_error() > 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct NoiseBound {
    parameters: Parameters,
    level: usize,
    scale: f64,
    magnitude: f64,
    /// Of the value of the error polynomial at any root, not divided by the scale.
    error: f64,
}

impl NoiseBound {
    /// Encrypted with the public key at the canonical scale of a level: values of at most this magnitude.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn encrypted(parameters: &Parameters, level: usize, magnitude: f64) -> Self {
        Self::encrypted_at(parameters, level, parameters.scale(level), magnitude)
    }

    /// The same at another scale.
    pub fn encrypted_at(parameters: &Parameters, level: usize, scale: f64, magnitude: f64) -> Self {
        let n = parameters.degree() as f64;
        // e u + e1 s beside what the owner adds as well.
        let key = 2.0 * SIGMAS_OF_PRODUCT * n * ERROR * (2f64 / 3.0).sqrt();
        let owner = Self::encrypted_by_owner(parameters, level, scale, magnitude);
        Self {
            error: owner.error + key,
            ..owner
        }
    }

    /// Encrypted with the secret key, which leaves sqrt(N) times less error.
    pub fn encrypted_by_owner(
        parameters: &Parameters,
        level: usize,
        scale: f64,
        magnitude: f64,
    ) -> Self {
        let own = SIGMAS * (parameters.degree() as f64).sqrt() * ERROR;
        Self {
            parameters: parameters.clone(),
            level,
            scale,
            magnitude,
            error: own + encoding(parameters),
        }
    }

    /// The level of the ciphertext.
    pub fn level(&self) -> usize {
        self.level
    }

    /// Its scale.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The largest magnitude of a value.
    pub fn magnitude(&self) -> f64 {
        self.magnitude
    }

    /// The largest error of a value.
    pub fn slot_error(&self) -> f64 {
        self.error / self.scale
    }

    /// With a smaller magnitude, because of something that the bound knows nothing about.
    pub fn within(self, magnitude: f64) -> Self {
        Self { magnitude, ..self }
    }

    /// A sum or a difference, at the lower level of both. Scales must agree, as they must for the
    /// ciphertexts.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            level: self.level.min(other.level),
            magnitude: self.magnitude + other.magnitude,
            error: self.error + other.error,
            ..self.clone()
        }
    }

    /// A product of ciphertexts, relinearised, not rescaled.
    pub fn times(&self, other: &Self) -> Self {
        let product = self.product(other.scale, other.magnitude, other.error, other.level);
        product.switched()
    }

    /// A product with public numbers of at most this magnitude, encoded at this scale; not rescaled.
    pub fn times_plain(&self, scale: f64, magnitude: f64) -> Self {
        self.product(scale, magnitude, encoding(&self.parameters), self.level)
    }

    fn product(&self, scale: f64, magnitude: f64, error: f64, level: usize) -> Self {
        let values = self.magnitude * self.scale * error + magnitude * scale * self.error;
        Self {
            level: self.level.min(level),
            scale: self.scale * scale,
            magnitude: self.magnitude * magnitude,
            error: values + self.error * error,
            ..self.clone()
        }
    }

    /// A sum with public numbers of at most this magnitude, encoded at the same scale.
    pub fn plus_plain(&self, magnitude: f64) -> Self {
        Self {
            magnitude: self.magnitude + magnitude,
            error: self.error + encoding(&self.parameters),
            ..self.clone()
        }
    }

    /// A product with an integer, which keeps the scale.
    pub fn times_integer(&self, factor: i64) -> Self {
        let factor = factor.unsigned_abs() as f64;
        Self {
            magnitude: self.magnitude * factor,
            error: self.error * factor,
            ..self.clone()
        }
    }

    /// Divided by the last prime, one level lower.
    ///
    /// # Panics
    /// At level 0.
    pub fn rescaled(&self) -> Self {
        let prime = self.parameters.q(self.level).modulus(self.level).to_f64();
        Self {
            level: self.level - 1,
            scale: self.scale / prime,
            error: self.error / prime + division(&self.parameters),
            ..self.clone()
        }
    }

    /// With its slots moved, or conjugated: a key switch.
    pub fn rotated(&self) -> Self {
        self.switched()
    }

    /// The sum of `count` slots, a power of two, in each slot: a key switch for each doubling.
    pub fn summed(&self, count: usize) -> Self {
        (0..count.ilog2()).fold(self.clone(), |sum, _| sum.plus(&sum.rotated()))
    }

    /// Digits of at most D times the errors of the key, divided by P, and a rounding.
    fn switched(&self) -> Self {
        let parameters = &self.parameters;
        let (special, n) = (parameters.special(), parameters.degree() as f64);
        let (q, p) = (parameters.q(self.level), parameters.qp(0));
        let log_p = p.log_product() - q.modulus(0).to_f64().log2();
        let moduli: Vec<f64> = q.moduli().map(|m| m.to_f64().log2()).collect();
        let digits = moduli.chunks(special).map(|digit| {
            let ratio = (digit.iter().sum::<f64>() - log_p).exp2();
            SIGMAS_OF_PRODUCT * n * ERROR * ratio / 12f64.sqrt()
        });
        Self {
            error: self.error + digits.sum::<f64>() + division(parameters),
            ..self.clone()
        }
    }

    /// What hides the error with `bits` of statistical security in so many results under a key.
    pub fn flooding(&self, bits: u32, decryptions: u64) -> NoiseFlooding {
        // By Parseval's equation the mean square of the coefficients is that of the slots divided by N.
        let degree = self.parameters.degree() as f64;
        NoiseFlooding {
            error: self.error / degree.sqrt(),
            bits,
            decryptions,
        }
    }

    /// The bits that such a flooding leaves of the largest value, above a standard deviation of the
    /// noise: below 8 a result is not worth publishing. After a bootstrapping nothing is left.
    pub fn bits_left(&self, flooding: &NoiseFlooding) -> f64 {
        let noise = flooding.slot_deviation(self.parameters.degree(), self.scale);
        (self.magnitude / noise).log2()
    }
}

/// The rounding of encoded coefficients to integers.
fn encoding(parameters: &Parameters) -> f64 {
    SIGMAS * (parameters.degree() as f64 / 12.0).sqrt()
}

/// The rounding of a division of both halves, the second times the secret.
fn division(parameters: &Parameters) -> f64 {
    let n = parameters.degree() as f64;
    SIGMAS * (n / 12.0).sqrt() + SIGMAS_OF_PRODUCT * n / 18f64.sqrt()
}
