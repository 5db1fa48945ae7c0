//! Sums over samples, from which features are standardised as by the samples themselves.
//!
//! The sums of several sites add up, so that statistics of all their samples can be published while nobody sees those of
//! one. With a feature x go its square, if the pipeline has squares, and all products of two such numbers: they give the
//! means and the covariance of everything that a [`Standardizer`](crate::Standardizer) makes, but for its clipping.

use crate::cholesky::triangle;
use crate::matrix::check_finite;
use crate::{Error, Features};

/// Most numbers of a sample: their products are half as many as its square.
const MOST_NUMBERS: usize = 1024;
/// Of a variance that is so small beside the mean square, nothing but rounding is left.
const VANISHING: f64 = 1e-9;

/// Sums over samples of all products of two of the numbers (1, x_1, ..., x_d), or
/// (1, x_1, ..., x_d, x_1^2, ..., x_d^2) with squares.
#[derive(Clone, PartialEq)]
pub struct Moments {
    columns: usize,
    squares: bool,
    /// A packed lower triangle.
    sums: Vec<f64>,
}

impl Moments {
    /// Those of samples, in features that nothing has been done to.
    ///
    /// # Errors
    /// [`Error::Option`] if there are more than 1,023 features, or 511 with squares.
    pub fn of(features: &Features, squares: bool) -> Result<Self, Error> {
        let columns = features.cols();
        let size = numbers(columns, squares)?;
        let mut sums = vec![0.0; triangle(size)];
        let mut row = Vec::with_capacity(size);
        for x in features.values().chunks_exact(columns) {
            row.clear();
            row.push(1.0);
            row.extend(x);
            if squares {
                row.extend(x.iter().map(|x| x * x));
            }
            for (i, a) in row.iter().enumerate() {
                for (sum, b) in sums[triangle(i)..=triangle(i) + i].iter_mut().zip(&row) {
                    *sum += a * b;
                }
            }
        }
        check_finite("sums of products of features", size, &sums)?;
        Ok(Self {
            columns,
            squares,
            sums,
        })
    }

    /// From sums that several sites' [`sums`](Self::sums) add up to.
    ///
    /// # Errors
    /// [`Error`] if they cannot be those of at least two samples in so many features.
    pub fn from_sums(columns: usize, squares: bool, sums: Vec<f64>) -> Result<Self, Error> {
        let size = numbers(columns, squares)?;
        if sums.len() != triangle(size) {
            return Err(Error::Inconsistent(format!(
                "{} sums are not those of {columns} features",
                sums.len()
            )));
        }
        check_finite("sums of products of features", size, &sums)?;
        let moments = Self {
            columns,
            squares,
            sums,
        };
        let whole = moments.samples();
        if !(2.0..=9e15).contains(&whole) || whole.fract() != 0.0 {
            return Err(Error::TooFew(format!(
                "statistics need two rows or more, and these are of {whole}"
            )));
        }
        Ok(moments)
    }

    /// All sums, in a fixed order.
    pub fn sums(&self) -> &[f64] {
        &self.sums
    }

    /// Features of a sample.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether squares are among the numbers.
    pub fn has_squares(&self) -> bool {
        self.squares
    }

    /// The number of samples.
    pub fn samples(&self) -> f64 {
        self.sums[0]
    }

    /// The mean of the product of numbers i and j of a sample, the first of which is 1.
    fn mean_of(&self, i: usize, j: usize) -> f64 {
        self.sums[triangle(i.max(j)) + i.min(j)] / self.samples()
    }

    /// Mean and standard deviation of feature j, the latter 0 if it is constant, both rounded.
    pub(crate) fn statistics(&self, j: usize) -> (f64, f64) {
        let (mean, square) = (self.mean_of(0, j + 1), self.mean_of(j + 1, j + 1));
        let variance = square - mean * mean;
        if variance <= VANISHING * square {
            return (0.0, 0.0);
        }
        let std = rounded(variance.sqrt(), variance.sqrt());
        (rounded(mean, std), std)
    }

    /// Mean and variance of `form`, a sum of multiples of the numbers.
    pub(crate) fn spread(&self, form: &Form) -> (f64, f64) {
        let mean = form
            .iter()
            .map(|(i, a)| a * self.mean_of(0, *i))
            .sum::<f64>();
        (mean, self.product(form, form) - mean * mean)
    }

    /// The mean of the product of two such sums.
    pub(crate) fn product(&self, a: &Form, b: &Form) -> f64 {
        let terms = a
            .iter()
            .flat_map(|(i, a)| b.iter().map(move |(j, b)| (*i, *j, a * b)));
        terms
            .map(|(i, j, factor)| factor * self.mean_of(i, j))
            .sum()
    }

    /// Whether a variance is more than rounding, beside the mean square that it is computed from.
    pub(crate) fn varies(variance: f64, square: f64) -> bool {
        variance > VANISHING * square.max(1.0)
    }
}

/// Multiples of the numbers of a sample, by their places.
pub(crate) type Form = Vec<(usize, f64)>;

/// To a thousandth of `unit` or better: published statistics say no more than standardising takes.
pub(crate) fn rounded(x: f64, unit: f64) -> f64 {
    let step = 10f64.powi(unit.abs().log10().floor() as i32 - 2);
    // Divided by a power of ten where that is exact, so that few digits are written.
    match step < 1.0 {
        true => (x / step).round() / step.recip().round(),
        false => (x / step).round() * step,
    }
}

fn numbers(columns: usize, squares: bool) -> Result<usize, Error> {
    let size = columns
        .saturating_mul(1 + usize::from(squares))
        .saturating_add(1);
    if columns > 0 && size <= MOST_NUMBERS {
        return Ok(size);
    }
    Err(Error::Option {
        name: "features",
        value: columns.to_string(),
        expected: "at least one, and at most 1023 to pool their statistics, or 511 with squares",
    })
}

/// Shape only: sums are as private as the samples.
impl std::fmt::Debug for Moments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Moments({} features, squares: {})",
            self.columns, self.squares
        )
    }
}
