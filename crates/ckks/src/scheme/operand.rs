//! What can stand beside an encrypted vector: another one, a plain vector or a plain number.

use super::ServerVector;

/// What an encrypted vector can be added to, subtracted from, multiplied by and compared with: an
/// [`ServerVector`], a vector of numbers, or a number, which stands for a vector full of it.
pub trait Operand: private::IntoTerm {}

impl<T: private::IntoTerm> Operand for T {}

/// An operand, whatever it was.
#[derive(Clone, Debug)]
pub enum Term {
    /// Nobody here knows its values.
    Encrypted(ServerVector),
    /// One number for each of the vector.
    Vector(Vec<f64>),
    /// The same number for all.
    Scalar(f64),
}

pub(super) mod private {
    use super::*;

    /// Not to be implemented elsewhere.
    pub trait IntoTerm {
        /// Makes a term of it.
        fn into_term(self) -> Term;
    }

    impl IntoTerm for ServerVector {
        fn into_term(self) -> Term {
            Term::Encrypted(self)
        }
    }

    impl IntoTerm for &ServerVector {
        fn into_term(self) -> Term {
            Term::Encrypted(self.clone())
        }
    }

    impl IntoTerm for f64 {
        fn into_term(self) -> Term {
            Term::Scalar(self)
        }
    }

    impl IntoTerm for Vec<f64> {
        fn into_term(self) -> Term {
            Term::Vector(self)
        }
    }

    impl IntoTerm for &Vec<f64> {
        fn into_term(self) -> Term {
            Term::Vector(self.clone())
        }
    }

    impl IntoTerm for &[f64] {
        fn into_term(self) -> Term {
            Term::Vector(self.to_vec())
        }
    }

    impl<const N: usize> IntoTerm for [f64; N] {
        fn into_term(self) -> Term {
            Term::Vector(self.to_vec())
        }
    }

    impl<const N: usize> IntoTerm for &[f64; N] {
        fn into_term(self) -> Term {
            Term::Vector(self.to_vec())
        }
    }
}
