//! How exact a comparison is, and its value in the clear.

use thiserror::Error;

use super::coefficients::{Composition, SIGN};
use crate::circuits::Polynomial;

/// There is no comparison of this precision.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "comparisons are precise to between {min} and {max} bits, not {0}",
    min = Precision::MIN_BITS,
    max = Precision::MAX_BITS
)]
pub struct PrecisionError(u32);

/// How near to a tie a comparison still decides: a precision of alpha bits decides differences of
/// 2^-alpha or more, with an error of 2^-alpha or less.
///
/// Behind it is a composition of minimax polynomials that approximates the sign with the fewest
/// levels (Lee, Lee, No, Kim, 2022). On arguments in [-1, 1] the clear value s(x) is odd and
///
/// * within [`error`](Self::error) of the sign where |x| is at least
///   [`threshold`](Self::threshold): these arguments are *decided*;
/// * rising from s(-threshold) to s(threshold) in between, the *undecided* ones: of the right sign
///   and never beyond what it is at the threshold.
///
/// Beyond [-1, 1] it is nonsense: scale differences so that they stay there, as those of numbers
/// in [0, 1] do.
///
/// ```
/// use tapetum_ckks::Precision;
///
/// let precision = Precision::new(8)?;
/// assert_eq!((precision.threshold(), precision.levels()), (1.0 / 256.0, 11));
/// assert!((precision.sign_clear(0.005) - 1.0).abs() <= precision.error());
/// assert!(precision.sign_clear(0.001) > 0.0);
/// assert_eq!(precision.greater_than_clear(0.3, 0.3), 0.5);
/// # Ok::<(), tapetum_ckks::PrecisionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Precision {
    bits: u32,
}

impl Precision {
    /// The coarsest precision.
    pub const COARSEST: Self = Self {
        bits: Self::MIN_BITS,
    };
    /// Its bits.
    pub const MIN_BITS: u32 = 4;
    /// The finest precision.
    pub const MAX_BITS: u32 = Self::MIN_BITS + SIGN.len() as u32 - 1;

    /// A precision of 2^-`bits`.
    ///
    /// # Errors
    /// If `bits` is not between [`MIN_BITS`](Self::MIN_BITS) and [`MAX_BITS`](Self::MAX_BITS).
    pub fn new(bits: u32) -> Result<Self, PrecisionError> {
        if (Self::MIN_BITS..=Self::MAX_BITS).contains(&bits) {
            Ok(Self { bits })
        } else {
            Err(PrecisionError(bits))
        }
    }

    /// All precisions, the coarsest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (Self::MIN_BITS..=Self::MAX_BITS).map(|bits| Self { bits })
    }

    /// alpha: the number of bits.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// 2^-alpha: arguments of at least this absolute value are decided.
    pub fn threshold(self) -> f64 {
        0.5f64.powi(self.bits as i32)
    }

    /// The largest distance of s(x) from the sign on decided arguments, at most 2^(1 - alpha).
    /// Comparisons halve it. An encrypted evaluation adds its rounding errors.
    pub fn error(self) -> f64 {
        self.composition().1
    }

    /// The degrees of the polynomials, in the order of their evaluation.
    pub fn degrees(self) -> impl Iterator<Item = usize> {
        self.composition().0.iter().map(|odd| 2 * odd.len() - 1)
    }

    /// The levels that [`sign`](crate::Evaluator::sign) and
    /// [`greater_than`](crate::Evaluator::greater_than) take. [`max`](crate::Evaluator::max) and
    /// [`relu`](crate::Evaluator::relu) take one more.
    pub fn levels(self) -> usize {
        self.degrees()
            .map(|degree| (degree + 1).next_power_of_two().ilog2() as usize)
            .sum()
    }

    /// s(x): the sign, if x is decided.
    pub fn sign_clear(self, x: f64) -> f64 {
        self.sign_polynomials().iter().fold(x, |x, p| p.eval(x))
    }

    /// (1 + s(a - b)) / 2: 1 if a > b, 0 if a < b and 1/2 if they are equal.
    pub fn greater_than_clear(self, a: f64, b: f64) -> f64 {
        0.5 + 0.5 * self.sign_clear(a - b)
    }

    /// x (1 + s(x)) / 2: within [`threshold`](Self::threshold) of max(x, 0) for all x in
    /// [-1, 1], undecided ones included.
    pub fn relu_clear(self, x: f64) -> f64 {
        self.relu_function()(x)
    }

    /// [`relu_clear`](Self::relu_clear), for many values.
    pub fn relu_function(self) -> impl Fn(f64) -> f64 {
        let step = self.step_polynomials(1.0);
        move |x| x * step.iter().fold(x, |x, p| p.eval(x))
    }

    /// b + relu(a - b): within [`threshold`](Self::threshold) of the larger one.
    pub fn max_clear(self, a: f64, b: f64) -> f64 {
        b + self.relu_clear(a - b)
    }

    /// s(x) = p_k(... p_1(x)).
    pub(super) fn sign_polynomials(self) -> Vec<Polynomial> {
        self.polynomials(0.0, 1.0)
    }

    /// `height` (1 + s(x)) / 2, which takes no level more than s.
    pub(super) fn step_polynomials(self, height: f64) -> Vec<Polynomial> {
        self.polynomials(0.5 * height, 0.5 * height)
    }

    /// `constant` + `factor` s(x): the last polynomial absorbs them.
    fn polynomials(self, constant: f64, factor: f64) -> Vec<Polynomial> {
        let (stages, _) = self.composition();
        let polynomial = |(i, odd): (usize, &&[f64])| {
            let last = i + 1 == stages.len();
            let (constant, factor) = if last { (constant, factor) } else { (0.0, 1.0) };
            let mut coefficients = vec![0.0; 2 * odd.len()];
            coefficients[0] = constant;
            for (c, odd) in coefficients[1..].iter_mut().step_by(2).zip(*odd) {
                *c = factor * odd;
            }
            Polynomial::chebyshev(coefficients, (-1.0, 1.0)).expect("the table is tested")
        };
        stages.iter().enumerate().map(polynomial).collect()
    }

    fn composition(self) -> Composition {
        SIGN[(self.bits - Self::MIN_BITS) as usize]
    }
}
