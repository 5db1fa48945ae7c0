//! `+`, `-`, `*` and negation. The work is done in `vector.rs`.

use std::ops::{Add, Mul, Neg, Sub};

use super::EncryptedVector;
use super::error::Operation;
use super::operand::Operand;

/// An operator with any operand on the right, and with plain operands on the left.
macro_rules! operator {
    ($trait:ident, $method:ident, $name:literal, $compute:ident, $reversed:expr) => {
        impl<T: Operand> $trait<T> for &EncryptedVector {
            type Output = EncryptedVector;

            #[track_caller]
            fn $method(self, other: T) -> EncryptedVector {
                self.$compute(other.into_term(), Operation::here($name))
            }
        }

        impl<T: Operand> $trait<T> for EncryptedVector {
            type Output = EncryptedVector;

            #[track_caller]
            fn $method(self, other: T) -> EncryptedVector {
                self.$compute(other.into_term(), Operation::here($name))
            }
        }

        operator!(@plain $trait, $method, $name, $reversed, f64);
        operator!(@plain $trait, $method, $name, $reversed, &[f64]);
        operator!(@plain $trait, $method, $name, $reversed, &Vec<f64>);
        operator!(@plain $trait, $method, $name, $reversed, Vec<f64>);
    };
    (@plain $trait:ident, $method:ident, $name:literal, $reversed:expr, $plain:ty) => {
        impl $trait<&EncryptedVector> for $plain {
            type Output = EncryptedVector;

            #[track_caller]
            fn $method(self, other: &EncryptedVector) -> EncryptedVector {
                $reversed(other, self.into_term(), Operation::here($name))
            }
        }

        impl $trait<EncryptedVector> for $plain {
            type Output = EncryptedVector;

            #[track_caller]
            fn $method(self, other: EncryptedVector) -> EncryptedVector {
                $reversed(&other, self.into_term(), Operation::here($name))
            }
        }
    };
}

use super::operand::private::IntoTerm as _;

operator!(Add, add, "a sum", plus, EncryptedVector::plus);
operator!(
    Sub,
    sub,
    "a difference",
    minus,
    |vector: &EncryptedVector, plain, operation| vector.negated(operation).plus(plain, operation)
);
operator!(Mul, mul, "a product", times, EncryptedVector::times);

impl Neg for &EncryptedVector {
    type Output = EncryptedVector;

    #[track_caller]
    fn neg(self) -> EncryptedVector {
        self.negated(Operation::here("a negation"))
    }
}

impl Neg for EncryptedVector {
    type Output = EncryptedVector;

    #[track_caller]
    fn neg(self) -> EncryptedVector {
        self.negated(Operation::here("a negation"))
    }
}
