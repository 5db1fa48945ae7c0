//! How far decrypted values are rounded, so that their last digits do not give the secret key away.

use num_complex::Complex64;

use crate::parameters::Parameters;

/// A step, a power of two or of ten, to multiples of which decrypted values are rounded.
///
/// Whoever holds a ciphertext and all digits of what it decrypts to has its noise, and from a few
/// thousand such numbers the secret key, by linear algebra (Li, Micciancio, 2021). Rounded to a step far
/// above the noise they are equations with errors as large as the step, larger than those of the
/// encryption itself. That is no proof, as flooding has one: a value that somebody chose to lie on the
/// border between two multiples still tells on which side the noise has put it.
///
/// ```
/// use tapetum_ckks::Rounding;
///
/// let rounding = Rounding::above(1e-6);
/// assert_eq!(rounding.step(), 1.0 / 2048.0);
/// assert_eq!(rounding.round(0.1), 205.0 / 2048.0);
/// assert_eq!(rounding.decimals(), 4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounding {
    /// Steps in one: exact where the step is not.
    units: f64,
}

impl Rounding {
    /// A step is at least so many standard deviations of the noise: of a hundred values one is as
    /// near to a border as the noise reaches.
    const MARGIN: f64 = 256.0;
    /// The standard deviation of what bootstrapping leaves of values of magnitude 1.
    const BOOTSTRAPPING: f64 = 1.0 / (1 << 18) as f64;

    /// For values whose noise has this standard deviation. No step is below 2^-60.
    ///
    /// # Panics
    /// If that is no finite number of at least 0.
    pub fn above(deviation: f64) -> Self {
        assert!(deviation >= 0.0 && deviation.is_finite(), "no deviation");
        let step = (Self::MARGIN * deviation).log2().ceil().exp2();
        Self {
            units: step.max(2f64.powi(-60)).recip(),
        }
    }

    /// To so many decimals after the point, for people.
    pub fn to_decimals(decimals: u8) -> Self {
        Self {
            units: 10f64.powi(decimals.into()),
        }
    }

    /// The least for results of this scale, whatever has been computed: a rescaling leaves rounding errors
    /// of sqrt(N / 18) in each coefficient, N / 6 in the real part of a slot. Under parameters with
    /// bootstrapping it is that of a result that has been bootstrapped.
    pub fn at(parameters: &Parameters, scale: f64) -> Self {
        let rescaled = Self::above(parameters.degree() as f64 / 6.0 / scale);
        match parameters.literal().bootstrapping {
            Some(_) => rescaled.or_coarser(Self::above(Self::BOOTSTRAPPING)),
            None => rescaled,
        }
    }

    /// For these slots, which hold real numbers: their imaginary parts are noise, and show how much there is.
    /// At least what [`at`](Self::at) says.
    pub fn of(parameters: &Parameters, scale: f64, slots: &[Complex64]) -> Self {
        let squares: f64 = slots.iter().map(|slot| slot.im * slot.im).sum();
        let deviation = (squares / slots.len() as f64).sqrt();
        Self::at(parameters, scale).or_coarser(Self::above(deviation))
    }

    /// The coarser of both.
    pub fn or_coarser(self, other: Self) -> Self {
        Self {
            units: self.units.min(other.units),
        }
    }

    /// The same for values that are multiplied by a power of two afterwards.
    pub fn times(self, factor: f64) -> Self {
        Self {
            units: self.units / factor,
        }
    }

    /// The distance of two neighbouring results.
    pub fn step(self) -> f64 {
        self.units.recip()
    }

    /// The nearest multiple of the step.
    pub fn round(self, value: f64) -> f64 {
        // Zero without a sign: that would be the noise's.
        (value * self.units).round() / self.units + 0.0
    }

    /// The decimals after the point that tell multiples of the step apart.
    pub fn decimals(self) -> usize {
        self.units.log10().ceil().max(0.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Preset;

    #[test]
    fn steps_are_far_above_what_the_slots_show_and_never_finer_than_the_scale_allows() {
        let parameters = Parameters::preset(Preset::N13);
        let scale = 2f64.powi(36);
        let least = Rounding::at(&parameters, scale);
        // 2^13 / 6 / 2^36 is 2^-25.6.
        assert_eq!(least.step(), 2f64.powi(-17));
        let slots = |noise: f64| vec![Complex64::new(0.7, noise); 16];
        assert_eq!(Rounding::of(&parameters, scale, &slots(0.0)), least);
        let noisy = Rounding::of(&parameters, scale, &slots(-1e-4));
        assert!((256e-4..512e-4).contains(&noisy.step()));
        assert_eq!(noisy.round(0.7), 0.6875);
        assert_eq!((noisy.round(-0.001).to_bits(), noisy.decimals()), (0, 2));
        let bootstrapping = Parameters::preset(Preset::N16Bootstrapping);
        let least = Rounding::at(&bootstrapping, bootstrapping.scale(0));
        assert_eq!(least.step(), 2f64.powi(-10));
        assert_eq!(Rounding::above(1000.0).decimals(), 0);
        assert_eq!(Rounding::above(0.0).round(0.5), 0.5);
        let people = Rounding::to_decimals(3);
        assert_eq!(people.round(12.345_678), 12.346);
        assert_eq!(
            (people.round(-0.000_4).to_bits(), people.decimals()),
            (0, 3)
        );
        assert!(people.round(f64::NAN).is_nan());
        assert_eq!(people.or_coarser(Rounding::above(1e-9)), people);
    }
}
