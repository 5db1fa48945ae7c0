//! RNS digits of a polynomial, raised to a larger basis: what a key switch multiplies with a key.

use rayon::prelude::*;

use crate::basis::Basis;
use crate::convert::BaseConverter;
use crate::poly::{Evaluation, Poly};

/// Splits polynomials over Q into digits of `alpha` primes each and lifts every digit, as a
/// centred integer, to the basis Q P (Han, Ki, 2020, section 3; Bossuat et al., 2021, section 4).
///
/// Digit j of x is x modulo D_j, the product of its primes, so with the constants
/// g_j = 1 modulo the primes of D_j and 0 modulo the others, x = sum of digit_j g_j modulo Q.
#[derive(Clone, Debug)]
pub struct Decomposer {
    q: Basis,
    qp: Basis,
    digits: Vec<Digit>,
}

#[derive(Clone, Debug)]
struct Digit {
    /// Indices of its primes in Q.
    primes: std::ops::Range<usize>,
    /// From its primes to all others of Q P, in their order.
    converter: BaseConverter,
}

impl Decomposer {
    /// Digits of `alpha` primes of `q` (the last may have fewer), lifted to `q` joined with `p`.
    ///
    /// # Panics
    /// If `alpha` is zero or the bases do not fit together.
    pub fn new(q: &Basis, p: &Basis, alpha: usize) -> Self {
        assert!(alpha > 0, "a digit has at least one prime");
        let qp = q.join(p);
        let digits = (0..q.len())
            .step_by(alpha)
            .map(|start| {
                let primes = start..(start + alpha).min(q.len());
                let after = qp.slice(primes.end..qp.len());
                let others = match primes.start {
                    0 => after,
                    start => qp.prefix(start).join(&after),
                };
                let converter = BaseConverter::new(&q.slice(primes.clone()), &others);
                Digit { primes, converter }
            })
            .collect();
        Self {
            q: q.clone(),
            qp,
            digits,
        }
    }

    /// The basis of the digits: Q P.
    pub fn target(&self) -> &Basis {
        &self.qp
    }

    /// The number of digits.
    pub fn count(&self) -> usize {
        self.digits.len()
    }

    /// The digits of `poly`, each over Q P.
    ///
    /// # Panics
    /// If the polynomial lives in another basis than Q.
    pub fn decompose(&self, poly: &Poly<Evaluation>) -> Vec<Poly<Evaluation>> {
        assert_eq!(*poly.basis(), self.q, "polynomial of another basis");
        let coefficients = poly.to_coefficients();
        self.digits
            .par_iter()
            .map(|digit| {
                let first = digit.primes.start;
                let scaled = digit.converter.scale(|i| coefficients.limb(first + i));
                Poly::from_limbs_with(&self.qp, |i, limb| {
                    if digit.primes.contains(&i) {
                        limb.copy_from_slice(poly.limb(i));
                        return;
                    }
                    let other = if i < first { i } else { i - digit.primes.len() };
                    digit.converter.limb(&scaled, other, limb);
                    self.qp.table(i).forward(limb);
                })
            })
            .collect()
    }
}
