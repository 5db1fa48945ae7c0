//! What an encrypted vector computes with others: sums, products, comparisons, rotations.

use super::error::Operation;
use super::operand::{Operand, Term};
use super::{Server, ServerVector};

impl ServerVector {
    /// 1 where a number is greater than that of `other`, 0 where it is less, and 1/2 where they are
    /// equal. Differences below [`Settings::smallest_difference`](super::Settings::smallest_difference)
    /// give something in between; others an error of at most half of
    /// [`Precision::error`](crate::Precision::error).
    ///
    /// It needs [`Precision::levels`](crate::Precision::levels) levels: 11 for 8 bits.
    #[track_caller]
    pub fn greater_than(&self, other: impl Operand) -> Self {
        let operation = Operation::here("a comparison");
        let difference = self.minus(other.into_term(), operation);
        difference.is_positive(operation)
    }

    /// 1 where a number is less than that of `other`: [`greater_than`](Self::greater_than) the other
    /// way round.
    #[track_caller]
    pub fn less_than(&self, other: impl Operand) -> Self {
        let operation = Operation::here("a comparison");
        let difference = self.minus(other.into_term(), operation);
        difference.negated(operation).is_positive(operation)
    }

    fn is_positive(&self, operation: Operation) -> Self {
        self.unary(operation, |server, x| server.step(x))
    }

    /// The larger of two numbers, within
    /// [`Settings::smallest_difference`](super::Settings::smallest_difference) even where they are
    /// nearly equal. It needs one level more than a comparison.
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

    /// The number `steps` places further on in place of each, cyclically. It needs a level unless
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
}
