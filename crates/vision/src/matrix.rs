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

    /// The largest eigenvalue of X^T X / rows by power iteration, to about three digits and never above the true one;
    /// 0 without rows.
    pub fn largest_eigenvalue(&self) -> f64 {
        const ITERATIONS: usize = 60;
        // Not orthogonal to anything by symmetry.
        let mut v: Vec<f64> = (0..self.cols)
            .map(|j| 1.0 + j as f64 / self.cols as f64)
            .collect();
        let mut value = 0.0;
        for _ in 0..ITERATIONS {
            let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            if length == 0.0 {
                return 0.0;
            }
            v.iter_mut().for_each(|x| *x /= length);
            let mut next = vec![0.0; self.cols];
            for row in self.values.chunks_exact(self.cols) {
                let product =
                    row.iter().zip(&v).map(|(x, v)| x * v).sum::<f64>() / self.rows as f64;
                next.iter_mut()
                    .zip(row)
                    .for_each(|(n, x)| *n += product * x);
            }
            // The Rayleigh quotient of a unit vector.
            value = next.iter().zip(&v).map(|(n, v)| n * v).sum();
            v = next;
        }
        value
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
