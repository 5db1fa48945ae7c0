//! Intervals of the real line and their affine maps to [-1, 1].

/// A factor up to this is taken for an integer factor if it is one.
const MAX_INTEGER_FACTOR: f64 = (1u64 << 30) as f64;

/// A checked interval [a, b] with the map u = factor x + offset to [-1, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) factor: f64,
    pub(super) offset: f64,
}

impl Interval {
    pub(super) const UNIT: Self = Self {
        low: -1.0,
        high: 1.0,
        factor: 1.0,
        offset: 0.0,
    };

    /// Nothing if the interval has no inside, or its ends are not finite.
    pub(super) fn new((low, high): (f64, f64)) -> Option<Self> {
        let width = high - low;
        let (factor, offset) = (2.0 / width, -(low + high) / width);
        (width > 0.0 && factor.is_normal() && offset.is_finite()).then_some(Self {
            low,
            high,
            factor,
            offset,
        })
    }

    /// From [a, b] to [-1, 1].
    pub(super) fn to_unit(self, x: f64) -> f64 {
        self.factor * x + self.offset
    }

    /// From [-1, 1] to [a, b].
    pub(super) fn at_unit(self, u: f64) -> f64 {
        0.5 * ((1.0 - u) * self.low + (1.0 + u) * self.high)
    }

    /// The factor of the map if it is an integer, which costs a ciphertext no level.
    pub(super) fn integer_factor(self) -> Option<i64> {
        (self.factor.fract() == 0.0 && self.factor <= MAX_INTEGER_FACTOR)
            .then_some(self.factor as i64)
    }
}
