//! Real polynomials in the monomial or the Chebyshev basis.

use thiserror::Error;

use super::interval::Interval;

/// Why numbers are no [`Polynomial`].
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum PolynomialError {
    /// There is not one coefficient.
    #[error("a polynomial needs at least one coefficient")]
    Empty,
    /// A coefficient is infinite or not a number.
    #[error("the coefficient at index {index} is infinite or not a number")]
    NotFinite {
        /// The index of the first such coefficient.
        index: usize,
    },
    /// The interval has no inside, or its ends are not finite.
    #[error("[{low}, {high}] is not an interval: it needs finite ends, the lower one first")]
    Interval {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// The degree is beyond what is useful.
    #[error("a degree of {0} is more than {max}", max = Polynomial::MAX_DEGREE)]
    Degree(usize),
    /// The function to approximate has no finite value somewhere in the interval.
    #[error("the function is infinite or not a number at {at}")]
    Function {
        /// Where.
        at: f64,
    },
}

/// What the coefficients are coefficients of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Basis {
    /// x^k.
    Monomial,
    /// T_k(u), u the image of x under the affine map of the interval to [-1, 1].
    Chebyshev(Interval),
}

/// A polynomial with real coefficients: a function for encrypted numbers
/// ([`Evaluator::evaluate_polynomial`](crate::Evaluator::evaluate_polynomial)) and, by
/// [`eval`](Self::eval), the same function in the clear.
///
/// The Chebyshev basis is the one for degrees above 7 or so: on its interval all T_k are between
/// -1 and 1, so neither coefficients nor intermediate values grow. Powers of x suit low degrees,
/// and numbers that are about 1 in magnitude. What lies outside the interval of a Chebyshev
/// polynomial, or far outside [-1, 1] for the monomial basis, makes values that grow with the power
/// of the degree and overflow an encrypted evaluation without a sign.
///
/// ```
/// use tapetum_ckks::Polynomial;
///
/// let cubic = Polynomial::monomial([0.5, 0.25, 0.0, -0.02])?;
/// assert_eq!((cubic.degree(), cubic.depth()), (3, 2));
/// assert_eq!(cubic.eval(1.0), 0.73);
/// # Ok::<(), tapetum_ckks::PolynomialError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Polynomial {
    basis: Basis,
    /// The constant first; the last one is zero only if it is the only one.
    coefficients: Vec<f64>,
}

impl Polynomial {
    /// The highest degree: it needs 12 levels.
    pub const MAX_DEGREE: usize = 4095;

    /// The sum of `coefficients[k]` x^k.
    ///
    /// # Errors
    /// If there is no coefficient, one is not finite, or there are too many.
    pub fn monomial(coefficients: impl Into<Vec<f64>>) -> Result<Self, PolynomialError> {
        Self::new(Basis::Monomial, coefficients.into())
    }

    /// The sum of `coefficients[k]` T_k(u), where u = (2x - a - b) / (b - a) runs over [-1, 1]
    /// while x runs over the interval [a, b].
    ///
    /// # Errors
    /// As [`monomial`](Self::monomial), and if the interval is none.
    pub fn chebyshev(
        coefficients: impl Into<Vec<f64>>,
        interval: (f64, f64),
    ) -> Result<Self, PolynomialError> {
        let interval = checked(interval)?;
        Self::new(Basis::Chebyshev(interval), coefficients.into())
    }

    pub(super) fn new(basis: Basis, mut coefficients: Vec<f64>) -> Result<Self, PolynomialError> {
        if coefficients.is_empty() {
            return Err(PolynomialError::Empty);
        }
        if let Some(index) = coefficients.iter().position(|c| !c.is_finite()) {
            return Err(PolynomialError::NotFinite { index });
        }
        let degree = coefficients.iter().rposition(|&c| c != 0.0).unwrap_or(0);
        check_degree(degree)?;
        coefficients.truncate(degree + 1);
        Ok(Self {
            basis,
            coefficients,
        })
    }

    pub(super) fn basis(&self) -> Basis {
        self.basis
    }

    /// The coefficients, the constant first.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The interval of a polynomial in the Chebyshev basis.
    pub fn interval(&self) -> Option<(f64, f64)> {
        match self.basis {
            Basis::Monomial => None,
            Basis::Chebyshev(interval) => Some((interval.low, interval.high)),
        }
    }

    /// The index of the last coefficient that is not zero.
    pub fn degree(&self) -> usize {
        self.coefficients.len() - 1
    }

    /// The levels that an encrypted evaluation takes: ceil(log2(degree + 1)), and one more for the
    /// map from the interval [a, b] of a Chebyshev polynomial unless 2 / (b - a) is an integer
    /// (it is for [-1, 1] and [0, 1]).
    pub fn depth(&self) -> usize {
        let map = match self.basis {
            Basis::Chebyshev(interval) if self.degree() > 0 => {
                usize::from(interval.integer_factor().is_none())
            }
            _ => 0,
        };
        map + self.multiplications_in_a_row() as usize
    }

    /// ceil(log2(degree + 1)).
    pub(super) fn multiplications_in_a_row(&self) -> u32 {
        usize::BITS - self.degree().leading_zeros()
    }

    /// The value at x, by the rule of Horner or of Clenshaw (1955).
    pub fn eval(&self, x: f64) -> f64 {
        match self.basis {
            Basis::Monomial => self.coefficients.iter().rev().fold(0.0, |p, c| p * x + c),
            Basis::Chebyshev(interval) => {
                let u = interval.to_unit(x);
                let (first, second) = self.coefficients[1..]
                    .iter()
                    .rev()
                    .fold((0.0, 0.0), |(b1, b2), c| (c + 2.0 * u * b1 - b2, b1));
                self.coefficients[0] + u * first - second
            }
        }
    }

    /// The polynomial q on [-1, 1] with q(u) = p(x), u the image of x in the map from the interval
    /// of this one: for arguments that are computed as u in the first place, so that no level goes
    /// into the map. One in the monomial basis stays as it is.
    pub fn on_unit_interval(&self) -> Self {
        let basis = match self.basis {
            Basis::Monomial => Basis::Monomial,
            Basis::Chebyshev(_) => Basis::Chebyshev(Interval::UNIT),
        };
        Self {
            basis,
            coefficients: self.coefficients.clone(),
        }
    }

    /// The same polynomial in powers of x: for low degrees, where it saves the level of the map
    /// from the interval. The price is precision: an encrypted evaluation multiplies small
    /// coefficients, with errors that do not shrink with them, by large powers, and so has errors
    /// about max |x|^(degree - 1) times those in the Chebyshev basis.
    ///
    /// # Errors
    /// If a coefficient overflows.
    pub fn to_monomial(&self) -> Result<Self, PolynomialError> {
        let Basis::Chebyshev(interval) = self.basis else {
            return Ok(self.clone());
        };
        // Clenshaw's rule on polynomials in x instead of numbers.
        let times_u = |p: &[f64]| {
            let mut product = vec![0.0; p.len() + 1];
            for (k, c) in p.iter().enumerate() {
                product[k] += interval.offset * c;
                product[k + 1] += interval.factor * c;
            }
            product
        };
        let step = |c: f64, twice: f64, b1: &[f64], b2: &[f64]| {
            let mut b0 = times_u(b1);
            b0.iter_mut().for_each(|x| *x *= twice);
            b0.iter_mut().zip(b2).for_each(|(x, y)| *x -= y);
            b0[0] += c;
            b0
        };
        let (mut b1, mut b2) = (Vec::new(), Vec::new());
        for &c in self.coefficients[1..].iter().rev() {
            let b0 = step(c, 2.0, &b1, &b2);
            b2 = std::mem::replace(&mut b1, b0);
        }
        Self::monomial(step(self.coefficients[0], 1.0, &b1, &b2))
    }
}

pub(super) fn checked((low, high): (f64, f64)) -> Result<Interval, PolynomialError> {
    Interval::new((low, high)).ok_or(PolynomialError::Interval { low, high })
}

pub(super) fn check_degree(degree: usize) -> Result<(), PolynomialError> {
    if degree <= Polynomial::MAX_DEGREE {
        Ok(())
    } else {
        Err(PolynomialError::Degree(degree))
    }
}
