//! The feature matrix that leaves this crate.

use crate::Error;

/// A row-major matrix of finite numbers, one row per sample.
#[derive(Clone, PartialEq)]
pub struct Features {
    rows: usize,
    cols: usize,
    values: Vec<f64>,
}

impl Features {
    /// A matrix from its values; refuses a wrong length, zero columns, and any NaN or infinity.
    pub fn new(rows: usize, cols: usize, values: Vec<f64>) -> Result<Self, Error> {
        if cols == 0 || rows.checked_mul(cols) != Some(values.len()) {
            return Err(Error::Inconsistent(format!(
                "a matrix of {rows} x {cols} cannot hold {} values",
                values.len()
            )));
        }
        check_finite("features", cols, &values)?;
        Ok(Self { rows, cols, values })
    }

    /// Samples.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Features a sample, the intercept column included.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The features of sample `i`, or `None` past the end.
    pub fn row(&self, i: usize) -> Option<&[f64]> {
        self.values.chunks_exact(self.cols).nth(i)
    }

    /// The values, row after row, without a copy.
    pub fn into_values(self) -> Vec<f64> {
        self.values
    }
}

/// Shape only: the values are private until encrypted.
impl std::fmt::Debug for Features {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Features({} x {})", self.rows, self.cols)
    }
}

pub(crate) fn check_finite(what: &str, cols: usize, values: &[f64]) -> Result<(), Error> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(i) => Err(Error::NonFinite {
            what: what.to_owned(),
            row: i / cols,
            column: i % cols,
        }),
    }
}
