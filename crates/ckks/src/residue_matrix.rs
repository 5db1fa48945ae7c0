//! Exact products of matrices modulo a prime.

use std::fmt;

use tapetum_ring::{Modulus, ModulusError};
use thiserror::Error;

/// Why a matrix cannot be made or multiplied.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResidueMatrixError {
    /// The modulus is not usable.
    #[error(transparent)]
    Modulus(#[from] ModulusError),
    /// The entries do not fill whole rows, of at least one column.
    #[error("{entries} entries do not fill rows of {columns} columns")]
    Entries {
        /// How many entries there are.
        entries: usize,
        /// The columns that were asked for.
        columns: usize,
    },
    /// The matrices have different primes.
    #[error("a matrix modulo {left} times one modulo {right}: use one prime for both")]
    Moduli {
        /// The prime of the first matrix.
        left: u64,
        /// The prime of the second.
        right: u64,
    },
    /// The shapes do not fit.
    #[error("a matrix of {columns} columns times one of {rows} rows: the numbers must be the same")]
    Shapes {
        /// The columns of the first matrix.
        columns: usize,
        /// The rows of the second.
        rows: usize,
    },
}

/// A matrix modulo a prime below 2^49. Products are exact, and about as fast as those of floating-point numbers: sums
/// are reduced late, and computed in several threads where they are large.
///
/// ```
/// use tapetum_ckks::ResidueMatrix;
///
/// let a = ResidueMatrix::new(97, 2, &[1, 2, 3, 4])?;
/// let b = ResidueMatrix::new(97, 2, &[50, -1, 0, 1])?;
/// assert_eq!(a.product(&b)?.entries(), [-47, 1, -44, 1]);
/// # Ok::<(), tapetum_ckks::ResidueMatrixError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct ResidueMatrix(tapetum_ring::ResidueMatrix);

impl ResidueMatrix {
    /// From entries row after row, each of any size: what counts is its residue.
    ///
    /// # Errors
    /// If the modulus is not an odd prime below 2^49, or the entries do not fill whole rows.
    pub fn new(prime: u64, columns: usize, entries: &[i64]) -> Result<Self, ResidueMatrixError> {
        let modulus = Modulus::new(prime)?;
        if columns == 0 || entries.is_empty() || !entries.len().is_multiple_of(columns) {
            let entries = entries.len();
            return Err(ResidueMatrixError::Entries { entries, columns });
        }
        let matrix = tapetum_ring::ResidueMatrix::new(modulus, columns, entries);
        Ok(Self(matrix))
    }

    /// The prime.
    pub fn prime(&self) -> u64 {
        self.0.modulus().value()
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.0.rows()
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.0.columns()
    }

    /// The entries row after row, each in [-(p-1)/2, (p-1)/2].
    pub fn entries(&self) -> Vec<i64> {
        self.0.to_integers()
    }

    /// The product of the matrices, this one on the left.
    ///
    /// # Errors
    /// If the primes differ, or this has other than as many columns as the other has rows.
    pub fn product(&self, other: &Self) -> Result<Self, ResidueMatrixError> {
        let (left, right) = (self.prime(), other.prime());
        if left != right {
            return Err(ResidueMatrixError::Moduli { left, right });
        }
        let (columns, rows) = (self.columns(), other.rows());
        if columns != rows {
            return Err(ResidueMatrixError::Shapes { columns, rows });
        }
        Ok(Self(self.0.product(&other.0)))
    }
}

impl fmt::Debug for ResidueMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResidueMatrix")
            .field("prime", &self.prime())
            .field("rows", &self.rows())
            .field("columns", &self.columns())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_does_not_fit() {
        let new = |prime, columns, entries: &[i64]| ResidueMatrix::new(prime, columns, entries);
        let message =
            |result: Result<ResidueMatrix, ResidueMatrixError>| result.unwrap_err().to_string();
        assert_eq!(
            message(new(96, 1, &[1])),
            "96 is not an odd prime below 2^49"
        );
        for (columns, entries) in [(0, &[1, 2][..]), (2, &[]), (2, &[1, 2, 3])] {
            let found = new(97, columns, entries).unwrap_err();
            let entries = entries.len();
            assert_eq!(found, ResidueMatrixError::Entries { entries, columns });
        }
        let a = new(97, 2, &[1, 2]).unwrap();
        assert_eq!(
            message(a.product(&new(101, 1, &[1, 2]).unwrap())),
            "a matrix modulo 97 times one modulo 101: use one prime for both"
        );
        assert_eq!(
            message(a.product(&new(97, 2, &[1, 2]).unwrap())),
            "a matrix of 2 columns times one of 1 rows: the numbers must be the same"
        );
        let product = a.product(&new(97, 1, &[i64::MIN, i64::MAX]).unwrap());
        let expected = i128::from(i64::MIN) + 2 * i128::from(i64::MAX);
        let found = product.unwrap();
        assert_eq!(
            i128::from(found.entries()[0] - 97).rem_euclid(97),
            expected.rem_euclid(97)
        );
        assert_eq!(
            format!("{found:?}"),
            "ResidueMatrix { prime: 97, rows: 1, columns: 1 }"
        );
    }
}
