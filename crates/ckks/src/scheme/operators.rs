//! `+`, `-`, `*` and negation. The work is done in `arithmetic.rs`.

use std::ops::{Add, Mul, Neg, Sub};

use super::ServerVector;
use super::error::Operation;
use super::operand::Operand;

/// An operator with any operand on the right, and with plain operands on the left.
macro_rules! operator {
    ($trait:ident, $method:ident, $name:literal, $compute:ident, $reversed:expr) => {
        impl<T: Operand> $trait<T> for &ServerVector {
            type Output = ServerVector;

            #[track_caller]
            fn $method(self, other: T) -> ServerVector {
                self.$compute(other.into_term(), Operation::here($name))
            }
        }

        impl<T: Operand> $trait<T> for ServerVector {
            type Output = ServerVector;

            #[track_caller]
            fn $method(self, other: T) -> ServerVector {
                self.$compute(other.into_term(), Operation::here($name))
            }
        }

        operator!(@plain $trait, $method, $name, $reversed, f64);
        operator!(@plain $trait, $method, $name, $reversed, &[f64]);
        operator!(@plain $trait, $method, $name, $reversed, &Vec<f64>);
        operator!(@plain $trait, $method, $name, $reversed, Vec<f64>);
    };
    (@plain $trait:ident, $method:ident, $name:literal, $reversed:expr, $plain:ty) => {
        impl $trait<&ServerVector> for $plain {
            type Output = ServerVector;

            #[track_caller]
            fn $method(self, other: &ServerVector) -> ServerVector {
                $reversed(other, self.into_term(), Operation::here($name))
            }
        }

        impl $trait<ServerVector> for $plain {
            type Output = ServerVector;

            #[track_caller]
            fn $method(self, other: ServerVector) -> ServerVector {
                $reversed(&other, self.into_term(), Operation::here($name))
            }
        }
    };
}

use super::operand::private::IntoTerm as _;

operator!(Add, add, "a sum", plus, ServerVector::plus);
operator!(
    Sub,
    sub,
    "a difference",
    minus,
    |vector: &ServerVector, plain, operation| vector.negated(operation).plus(plain, operation)
);
operator!(Mul, mul, "a product", times, ServerVector::times);

impl Neg for &ServerVector {
    type Output = ServerVector;

    #[track_caller]
    fn neg(self) -> ServerVector {
        self.negated(Operation::here("a negation"))
    }
}

impl Neg for ServerVector {
    type Output = ServerVector;

    #[track_caller]
    fn neg(self) -> ServerVector {
        self.negated(Operation::here("a negation"))
    }
}
