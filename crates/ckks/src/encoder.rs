//! Encoding: vectors of real or complex numbers to and from plaintext polynomials.

use std::fmt;
use std::sync::Arc;

use num_complex::Complex64;
use tapetum_ring::{Basis, Evaluation, Integers, Poly};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::parameters::Parameters;
use crate::plaintext::Plaintext;
use crate::special_fft::SpecialFft;

/// What a slot can be encoded from, without a conversion of the whole vector before.
pub(crate) trait SlotValue: Copy + PartialEq {
    /// Whether all values have imaginary part zero.
    const IS_REAL: bool;

    /// Real and imaginary part.
    fn parts(self) -> (f64, f64);
}

impl SlotValue for Complex64 {
    const IS_REAL: bool = false;

    fn parts(self) -> (f64, f64) {
        (self.re, self.im)
    }
}

macro_rules! real_slot_values {
    ($($real:ty)*) => {$(
        impl SlotValue for $real {
            const IS_REAL: bool = true;

            fn parts(self) -> (f64, f64) {
                (self.into(), 0.0)
            }
        }
    )*};
}
real_slot_values!(f64 f32 i32 i16);

/// Why a vector cannot be encoded.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// There are more values than slots.
    #[error("{found} values do not fit into {slots} slots")]
    TooManyValues {
        /// How many values there are.
        found: usize,
        /// How many would fit.
        slots: usize,
    },
    /// A value is infinite or not a number.
    #[error("the value at index {index} is infinite or not a number")]
    NotFinite {
        /// The index of the first such value.
        index: usize,
    },
    /// There is no such level.
    #[error("there is no level {level}: the parameters end at level {max}")]
    Level {
        /// The level that was asked for.
        level: usize,
        /// The highest level.
        max: usize,
    },
    /// The scale is not a usable factor.
    #[error("a scale of {0:e} is not a finite number of at least 1")]
    Scale(f64),
    /// The scaled values do not fit under the modulus.
    #[error(
        "values of magnitude {largest:.3e} are too large for a scale of 2^{log_scale:.1} at level \
         {level}, where numbers up to 2^{log_capacity:.1} fit: divide the values, lower the scale \
         or encode at a higher level"
    )]
    TooLarge {
        /// The largest magnitude among the values.
        largest: f64,
        /// log2 of the scale.
        log_scale: f64,
        /// The level.
        level: usize,
        /// log2 of the largest coefficient that fits.
        log_capacity: f64,
    },
}

/// Turns vectors of up to N/2 numbers into plaintexts and back (Cheon, Kim, Kim, Song, 2017,
/// section 3.2).
///
/// The plaintext polynomial takes the value `scale * values[j]` at the root zeta^(5^j) of
/// X^N + 1, up to the rounding of its coefficients to integers: about sqrt(N/12) / scale in each
/// slot. So adding and multiplying polynomials adds and multiplies slot by slot, the automorphism
/// X -> X^(5^k) moves slot j + k to slot j, and X -> X^(2N-1) conjugates each slot.
///
/// Cheap to clone, and free of hidden state.
///
/// ```
/// use tapetum_ckks::{Encoder, Parameters, Preset};
///
/// let encoder = Encoder::new(&Parameters::preset(Preset::N13));
/// let plaintext = encoder.encode(&[1.5, -0.25], 3)?;
/// let values = encoder.decode(&plaintext);
/// assert_eq!(values.len(), 4096);
/// assert!((values[1] + 0.25).abs() < 1e-8);
/// assert!(values[2].abs() < 1e-8);
/// # Ok::<(), tapetum_ckks::EncodeError>(())
/// ```
#[derive(Clone)]
pub struct Encoder {
    parameters: Parameters,
    fft: Arc<SpecialFft>,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

impl Encoder {
    /// An encoder for these parameters, which keep its table of roots of unity.
    pub fn new(parameters: &Parameters) -> Self {
        Self {
            parameters: parameters.clone(),
            fft: parameters.fft(),
        }
    }

    /// The parameters that it encodes for.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Encodes at the canonical scale of `level`; slots beyond the values become zero.
    ///
    /// # Errors
    /// [`EncodeError`] if there are too many values, one is not finite or too large, or there is
    /// no such level.
    pub fn encode(&self, values: &[f64], level: usize) -> Result<Plaintext, EncodeError> {
        self.encode_at(values, level, self.canonical_scale(level)?)
    }

    /// Encodes at a scale of one's choice, a finite number of at least 1.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), and for an unusable scale.
    pub fn encode_at(
        &self,
        values: &[f64],
        level: usize,
        scale: f64,
    ) -> Result<Plaintext, EncodeError> {
        self.encode_slots(values.iter().copied(), level, scale)
    }

    /// [`encode`](Self::encode) for complex numbers.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_complex(
        &self,
        values: &[Complex64],
        level: usize,
    ) -> Result<Plaintext, EncodeError> {
        self.encode_complex_at(values, level, self.canonical_scale(level)?)
    }

    /// [`encode_at`](Self::encode_at) for complex numbers.
    ///
    /// # Errors
    /// As [`encode_at`](Self::encode_at).
    pub fn encode_complex_at(
        &self,
        values: &[Complex64],
        level: usize,
        scale: f64,
    ) -> Result<Plaintext, EncodeError> {
        self.encode_slots(values.iter().copied(), level, scale)
    }

    /// The real parts of all N/2 slots.
    pub fn decode(&self, plaintext: &Plaintext) -> Vec<f64> {
        let mut slots = self.decode_complex(plaintext);
        let real = slots.iter().map(|z| z.re).collect();
        wipe(&mut slots);
        real
    }

    /// All N/2 slots. The work grows with the square of the plaintext's level.
    ///
    /// A plaintext of another ring degree is decoded as well, with roots made for the occasion.
    pub fn decode_complex(&self, plaintext: &Plaintext) -> Vec<Complex64> {
        let poly = Zeroizing::new(plaintext.poly().clone().into_coefficients());
        let coefficients = Zeroizing::new(poly.to_centered_f64());
        let (real, imaginary) = coefficients.split_at(coefficients.len() / 2);
        let mut values: Vec<_> = real
            .iter()
            .zip(imaginary)
            .map(|(&re, &im)| Complex64::new(re, im) / plaintext.scale())
            .collect();
        let log_n = plaintext.parameters().log_n();
        if log_n == self.parameters.log_n() {
            self.fft.to_slots(&mut values);
        } else {
            SpecialFft::new(log_n).to_slots(&mut values);
        }
        values
    }

    fn canonical_scale(&self, level: usize) -> Result<f64, EncodeError> {
        let max = self.parameters.max_level();
        if level > max {
            return Err(EncodeError::Level { level, max });
        }
        Ok(self.parameters.scale(level))
    }

    fn encode_slots(
        &self,
        values: impl Iterator<Item = impl SlotValue> + Clone,
        level: usize,
        scale: f64,
    ) -> Result<Plaintext, EncodeError> {
        self.canonical_scale(level)?;
        let poly = self.encode_over(self.parameters.q(level), values, level, scale)?;
        Ok(Plaintext::new(&self.parameters, poly, scale))
    }

    /// The polynomial over a basis of one's choice; its coefficients fit under the modulus of
    /// `level`, which exists.
    pub(crate) fn encode_over(
        &self,
        basis: &Basis,
        values: impl Iterator<Item = impl SlotValue> + Clone,
        level: usize,
        scale: f64,
    ) -> Result<Poly<Evaluation>, EncodeError> {
        Ok(self.encode_integers(values, level, scale)?.to_poly(basis))
    }

    /// The coefficients of the polynomial, from which its limbs can be made one at a time; they fit under the
    /// modulus of `level`, which exists.
    fn encode_integers(
        &self,
        values: impl Iterator<Item = impl SlotValue> + Clone,
        level: usize,
        scale: f64,
    ) -> Result<Integers, EncodeError> {
        let (found, slots) = (values.clone().count(), self.parameters.slots());
        if found > slots {
            return Err(EncodeError::TooManyValues { found, slots });
        }
        self.encode_by(&self.fft, values, level, scale)
    }

    /// [`encode_integers`](Self::encode_integers) of `period` values that are repeated in all slots, a power of two of
    /// them: the polynomial is one in the power of X to the number of repetitions, of 2 `period` coefficients.
    pub(crate) fn encode_periodic_integers(
        &self,
        values: impl Iterator<Item = impl SlotValue> + Clone,
        period: usize,
        level: usize,
        scale: f64,
    ) -> Result<Integers, EncodeError> {
        let fft = self.parameters.fft_of(1 + period.ilog2());
        self.encode_by(&fft, values, level, scale)
    }

    fn encode_by(
        &self,
        fft: &SpecialFft,
        values: impl Iterator<Item = impl SlotValue> + Clone,
        level: usize,
        scale: f64,
    ) -> Result<Integers, EncodeError> {
        if !(scale >= 1.0 && scale.is_finite()) {
            return Err(EncodeError::Scale(scale));
        }
        let fill = |real: &mut [f64], imaginary: &mut [f64]| fill(real, imaginary, values.clone());
        let integers = fft.interpolation().coefficients(scale, fill);

        // Half of the range (-Q/2, Q/2) is left to what the plaintext is combined with.
        let log_capacity = (self.parameters.log_q(level) - 2.0).min(Integers::LIMIT.log2());
        if integers.largest() < log_capacity.exp2() {
            return Ok(integers);
        }
        // A value that is not finite leaves no coefficient that is.
        let values = values.map(|v| {
            let (re, im) = v.parts();
            Complex64::new(re, im)
        });
        if let Some(index) = values.clone().position(|v| !v.is_finite()) {
            return Err(EncodeError::NotFinite { index });
        }
        Err(EncodeError::TooLarge {
            largest: values.map(|v| v.norm()).fold(0.0, f64::max),
            log_scale: scale.log2(),
            level,
            log_capacity,
        })
    }
}

/// Writes the values to slots and zeros behind them.
fn fill<T: SlotValue>(real: &mut [f64], imaginary: &mut [f64], values: impl Iterator<Item = T>) {
    let mut filled = 0;
    values.for_each(|value| {
        let (re, im) = value.parts();
        real[filled] = re;
        if !T::IS_REAL {
            imaginary[filled] = im;
        }
        filled += 1;
    });
    real[filled..].fill(0.0);
    imaginary[if T::IS_REAL { 0 } else { filled }..].fill(0.0);
}

/// Slots of what may be secret.
fn wipe(slots: &mut [Complex64]) {
    for slot in slots {
        slot.re.zeroize();
        slot.im.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Preset;
    use proptest::prelude::*;
    use tapetum_ring::{Automorphism, GaloisElement};

    fn encoder() -> Encoder {
        Encoder::new(&Parameters::preset(Preset::N13))
    }

    fn vector() -> impl Strategy<Value = Vec<Complex64>> {
        let one = (-1.0..1.0, -1.0..1.0).prop_map(|(re, im)| Complex64::new(re, im));
        prop::collection::vec(one, 4096).no_shrink()
    }

    fn mapped(plaintext: &Plaintext, element: GaloisElement) -> Plaintext {
        let poly = Automorphism::new(element).apply(plaintext.poly());
        Plaintext::new(plaintext.parameters(), poly, plaintext.scale())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]
        #[test]
        fn automorphisms_rotate_and_conjugate(v in vector(), steps in -5000i64..5000) {
            let encoder = encoder();
            let n = v.len();
            let plaintext = encoder.encode_complex(&v, 1).unwrap();
            for k in [0, 1, -1, 2048, steps] {
                let rotated = mapped(&plaintext, GaloisElement::rotation(k, 13));
                for (i, z) in encoder.decode_complex(&rotated).into_iter().enumerate() {
                    let source = (i as i64 + k).rem_euclid(n as i64) as usize;
                    prop_assert!((z - v[source]).norm() < 1e-8);
                }
            }
            let conjugate = mapped(&plaintext, GaloisElement::conjugation(13));
            for (z, v) in encoder.decode_complex(&conjugate).iter().zip(&v) {
                prop_assert!((z - v.conj()).norm() < 1e-8);
            }
        }

        #[test]
        fn products_of_polynomials_are_products_of_slots(a in vector(), b in vector()) {
            let encoder = encoder();
            let (x, y) = (
                encoder.encode_complex(&a, 3).unwrap(),
                encoder.encode_complex_at(&b, 3, 2f64.powi(30)).unwrap(),
            );
            let mut product = x.poly().clone();
            product.mul_assign(y.poly());
            let product = Plaintext::new(x.parameters(), product, x.scale() * y.scale());
            for ((z, a), b) in encoder.decode_complex(&product).iter().zip(&a).zip(&b) {
                // 2^-30 sqrt(N/12) per slot of b, a factor of 6 for the largest of 4096.
                prop_assert!((z - a * b).norm() < 6.0 * 2f64.powi(-30) * 40.0);
            }
        }
    }
}
