//! An ordered set of primes: the residue number system that polynomials live in.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::modulus::{Modulus, ModulusError};
use crate::ntt::NttTable;

/// Smallest ring: N = 2^4.
pub const MIN_LOG_N: u32 = 4;
/// Largest ring: N = 2^17.
pub const MAX_LOG_N: u32 = 17;

/// Why a list of primes is not a basis.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BasisError {
    /// The ring degree is out of range.
    #[error("log N = {0} is outside {MIN_LOG_N}..={MAX_LOG_N}")]
    Degree(u32),
    /// A basis has at least one prime.
    #[error("a basis needs at least one prime")]
    Empty,
    /// One of the numbers is no usable prime.
    #[error(transparent)]
    Modulus(#[from] ModulusError),
    /// The prime has no root of unity of order 2N.
    #[error("the prime {prime} is not 1 modulo 2N for log N = {log_n}")]
    NoTransform {
        /// The prime in question.
        prime: u64,
        /// The logarithm of the ring degree.
        log_n: u32,
    },
    /// A prime appears twice.
    #[error("the prime {0} appears twice")]
    Repeated(u64),
}

/// Distinct primes with their transforms, for one ring degree. Cheap to clone.
#[derive(Clone)]
pub struct Basis {
    log_n: u32,
    tables: Arc<[Arc<NttTable>]>,
}

impl Basis {
    /// A basis of the given primes, in the given order, for N = 2^`log_n`.
    ///
    /// # Errors
    /// [`BasisError`] unless all are distinct primes below 2^49 and 1 modulo 2N.
    pub fn new(log_n: u32, primes: &[u64]) -> Result<Self, BasisError> {
        if !(MIN_LOG_N..=MAX_LOG_N).contains(&log_n) {
            return Err(BasisError::Degree(log_n));
        }
        if primes.is_empty() {
            return Err(BasisError::Empty);
        }
        for (i, &prime) in primes.iter().enumerate() {
            Modulus::new(prime)?;
            if prime % (2 << log_n) != 1 {
                return Err(BasisError::NoTransform { prime, log_n });
            }
            if primes[..i].contains(&prime) {
                return Err(BasisError::Repeated(prime));
            }
        }
        let tables = primes
            .iter()
            .map(|&p| Ok(Arc::new(NttTable::new(Modulus::new(p)?, log_n))))
            .collect::<Result<_, BasisError>>()?;
        Ok(Self { log_n, tables })
    }

    /// The basis of the primes in `range`, sharing their tables.
    ///
    /// # Panics
    /// If the range is empty or leaves the basis.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        assert!(!range.is_empty(), "a basis needs at least one prime");
        Self {
            log_n: self.log_n,
            tables: self.tables[range].into(),
        }
    }

    /// The first `len` primes.
    ///
    /// # Panics
    /// If `len` is zero or more than there are.
    pub fn prefix(&self, len: usize) -> Self {
        self.slice(0..len)
    }

    /// The primes of `self` followed by those of `other`.
    ///
    /// # Panics
    /// If the degrees differ or a prime would appear twice.
    pub fn join(&self, other: &Self) -> Self {
        assert_eq!(self.log_n, other.log_n, "bases of different degrees");
        assert!(
            other.moduli().all(|m| self.position(m).is_none()),
            "a prime would appear twice"
        );
        Self {
            log_n: self.log_n,
            tables: self.tables.iter().chain(&*other.tables).cloned().collect(),
        }
    }

    /// The same primes for N = 2^`log_n`, no more than here: the ring of the polynomials in X^k, k the quotient of the
    /// degrees. Tables are made once and shared.
    ///
    /// # Panics
    /// If the degree is larger, or below the least.
    pub fn subring(&self, log_n: u32) -> Self {
        assert!((MIN_LOG_N..=self.log_n).contains(&log_n), "a smaller ring");
        if log_n == self.log_n {
            return self.clone();
        }
        let smaller = |table: &Arc<NttTable>| table.smaller(log_n).clone();
        Self {
            log_n,
            tables: self.tables.iter().map(smaller).collect(),
        }
    }

    /// Whether the other has the same primes, and a ring no larger than this.
    pub(crate) fn has_subring(&self, other: &Self) -> bool {
        other.log_n <= self.log_n && self.moduli().eq(other.moduli())
    }

    /// log2 of the ring degree.
    pub fn log_n(&self) -> u32 {
        self.log_n
    }

    /// The ring degree N.
    pub fn degree(&self) -> usize {
        1 << self.log_n
    }

    /// The number of primes; never zero.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.tables.len()
    }

    /// The primes in order.
    pub fn moduli(&self) -> impl ExactSizeIterator<Item = Modulus> + '_ {
        self.tables.iter().map(|t| t.modulus())
    }

    /// The prime at `index`.
    ///
    /// # Panics
    /// If there is none.
    pub fn modulus(&self, index: usize) -> Modulus {
        self.tables[index].modulus()
    }

    /// Where `modulus` stands in the basis.
    pub fn position(&self, modulus: Modulus) -> Option<usize> {
        self.moduli().position(|m| m == modulus)
    }

    /// log2 of the product of the primes.
    pub fn log_product(&self) -> f64 {
        self.moduli().map(|m| m.to_f64().log2()).sum()
    }

    pub(crate) fn table(&self, index: usize) -> &NttTable {
        &self.tables[index]
    }
}

impl PartialEq for Basis {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.tables, &other.tables)
            || (self.log_n == other.log_n
                && self.len() == other.len()
                && self.moduli().eq(other.moduli()))
    }
}

impl Eq for Basis {}

impl fmt::Debug for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basis")
            .field("log_n", &self.log_n)
            .field(
                "primes",
                &self.moduli().map(Modulus::value).collect::<Vec<_>>(),
            )
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_basis() {
        assert_eq!(Basis::new(3, &[97]), Err(BasisError::Degree(3)));
        assert_eq!(Basis::new(18, &[97]), Err(BasisError::Degree(18)));
        assert_eq!(Basis::new(4, &[]), Err(BasisError::Empty));
        assert_eq!(
            Basis::new(4, &[97, 95]),
            Err(ModulusError { value: 95 }.into())
        );
        assert_eq!(
            Basis::new(4, &[97, 101]),
            Err(BasisError::NoTransform {
                prime: 101,
                log_n: 4
            })
        );
        assert_eq!(Basis::new(4, &[97, 97]), Err(BasisError::Repeated(97)));
    }

    #[test]
    fn subrings_have_the_same_primes() {
        let all = Basis::new(5, &[193, 257]).unwrap();
        let small = all.subring(4);
        assert_eq!((small.degree(), all.subring(5)), (16, all.clone()));
        assert!(all.has_subring(&small) && !small.has_subring(&all));
        assert!(!all.has_subring(&small.prefix(1)));
        // Shared.
        assert!(std::ptr::eq(small.table(0), all.subring(4).table(0)));
    }

    #[test]
    fn parts_and_joins() {
        let all = Basis::new(4, &[97, 193, 257]).unwrap();
        assert_eq!(all.prefix(2).join(&all.slice(2..3)), all);
        assert_ne!(all.prefix(2), all);
        assert_eq!(all.position(all.modulus(1)), Some(1));
        assert!((all.log_product() - (97f64 * 193.0 * 257.0).log2()).abs() < 1e-12);
    }
}
