//! What the transform on vectors reads.

use super::super::lanes::{Arithmetic, LANES};
use crate::modulus::{Modulus, Residue};

/// Coefficients that are transposed together.
pub(super) const GROUP: usize = LANES * LANES;

/// Twiddle factors of one prime and ring degree.
#[derive(Debug)]
pub(crate) struct Tables {
    /// psi^rev(i) for the layers of stride 8 and more, that is i < N / 8.
    pub(super) broadcast: Box<[Twiddle]>,
    /// For each group of 64 coefficients the factors of the last three layers, one sub-block of
    /// eight coefficients a lane: one vector for stride 4, two for stride 2, four for stride 1.
    pub(super) vectors: Box<[[[f64; LANES]; LANES - 1]]>,
    /// 1 / N, and 1 / N times the factor of the first layer.
    pub(super) scale: [Twiddle; 2],
}

/// A factor w with w / p.
#[derive(Clone, Copy, Debug)]
pub(super) struct Twiddle {
    factor: f64,
    quotient: f64,
}

impl Twiddle {
    fn new(modulus: Modulus, factor: Residue) -> Self {
        Self {
            factor: factor.as_f64(),
            quotient: factor.as_f64() / modulus.to_f64(),
        }
    }
}

impl Tables {
    /// `roots[i]` is psi^rev(i), for at least two groups of them.
    pub fn new(modulus: Modulus, roots: &[Residue], n_inverse: Residue) -> Self {
        let n = roots.len();
        let twiddle = |w| Twiddle::new(modulus, w);
        let vector = |first: usize, step: usize| {
            std::array::from_fn(|lane| roots[first + step * lane].as_f64())
        };
        let vectors = (0..n / GROUP)
            .map(|k| {
                let [four, two, one] = [n / 8 + 8 * k, n / 4 + 16 * k, n / 2 + 32 * k];
                [
                    vector(four, 1),
                    vector(two, 2),
                    vector(two + 1, 2),
                    vector(one, 4),
                    vector(one + 1, 4),
                    vector(one + 2, 4),
                    vector(one + 3, 4),
                ]
            })
            .collect();
        Self {
            broadcast: roots[..n / 8].iter().copied().map(twiddle).collect(),
            vectors,
            scale: [n_inverse, modulus.mul(n_inverse, roots[1])].map(twiddle),
        }
    }
}

/// A factor and its quotient in all lanes.
#[inline(always)]
pub(super) fn splat<A: Arithmetic>(m: A, w: Twiddle) -> (A::Vector, A::Vector) {
    (m.splat(w.factor), m.splat(w.quotient))
}
