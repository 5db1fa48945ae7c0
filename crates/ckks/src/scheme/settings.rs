//! What all sides agree on.

use super::stamp::Stamp;
use crate::circuits::{BootstrappingPlan, Precision, SlotKind};
use crate::keys::KeyPlan;
use crate::parameters::{Parameters, ParametersLiteral, Preset};
use crate::scheme::SchemeError;

/// Beyond, too little of the precision would be left for values near 1.
const MAX_BOUND: f64 = 65536.0;
/// More do not fit under the security table.
const MAX_LEVELS: usize = 63;
/// The largest ring.
const MAX_LOG_N: u32 = 17;
/// The shortest vectors that are bootstrapped: a shorter one repeats within them as well.
const MIN_BOOTSTRAPPED: usize = 64;

/// What happens when the levels of a vector run out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bootstrapping {
    /// The computation ends in an error that says how many levels it needs.
    #[default]
    Never,
    /// The vector is bootstrapped by bootstrapping, as often as it must be. The parameters are those of
    /// [`Preset::N16Bootstrapping`], whatever [`Settings::levels`] says: 15 levels from one time to the
    /// next. Each time takes seconds, and the server gigabytes of memory.
    Automatic,
}

/// What owner, contributors and server agree on. Nothing in it is secret.
///
/// ```
/// use tapetum_ckks::scheme::Settings;
///
/// let settings = Settings::new(1000).bound(50.0);
/// assert_eq!(settings.smallest_difference(), 0.5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    length: usize,
    levels: usize,
    bound: f64,
    precision: Precision,
    bootstrapping: Bootstrapping,
    parameters: Option<ParametersLiteral>,
}

impl Settings {
    /// Vectors of `length` numbers, between -1 and 1 unless a [`bound`](Self::bound) says otherwise.
    pub fn new(length: usize) -> Self {
        Self {
            length,
            levels: 16,
            bound: 1.0,
            precision: Precision::new(8).expect("a precision that there is"),
            bootstrapping: Bootstrapping::Never,
            parameters: None,
        }
    }

    /// How many levels a computation may use up; 16 if nothing is said, which is enough for one
    /// comparison and a few products. More levels make everything slower and larger.
    pub fn levels(self, levels: usize) -> Self {
        Self { levels, ..self }
    }

    /// No value, input, result or anything in between, may be further from 0 than this. It is
    /// rounded up to a power of two, at least 1/2.
    pub fn bound(self, bound: f64) -> Self {
        Self { bound, ..self }
    }

    /// How exact comparisons are; 8 bits if nothing is said.
    pub fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// What happens when levels run out; an error if nothing is said.
    pub fn bootstrapping(self, bootstrapping: Bootstrapping) -> Self {
        Self {
            bootstrapping,
            ..self
        }
    }

    /// Parameters of one's own, in place of those that follow from the levels, the length and
    /// [`bootstrapping`](Self::bootstrapping). To bootstrapping they must have bootstrapping.
    pub fn parameters(self, literal: ParametersLiteral) -> Self {
        Self {
            parameters: Some(literal),
            ..self
        }
    }

    /// Differences from this on are decided by comparisons: 2^(1 - bits) of the bound.
    pub fn smallest_difference(&self) -> f64 {
        self.precision.threshold() * unit(self.bound)
    }

    /// Checks everything.
    pub(super) fn check(&self) -> Result<Setup, SchemeError> {
        let &Self {
            length,
            bound,
            precision,
            ..
        } = self;
        if !(bound > 0.0 && bound <= MAX_BOUND) {
            return Err(SchemeError::Bound(bound));
        }
        let parameters = Parameters::new(self.literal()?)?;
        let slots = parameters.slots();
        if !(1..=slots).contains(&length) {
            return Err(SchemeError::Length(length));
        }
        let period = length.next_power_of_two();
        let bootstrapping = match self.bootstrapping {
            Bootstrapping::Never => None,
            Bootstrapping::Automatic => {
                let period = period.max(MIN_BOOTSTRAPPED);
                Some(BootstrappingPlan::new(&parameters, period, SlotKind::Real)?)
            }
        };
        Ok(Setup {
            parameters,
            length,
            unit: unit(bound),
            precision,
            bootstrapping,
        })
    }

    /// The smallest parameters for the levels and the length.
    fn literal(&self) -> Result<ParametersLiteral, SchemeError> {
        let &Self { length, levels, .. } = self;
        let fits = |literal: &ParametersLiteral| length <= 1 << (literal.log_n - 1);
        let literal = match (&self.parameters, self.bootstrapping) {
            (Some(literal), _) => literal.clone(),
            (None, Bootstrapping::Automatic) => Preset::N16Bootstrapping.literal(),
            (None, Bootstrapping::Never) => {
                let mut literal = (levels <= MAX_LEVELS)
                    .then(|| ParametersLiteral::for_levels(levels, super::LOG_SCALE))
                    .flatten()
                    .ok_or(SchemeError::Levels(levels))?;
                // A larger ring than the levels need is safe, too.
                while !fits(&literal) && literal.log_n < MAX_LOG_N {
                    literal.log_n += 1;
                }
                literal
            }
        };
        Ok(literal)
    }
}

/// Twice the bound, so that differences stay within 1.
fn unit(bound: f64) -> f64 {
    (2.0 * bound).log2().ceil().max(0.0).exp2()
}

/// Settings that have been checked.
///
/// What is encrypted is a vector divided by the unit, which is twice the bound: so the difference of two
/// values is in [-1, 1], where comparisons work. The vector is filled up with zeros to a
/// power of two, the period, and repeated over all slots, so that rotations are cyclic.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub parameters: Parameters,
    pub length: usize,
    /// A power of two, at least 1.
    pub unit: f64,
    pub precision: Precision,
    /// How vectors are bootstrapped, if they are.
    pub bootstrapping: Option<BootstrappingPlan>,
}

impl Setup {
    /// Slots after which the vector comes again.
    pub fn period(&self) -> usize {
        self.length.next_power_of_two()
    }

    /// Whether some slots belong to no number.
    pub fn has_padding(&self) -> bool {
        self.period() != self.length
    }

    /// The largest magnitude of a value.
    pub fn bound(&self) -> f64 {
        self.unit / 2.0
    }

    /// What vectors carry of the settings.
    pub fn stamp(&self) -> Stamp {
        Stamp {
            length: self.length as u64,
            bound: self.bound(),
        }
    }

    /// The largest magnitude of a result: comparisons give 1 whatever the bound is, and within their error.
    pub fn largest_result(&self) -> f64 {
        self.bound().max(1.0) * (1.0 + self.precision.error())
    }

    /// How many times the bound a value can be at this level before it comes back as another one.
    pub fn room(&self, level: usize) -> f64 {
        (self.parameters.log_q(level) - self.parameters.scale(level).log2()).exp2()
    }

    /// Whether there is a value for each number, within `bound`.
    pub fn check_values(&self, values: &[f64], bound: f64) -> Result<(), SchemeError> {
        let (expected, found) = (self.length, values.len());
        if found != expected {
            return Err(SchemeError::VectorLength { expected, found });
        }
        // A NaN is within no bound.
        let within = |value: f64| value.abs() <= bound;
        match values.iter().position(|&value| !within(value)) {
            None => Ok(()),
            Some(index) => Err(SchemeError::Beyond {
                value: values[index],
                index,
                bound,
            }),
        }
    }

    /// What is encrypted in place of the values.
    pub fn encoded(&self, values: &[f64]) -> Vec<f64> {
        let mut slots = self.slots(values);
        slots.iter_mut().for_each(|slot| *slot /= self.unit);
        slots
    }

    /// One value for each slot.
    pub fn slots(&self, values: &[f64]) -> Vec<f64> {
        let mut period = values.to_vec();
        period.resize(self.period(), 0.0);
        period.repeat(self.parameters.slots() / self.period())
    }

    /// All keys that a server needs: for products, and for rotations by powers of two, of which any
    /// other is made.
    pub fn key_plan(&self) -> KeyPlan {
        let rotations = (0..self.period().ilog2()).map(|k| 1 << k);
        let plan = KeyPlan::new(&self.parameters)
            .relinearization()
            .rotations(rotations);
        match &self.bootstrapping {
            Some(bootstrapping) => plan.join(&bootstrapping.keys()),
            None => plan,
        }
    }

    /// The lowest level that a vector may come to: from there it can be bootstrapped.
    pub fn lowest_level(&self) -> usize {
        self.bootstrapping.as_ref().map_or(0, |b| b.input_level())
    }
}
