//! Encrypted vectors, as the server sees them.

use std::fmt;
use std::sync::Arc;

use super::error::{Cause, Operation, VectorError};
use super::operand::{Operand, Term};
use super::value::Value;
use super::{EncryptedVector, Server};

/// A vector of real numbers that its server computes with and cannot read.
///
/// `+`, `-` and `*` work number by number, with vectors and references to vectors, plain vectors (`&[f64]`,
/// `Vec<f64>`, `[f64; N]`) and plain numbers. What goes wrong is found out from
/// [`finish`](Self::finish). Cheap to clone.
///
/// ```
/// use tapetum_ckks::scheme::{Owner, Settings};
///
/// let owner = Owner::new(&Settings::new(3).levels(2))?;
/// let server = owner.server()?;
/// let x = server.load(&owner.encrypt(&[0.1, 0.2, 0.3])?);
///
/// let y = x.dot([1.0, 2.0, 1.0]) - &x;
/// let y = owner.decrypt(&y.finish()?)?;
/// assert!((y[0] - 0.7).abs() < 1e-5 && (y[2] - 0.5).abs() < 1e-5);
///
/// // Three products in a row, and levels for two only.
/// let error = (&x * &x * &x * &x).finish().unwrap_err();
/// assert_eq!(error.operation(), "a product");
/// assert!(error.to_string().contains("make the settings with levels(3)"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ServerVector {
    server: Server,
    state: Result<Arc<Value>, VectorError>,
}

impl ServerVector {
    pub(super) fn new(
        server: &Server,
        operation: Operation,
        computed: Result<Value, Cause>,
    ) -> Self {
        Self {
            server: server.clone(),
            state: computed
                .map(Arc::new)
                .map_err(|cause| VectorError::new(operation, cause)),
        }
    }

    /// How many numbers it has.
    pub fn length(&self) -> usize {
        self.server.setup().length
    }

    /// The levels that computations on it may still use up before it must be bootstrapped; none after an
    /// error.
    pub fn levels_left(&self) -> usize {
        let left = |value: &Arc<Value>| self.server.levels_left(value);
        self.state.as_ref().map_or(0, left)
    }

    /// What went wrong, if anything did.
    pub fn error(&self) -> Option<&VectorError> {
        self.state.as_ref().err()
    }

    /// The result, to be sent to the owner. It holds the vector and nothing else.
    ///
    /// After a comparison it takes one level more unless the length is a power of two.
    ///
    /// # Errors
    /// The first error on the way to this vector.
    #[track_caller]
    pub fn finish(&self) -> Result<EncryptedVector, VectorError> {
        let operation = Operation::here("a result");
        let value = self.state.as_ref().map_err(Clone::clone)?;
        let finished = self.server.finished(value);
        finished
            .map(EncryptedVector::from_ciphertext)
            .map_err(|cause| VectorError::new(operation, cause))
    }

    /// 1 where a number is greater than that of `other`, 0 where it is less, and 1/2 where they are
    /// equal. Differences below [`Settings::smallest_difference`](super::Settings::smallest_difference)
    /// give something in between; others an error of at most half of
    /// [`Precision::error`](crate::Precision::error).
    ///
    /// It takes [`Precision::levels`](crate::Precision::levels) levels: 11 for 8 bits.
    #[track_caller]
    pub fn greater_than(&self, other: impl Operand) -> Self {
        let operation = Operation::here("a comparison");
        let difference = self.minus(other.into_term(), operation);
        difference.unary(operation, |server, x| server.step(x))
    }

    /// 1 where a number is less than that of `other`: [`greater_than`](Self::greater_than) the other
    /// way round.
    #[track_caller]
    pub fn less_than(&self, other: impl Operand) -> Self {
        let operation = Operation::here("a comparison");
        let difference = self.minus(other.into_term(), operation).negated(operation);
        difference.unary(operation, |server, x| server.step(x))
    }

    /// The larger of two numbers, within
    /// [`Settings::smallest_difference`](super::Settings::smallest_difference) even where they are
    /// nearly equal. It takes one level more than a comparison.
    #[track_caller]
    pub fn max(&self, other: impl Operand) -> Self {
        let operation = Operation::here("a maximum");
        let other = other.into_term();
        self.excess(other.clone(), operation).plus(other, operation)
    }

    /// The smaller of two numbers, otherwise as [`max`](Self::max).
    #[track_caller]
    pub fn min(&self, other: impl Operand) -> Self {
        let operation = Operation::here("a minimum");
        let excess = self.excess(other.into_term(), operation);
        self.minus(Term::Encrypted(excess), operation)
    }

    /// By how much a number is larger than that of the other; else 0.
    fn excess(&self, other: Term, operation: Operation) -> Self {
        let difference = self.minus(other, operation);
        difference.unary(operation, |server, x| server.relu(x))
    }

    /// The sum of all its numbers, in every place. It must be within the bound, too.
    #[track_caller]
    pub fn sum(&self) -> Self {
        let operation = Operation::here("a sum over all numbers");
        self.unary(operation, |server, x| server.sum(x))
    }

    /// The scalar product, in every place.
    #[track_caller]
    pub fn dot(&self, other: impl Operand) -> Self {
        let operation = Operation::here("a scalar product");
        let products = self.times(other.into_term(), operation);
        products.unary(operation, |server, x| server.sum(x))
    }

    /// The number `steps` places further on in place of each, cyclically. It takes a level unless
    /// the length is a power of two.
    #[track_caller]
    pub fn rotate(&self, steps: i64) -> Self {
        let operation = Operation::here("a rotation");
        match steps.rem_euclid(self.length() as i64) {
            0 => self.clone(),
            steps => self.unary(operation, |server, x| server.rotate(x, steps as usize)),
        }
    }

    pub(super) fn plus(&self, other: Term, operation: Operation) -> Self {
        match other {
            Term::Encrypted(other) => self.binary(&other, operation, Server::add),
            Term::Vector(v) => self.unary(operation, |server, x| server.add_plain(x, &v)),
            Term::Scalar(s) => self.plus(Term::Vector(vec![s; self.length()]), operation),
        }
    }

    pub(super) fn minus(&self, other: Term, operation: Operation) -> Self {
        match other {
            Term::Encrypted(other) => self.binary(&other, operation, Server::sub),
            Term::Vector(v) => {
                let negated = v.into_iter().map(|x| -x).collect();
                self.plus(Term::Vector(negated), operation)
            }
            Term::Scalar(s) => self.plus(Term::Scalar(-s), operation),
        }
    }

    pub(super) fn times(&self, other: Term, operation: Operation) -> Self {
        match other {
            Term::Encrypted(other) => self.binary(&other, operation, Server::mul),
            Term::Vector(v) => self.unary(operation, |server, x| server.mul_plain(x, &v)),
            Term::Scalar(s) => self.unary(operation, |server, x| server.mul_scalar(x, s)),
        }
    }

    pub(super) fn negated(&self, operation: Operation) -> Self {
        self.unary(operation, |server, x| server.negate(x))
    }

    fn unary(
        &self,
        operation: Operation,
        compute: impl FnOnce(&Server, &Value) -> Result<Value, Cause>,
    ) -> Self {
        match &self.state {
            Ok(value) => Self::new(&self.server, operation, compute(&self.server, value)),
            Err(_) => self.clone(),
        }
    }

    fn binary(
        &self,
        other: &Self,
        operation: Operation,
        compute: impl FnOnce(&Server, &Value, &Value) -> Result<Value, Cause>,
    ) -> Self {
        let value = match &other.state {
            _ if self.state.is_err() => return self.clone(),
            Err(_) => return other.clone(),
            Ok(value) => value,
        };
        if !self.server.is(&other.server) {
            return Self::new(&self.server, operation, Err(Cause::Server));
        }
        self.unary(operation, |server, x| compute(server, x, value))
    }
}

impl fmt::Debug for ServerVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ServerVector");
        shown.field("length", &self.length());
        match &self.state {
            Ok(_) => shown.field("levels_left", &self.levels_left()),
            Err(error) => shown.field("error", error),
        };
        shown.finish()
    }
}
