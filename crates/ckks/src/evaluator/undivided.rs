//! Sums of rotations before the division by P that ends a key switch.

use std::fmt;
use std::sync::Arc;

use tapetum_ring::{Evaluation, GaloisElement, Poly, RotationKey};

use super::{Evaluator, check_degree, check_levels, check_scales};
use crate::ciphertext::Ciphertext;
use crate::evaluator::{EvaluationError, KeyName};
use crate::keys::{GaloisKey, SwitchingKey};
use crate::parameters::Parameters;

/// P times a ciphertext, over Q P: what a rotation leaves before the division by P, which is more than half of
/// the work of a hoisted one (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, 2021, section 4). Sums of these are
/// divided once. Its error is that of a ciphertext of the same level only after the division, so nothing else can
/// be done with it.
///
/// ```
/// use tapetum_ckks::*;
///
/// let parameters = Parameters::preset(Preset::N13);
/// let secret = SecretKey::generate(&parameters)?;
/// let plan = KeyPlan::new(&parameters).rotations([1, 2, 5]);
/// let evaluator = Evaluator::with_keys(KeyGenerator::new(&secret)?.evaluation_keys(&plan)?);
/// let encoder = evaluator.encoder();
/// let encryptor = Encryptor::with_secret_key(&secret);
/// let x = encryptor.encrypt(&encoder.encode(&[1.0, 2.0, 4.0], 2)?)?;
/// let y = encryptor.encrypt(&encoder.encode(&[0.0, 0.0, 0.0, 0.0, 0.0, 8.0], 2)?)?;
/// // x + rot_1(x) + rot_2(x) + rot_5(y), with one decomposition of each and one division.
/// let mut sum = evaluator.sum_rotations(&x, &[0, 1, 2])?;
/// evaluator.add_rotations(&mut sum, &y, &[5])?;
/// let sum = evaluator.divide(sum)?;
/// let slots = encoder.decode(&Decryptor::new(&secret).decrypt(&sum)?);
/// assert!((slots[0] - 15.0).abs() < 1e-4 && (slots[1] - 6.0).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
#[must_use = "a sum of rotations is divided by P before it is used"]
pub struct Undivided {
    parameters: Parameters,
    level: usize,
    scale: f64,
    parts: [Poly<Evaluation>; 2],
}

impl Undivided {
    /// The level of the ciphertext that the division gives.
    pub fn level(&self) -> usize {
        self.level
    }

    /// The scale of the ciphertext that the division gives.
    pub fn scale(&self) -> f64 {
        self.scale
    }
}

impl fmt::Debug for Undivided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undivided")
            .field("level", &self.level)
            .field("scale", &self.scale)
            .finish_non_exhaustive()
    }
}

impl Evaluator {
    /// The sum of several rotations of one ciphertext, before the division by P. The ciphertext is split into
    /// digits once; the rotation by 0 costs next to nothing.
    ///
    /// # Errors
    /// If a key is missing or serves lower levels only, or the ciphertext has degree 2.
    pub fn sum_rotations(
        &self,
        a: &Ciphertext,
        steps: &[i64],
    ) -> Result<Undivided, EvaluationError> {
        let qp = self
            .parameters()
            .qp(a.level().min(self.parameters().max_level()));
        let mut sum = Undivided {
            parameters: self.parameters().clone(),
            level: a.level(),
            scale: a.scale(),
            parts: [0, 1].map(|_| Poly::zero(qp)),
        };
        self.add_rotations(&mut sum, a, steps)?;
        Ok(sum)
    }

    /// Adds several rotations of a ciphertext to a sum.
    ///
    /// # Errors
    /// As [`sum_rotations`](Self::sum_rotations), and if levels or scales differ.
    pub fn add_rotations(
        &self,
        sum: &mut Undivided,
        a: &Ciphertext,
        steps: &[i64],
    ) -> Result<(), EvaluationError> {
        self.check_own(a.parameters())?;
        self.check_own(&sum.parameters)?;
        check_degree("a rotation", a, 1)?;
        check_levels(sum.level, a.level())?;
        check_scales(sum.scale, a.scale())?;
        let log_n = self.parameters().log_n();
        let keys = steps
            .iter()
            .map(|&k| {
                let element = GaloisElement::rotation(k, log_n);
                (element != GaloisElement::rotation(0, log_n))
                    .then(|| self.galois_key(element, KeyName::Rotation(k), a.level()))
                    .transpose()
            })
            .collect::<Result<Vec<_>, _>>()?;
        let decomposer = self.parameters().decomposer(a.level());
        let parts = [&a.parts()[0], &a.parts()[1]];
        let hoisted = decomposer.hoist(parts, keys.iter().any(Option::is_some));
        // Keys that do not fit into their memory at once are used one after the other.
        let together = self.keys().fit_together(keys.iter().copied().flatten());
        let at_once = if together { keys.len().max(1) } else { 1 };
        for keys in keys.chunks(at_once) {
            let held = keys
                .iter()
                .map(|key| key.map(|key| Ok((key, key.key()?))).transpose())
                .collect::<Result<Vec<_>, EvaluationError>>()?;
            let keys: Vec<_> = held
                .iter()
                .map(|held| held.as_ref().map(rotation_key))
                .collect();
            decomposer.add_rotations(&mut sum.parts, &hoisted, &keys);
        }
        Ok(())
    }

    /// The ciphertext that a sum stands for: the division by P.
    ///
    /// # Errors
    /// If the sum belongs to other parameters.
    pub fn divide(&self, sum: Undivided) -> Result<Ciphertext, EvaluationError> {
        self.check_own(&sum.parameters)?;
        let parts = self.parameters().mod_down(sum.level).divide_pair(sum.parts);
        Ok(Ciphertext::new(self.parameters(), parts.into(), sum.scale))
    }

    /// The same rescaled: one division by P and the last prime of Q together.
    ///
    /// # Errors
    /// As [`divide`](Self::divide) and [`rescale`](Self::rescale).
    pub fn divide_rescale(&self, sum: Undivided) -> Result<Ciphertext, EvaluationError> {
        self.check_own(&sum.parameters)?;
        let divider = self.parameters().mod_down_rescaler(sum.level);
        let (divider, scale) = self.rescaled(sum.level, sum.scale, divider)?;
        let parts = divider.divide_pair(sum.parts);
        Ok(Ciphertext::new(self.parameters(), parts.into(), scale))
    }

    /// Whether rotations of ciphertexts of this level by all these steps can be done.
    pub(super) fn can_rotate(&self, steps: &[i64], level: usize) -> bool {
        let log_n = self.parameters().log_n();
        steps.iter().all(|&k| {
            let element = GaloisElement::rotation(k, log_n);
            let key = self.keys.galois(element);
            element == GaloisElement::rotation(0, log_n)
                || key.is_some_and(|key| level <= key.level())
        })
    }
}

fn rotation_key<'a>((key, switching): &'a (&GaloisKey, Arc<SwitchingKey>)) -> RotationKey<'a> {
    RotationKey {
        weights: switching.weights(),
        automorphism: key.automorphism(),
    }
}
