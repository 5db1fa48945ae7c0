//! Decryption, for the owner's eyes or flooded with noise for everybody's.

use tapetum_ring::Poly;
use tapetum_ring::sampling::{RandomnessError, SecretRng};
use thiserror::Error;
use zeroize::Zeroize;

use crate::ciphertext::Ciphertext;
use crate::encoder::Encoder;
use crate::keys::SecretKey;
use crate::plaintext::Plaintext;

/// Values up to 2^this are decrypted correctly, if the level of the ciphertext leaves room for them.
const VALUE_BITS: f64 = 42.0;

/// Why a ciphertext was not decrypted.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum DecryptionError {
    /// Key and ciphertext have different parameters.
    #[error("the ciphertext belongs to other parameters than the secret key")]
    Parameters,
    /// The operating system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// The flooding is out of range or would leave nothing of the message.
    #[error(
        "noise of 2^{log_noise:.1} would drown a message of scale 2^{log_scale:.1}: return results \
         at a larger scale, or ask for fewer bits of security against fewer decryptions"
    )]
    Flooding {
        /// log2 of the noise that was asked for.
        log_noise: f64,
        /// log2 of the scale of the ciphertext.
        log_scale: f64,
    },
}

/// How much noise hides what a decrypted value would tell about the secret key.
///
/// The error in a CKKS result depends on the key. Anyone who sees results with their full precision,
/// and knows or chose what was computed, can learn the key (Li, Micciancio, 2021). Noise with the
/// standard deviation `error * 2^(bits/2) * sqrt(12 decryptions)` prevents that with `bits` of
/// statistical security (Li, Micciancio, Schultz, Sorrell, 2022, theorem 4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseFlooding {
    /// A bound on the error of the ciphertext's coefficients, times its scale (that is, in units
    /// of the encoded integers). It must be a bound, not an average.
    pub error: f64,
    /// Bits of statistical security: 30 is common.
    pub bits: u32,
    /// How many results will be given out under this key.
    pub decryptions: u64,
}

impl NoiseFlooding {
    /// The standard deviation of the noise, in units of the encoded integers.
    pub fn deviation(&self) -> f64 {
        self.error * 2f64.powf(self.bits as f64 / 2.0) * (12.0 * self.decryptions as f64).sqrt()
    }
}

/// Decrypts with the secret key.
#[derive(Clone, Debug)]
pub struct Decryptor {
    key: SecretKey,
    encoder: Encoder,
}

impl Decryptor {
    /// A decryptor for what was encrypted under this key.
    pub fn new(key: &SecretKey) -> Self {
        Self {
            key: key.clone(),
            encoder: Encoder::new(key.parameters()),
        }
    }

    /// The encoder of the key's parameters, which decodes plaintexts.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The plaintext, for the owner alone: others who see it with its full precision may learn
    /// about the key (see [`NoiseFlooding`]).
    ///
    /// As few primes are used as hold values up to 2^42; larger ones come out wrong even if the
    /// level of the ciphertext would hold them.
    ///
    /// # Errors
    /// [`DecryptionError::Parameters`] if the key has other parameters.
    pub fn decrypt(&self, ciphertext: &Ciphertext) -> Result<Plaintext, DecryptionError> {
        let parameters = self.key.parameters();
        if ciphertext.parameters() != parameters {
            return Err(DecryptionError::Parameters);
        }
        let needed = ciphertext.scale().log2() + VALUE_BITS;
        let level = (0..ciphertext.level())
            .find(|&level| parameters.log_q(level) >= needed)
            .unwrap_or(ciphertext.level());
        // c0 + s (c1 + s c2)
        let basis = parameters.q(level);
        let secret = self.key.restricted(basis);
        let mut parts = ciphertext.parts().iter().rev();
        let mut message = parts.next().expect("a last part").truncated(level + 1);
        for part in parts {
            message.mul_assign(&secret);
            message.add_assign(&part.restricted(basis));
        }
        Ok(Plaintext::new(parameters, message, ciphertext.scale()))
    }

    /// The plaintext with noise, to be given to others.
    ///
    /// # Errors
    /// [`DecryptionError`] if the parameters differ, there is no randomness, or the noise would be
    /// larger than the message.
    pub fn decrypt_flooded(
        &self,
        ciphertext: &Ciphertext,
        flooding: NoiseFlooding,
    ) -> Result<Plaintext, DecryptionError> {
        let deviation = flooding.deviation();
        let log_scale = ciphertext.scale().log2();
        let log_sigma = deviation.log2().ceil().max(1.0);
        if !(deviation > 0.0 && log_sigma <= 56.0 && log_sigma < log_scale) {
            return Err(DecryptionError::Flooding {
                log_noise: deviation.log2(),
                log_scale,
            });
        }
        let exact = self.decrypt(ciphertext)?;
        let mut noisy = exact.poly().clone();
        let noise = SecretRng::from_os()?.wide_gaussian(noisy.basis().degree(), log_sigma as u32);
        let mut noise = Poly::from_coefficients(noisy.basis(), &noise).into_evaluation();
        noisy.add_assign(&noise);
        noise.zeroize();
        Ok(Plaintext::new(exact.parameters(), noisy, exact.scale()))
    }
}
