//! Decryption, for the owner's eyes or flooded with noise for everybody's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tapetum_ring::Poly;
use tapetum_ring::sampling::RandomnessError;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::ciphertext::Ciphertext;
use crate::encoder::Encoder;
use crate::keys::SecretKey;
use crate::plaintext::Plaintext;
use crate::rounding::Rounding;

/// Values up to 2^this are decrypted correctly, if the level of the ciphertext leaves room for them.
const VALUE_BITS: f64 = 42.0;
/// The standard deviation of a wide Gaussian is this times a power of two.
const DRAWN: f64 = 1.84;

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
        /// log2 of the scale of the ciphertext, times the magnitude of its values.
        log_scale: f64,
    },
    /// As many results have been given out as the noise is meant for.
    #[error(
        "{given} results have been decrypted with noise under this key, and the noise is for \
         {planned}: each more takes from the security of all; ask for noise for more decryptions, or make a new key"
    )]
    Decryptions {
        /// How many have been given out.
        given: u64,
        /// How many the noise is for.
        planned: u64,
    },
}

/// How much noise hides what a decrypted value would tell about the secret key.
///
/// The error in a CKKS result depends on the key. Anyone who sees results with their full precision,
/// and knows or chose what was computed, can learn the key (Li, Micciancio, 2021). Noise with the
/// standard deviation `error * sqrt(N) * 2^(bits/2) * sqrt(12 decryptions)` in each coefficient prevents that
/// with `bits` of statistical security (Li, Micciancio, Schultz, Sorrell, 2022, theorem 4): what counts is the
/// length of the error as a vector of N coefficients, `error * sqrt(N)`.
///
/// [`NoiseBound::flooding`](crate::NoiseBound::flooding) makes one from the computation. After a
/// bootstrapping flooding drowns the result: its error is 2^-18 of the values, and in N = 2^16
/// 30 bits of security need noise 2^24 times as large for a single result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseFlooding {
    /// A bound on the root mean square of the error of the ciphertext's coefficients, in units of the
    /// encoded integers (that is, times the scale). A bound of each is one. It must be a bound for
    /// everything that the computation can meet, not an average over what it has met.
    pub error: f64,
    /// Bits of statistical security: 30 is common.
    pub bits: u32,
    /// How many results will be given out under this key.
    pub decryptions: u64,
}

impl NoiseFlooding {
    /// The standard deviation of the noise in each of `degree` coefficients, in units of the encoded integers.
    pub fn deviation(&self, degree: usize) -> f64 {
        let length = self.error * (degree as f64).sqrt();
        length * 2f64.powf(self.bits as f64 / 2.0) * (12.0 * self.decryptions as f64).sqrt()
    }

    /// The standard deviation of the noise in the real part of a slot: as it is drawn, up to twice as
    /// large as it need be.
    pub fn slot_deviation(&self, degree: usize, scale: f64) -> f64 {
        let drawn = DRAWN * f64::from(self.log_sigma(degree)).exp2();
        drawn * (degree as f64 / 2.0).sqrt() / scale
    }

    /// Of the wide Gaussian that is drawn.
    fn log_sigma(&self, degree: usize) -> u32 {
        let least = (self.deviation(degree) / DRAWN).log2().ceil();
        // Not a number becomes 0.
        least.max(1.0).min(f64::from(u32::MAX)) as u32
    }
}

/// Decrypts with the secret key.
#[derive(Clone, Debug)]
pub struct Decryptor {
    key: SecretKey,
    encoder: Encoder,
    /// Results that were given out with noise, by all clones together.
    flooded: Arc<AtomicU64>,
}

impl Decryptor {
    /// A decryptor for what was encrypted under this key.
    pub fn new(key: &SecretKey) -> Self {
        Self {
            key: key.clone(),
            encoder: Encoder::new(key.parameters()),
            flooded: Arc::default(),
        }
    }

    /// The same for a key under which so many results have been decrypted with noise before: who
    /// keeps a key keeps this number with it.
    pub fn with_flooded(self, count: u64) -> Self {
        self.flooded.store(count, Ordering::SeqCst);
        self
    }

    /// How many results have been decrypted with noise under this key.
    pub fn flooded(&self) -> u64 {
        self.flooded.load(Ordering::SeqCst)
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

    /// The real numbers in all slots, rounded to what [`Rounding::of`] finds, and that rounding.
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_rounded(
        &self,
        ciphertext: &Ciphertext,
    ) -> Result<(Vec<f64>, Rounding), DecryptionError> {
        let slots = self.encoder.decode_complex(&self.decrypt(ciphertext)?);
        let rounding = Rounding::of(self.key.parameters(), ciphertext.scale(), &slots);
        let rounded = slots.iter().map(|slot| rounding.round(slot.re)).collect();
        Ok((rounded, rounding))
    }

    /// The plaintext with noise, to be given to others. It counts as one result.
    ///
    /// # Errors
    /// [`DecryptionError`] if the parameters differ, there is no randomness, the noise would be
    /// larger than values of magnitude 1, or as many results have been given out as the noise is for.
    pub fn decrypt_flooded(
        &self,
        ciphertext: &Ciphertext,
        flooding: NoiseFlooding,
    ) -> Result<Plaintext, DecryptionError> {
        self.decrypt_flooded_within(ciphertext, flooding, 1.0)
    }

    /// The same for values of this magnitude.
    ///
    /// # Errors
    /// As [`decrypt_flooded`](Self::decrypt_flooded).
    pub fn decrypt_flooded_within(
        &self,
        ciphertext: &Ciphertext,
        flooding: NoiseFlooding,
        magnitude: f64,
    ) -> Result<Plaintext, DecryptionError> {
        let degree = self.key.parameters().degree();
        let deviation = flooding.deviation(degree);
        let log_scale = (ciphertext.scale() * magnitude).log2();
        let log_sigma = flooding.log_sigma(degree);
        if !(deviation > 0.0 && log_sigma <= 56 && f64::from(log_sigma) < log_scale) {
            return Err(DecryptionError::Flooding {
                log_noise: deviation.log2(),
                log_scale,
            });
        }
        let exact = self.decrypt(ciphertext)?;
        let mut hedge = self.key.hedge("tapetum noise flooding v1");
        hedge.poly(exact.poly());
        let noise = hedge.generator()?.wide_gaussian(degree, log_sigma);
        let planned = flooding.decryptions;
        let one_more = |given| (given < planned).then(|| given + 1);
        self.flooded
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more)
            .map_err(|given| DecryptionError::Decryptions { given, planned })?;
        let mut noisy = exact.poly().clone();
        let noise = Poly::from_coefficients(noisy.basis(), &noise).into_evaluation();
        noisy.add_assign(&Zeroizing::new(noise));
        Ok(Plaintext::new(exact.parameters(), noisy, exact.scale()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoder;
    use crate::parameters::{Parameters, Preset};

    /// Which of two results that differ by an error was decrypted: how often somebody is right who
    /// knows both and sees the noisy one.
    fn share_of_wins(key: &SecretKey, error: i64, flooding: NoiseFlooding) -> f64 {
        let parameters = key.parameters();
        let (basis, n) = (parameters.q(0), parameters.degree());
        let message = Encoder::new(parameters).encode(&[0.25, -0.5], 0).unwrap();
        // As long as a vector can be that is nowhere larger than the error.
        let errors: Vec<i64> = (0..n as i64)
            .map(|i| error * (1 - 2 * (i * i / 7 % 2)))
            .collect();
        let errors = Poly::from_coefficients(basis, &errors);
        let zero = || Poly::zero(basis);
        let worlds = [message.poly().clone(), {
            let mut sum = message.poly().clone();
            sum.add_assign(&errors.clone().into_evaluation());
            sum
        }]
        .map(|c0| Ciphertext::new(parameters, vec![c0, zero()], message.scale()));
        let (direction, length) = (
            errors.to_centered_f64(),
            (n as f64) * (error * error) as f64,
        );
        let games = 600;
        let wins = (0..games).filter(|game| {
            let seen = Decryptor::new(key).decrypt_flooded(&worlds[game % 2], flooding);
            let mut seen = seen.unwrap().poly().clone();
            seen.sub_assign(message.poly());
            let seen = seen.into_coefficients().to_centered_f64();
            let along: f64 = seen.iter().zip(&direction).map(|(x, e)| x * e).sum();
            usize::from(along / length > 0.5) == game % 2
        });
        wins.count() as f64 / games as f64
    }

    #[test]
    fn nobody_wins_the_game_of_telling_an_error_from_none() {
        let key = SecretKey::generate(&Parameters::preset(Preset::N12)).unwrap();
        let flooding = NoiseFlooding {
            error: 4.0,
            bits: 6,
            decryptions: 1,
        };
        // By the theorem 1/2 and less than 1/100; the rest is the chance of 600 games.
        let wins = share_of_wins(&key, 4, flooding);
        assert!(wins < 0.51 + 4.0 * 0.5 / 600f64.sqrt(), "{wins}");
        // Without the factor sqrt(N) the same player wins, so the game is one that can be won.
        let narrow = NoiseFlooding {
            error: flooding.error / 64.0,
            ..flooding
        };
        let wins = share_of_wins(&key, 4, narrow);
        assert!(wins > 0.8, "{wins}");
    }

    #[test]
    fn results_under_a_key_are_counted() {
        let parameters = Parameters::preset(Preset::N13);
        let key = SecretKey::generate(&parameters).unwrap();
        let plaintext = Encoder::new(&parameters).encode(&[0.5], 3).unwrap();
        let encrypted = crate::Encryptor::with_secret_key(&key)
            .encrypt(&plaintext)
            .unwrap();
        let flooding = NoiseFlooding {
            error: 1.0,
            bits: 4,
            decryptions: 3,
        };
        let decryptor = Decryptor::new(&key).with_flooded(1);
        let clone = decryptor.clone();
        decryptor.decrypt_flooded(&encrypted, flooding).unwrap();
        clone.decrypt_flooded(&encrypted, flooding).unwrap();
        let error = decryptor.decrypt_flooded(&encrypted, flooding).unwrap_err();
        let (given, planned) = (3, 3);
        assert_eq!(error, DecryptionError::Decryptions { given, planned });
        // What is refused for another reason gives nothing out.
        let drowned = NoiseFlooding {
            bits: 90,
            decryptions: 9,
            ..flooding
        };
        assert!(decryptor.decrypt_flooded(&encrypted, drowned).is_err());
        assert_eq!((decryptor.flooded(), clone.flooded()), (3, 3));
        let more = NoiseFlooding {
            decryptions: 4,
            ..flooding
        };
        decryptor.decrypt_flooded(&encrypted, more).unwrap();
        assert_eq!(clone.flooded(), 4);
    }
}
