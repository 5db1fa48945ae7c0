//! Arithmetic in Z_Q\[X\]/(X^N + 1) for lattice-based homomorphic encryption.
//!
//! Q is a product of word-sized primes (a residue number system, RNS), N a power of two from 2^4
//! to 2^17. The crate knows residues and nothing of any scheme:
//!
//! * [`Modulus`], [`Residue`]: arithmetic modulo one prime below 2^49. A residue is held as a
//!   balanced integer in an `f64`, so that a fused multiply-add can multiply it exactly.
//! * [`primes`]: primes that admit a number-theoretic transform.
//! * [`NttTable`]: the negacyclic transform and its inverse.
//! * [`Basis`], [`Poly`]: an ordered set of primes and polynomials over it, in coefficient or
//!   evaluation form (the form is a type, so mixing them does not compile).
//! * [`Integers`]: coefficients before any reduction, also interpolated ([`Interpolation`]) from the values of a
//!   real polynomial at complex roots of unity; limbs are made of them one prime at a time.
//! * [`BaseConverter`], [`Divider`], [`Decomposer`]: what leaves a basis: exact centred base
//!   conversion, division with rounding (rescaling, mod-down) and RNS digits (key switching).
//! * [`Hoisted`], [`Multiplier`], [`RotationKey`]: sums of products of constants with rotated pairs
//!   of polynomials, before the division that ends a key switch.
//! * [`linear_combinations`], [`ResidueMatrix`]: products with matrices of residues, reduced late.
//! * [`Automorphism`]: X -> X^g in both forms.
//! * [`sampling`]: uniform from a seed, ternary, and discrete Gaussian in constant time; [`Hedge`]:
//!   generators that stay good if the operating system's is not.
//! * [`packing`]: limbs as bytes for storage, every residue checked on the way in.
//!
//! Polynomials of different bases do not mix: operations on two of them panic when the bases
//! differ, because only a bug in the calling scheme can cause that. Whatever comes from outside
//! goes through a constructor that returns an error.

mod automorphism;
mod basis;
mod buffer;
mod convert;
mod decompose;
mod divide;
mod hedge;
mod hoist;
mod integers;
mod key_switch;
mod modulus;
mod ntt;
pub mod packing;
mod parallel;
mod poly;
mod primality;
pub mod primes;
mod product;
pub mod sampling;
mod simd;

pub use automorphism::{Automorphism, GaloisElement};
pub use basis::{Basis, BasisError, MAX_LOG_N, MIN_LOG_N};
pub use buffer::{idle_buffer_bytes, limit_idle_buffers, trim_idle_buffers};
pub use convert::BaseConverter;
pub use decompose::Decomposer;
pub use divide::Divider;
pub use hedge::Hedge;
pub use hoist::{Hoisted, Multiplier, RotationKey, RotationSource};
pub use integers::{Integers, Interpolation};
pub use modulus::{MAX_MODULUS_BITS, Modulus, ModulusError, Residue};
pub use ntt::NttTable;
pub use poly::{
    Coefficient, Evaluation, Form, Poly, inner_product, inner_product_pair, linear_combination,
    tensor_product,
};
pub use product::{ResidueMatrix, add_linear_combinations, linear_combinations};
#[cfg(feature = "constant-time")]
pub use simd::memcheck;
pub use simd::{Kernel, KernelError};
