//! RNS digits of a polynomial, raised to a larger basis: what a key switch multiplies with a key.

use std::ops::Range;

use rayon::prelude::*;

use crate::basis::Basis;
use crate::buffer::Buffer;
use crate::convert::{BaseConverter, PADDING, Scaled};
use crate::modulus::{Modulus, Residue};
use crate::parallel::for_each_group;
use crate::poly::{Evaluation, Poly, positions};
use crate::simd::{self, Kernel};

/// Splits polynomials over Q into digits of `alpha` primes each and lifts every digit, as a
/// centred integer, to the basis Q P (Han, Ki, 2020, section 3; Bossuat et al., 2021, section 4).
///
/// Digit j of x is x modulo D_j, the product of its primes, so with the constants
/// g_j = 1 modulo the primes of D_j and 0 modulo the others, x = sum of digit_j g_j modulo Q.
#[derive(Clone, Debug)]
pub struct Decomposer {
    q: Basis,
    qp: Basis,
    /// P modulo the primes of Q.
    special_products: Vec<Residue>,
    digits: Vec<Digit>,
}

#[derive(Clone, Debug)]
struct Digit {
    /// Indices of its primes in Q.
    primes: Range<usize>,
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
        let special_product = |q: Modulus| {
            p.moduli()
                .fold(q.reduce(1), |acc, p| q.mul(acc, q.reduce(p.value() as i64)))
        };
        Self {
            q: q.clone(),
            special_products: q.moduli().map(special_product).collect(),
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

    /// P modulo the prime at index i of Q.
    ///
    /// # Panics
    /// If Q has no such prime.
    pub fn special_product(&self, i: usize) -> Residue {
        self.special_products[i]
    }

    /// The digits of `poly`, each over Q P.
    ///
    /// # Panics
    /// If the polynomial lives in another basis than Q.
    pub fn decompose(&self, poly: &Poly<Evaluation>) -> Vec<Poly<Evaluation>> {
        let scaled = self.scaled(poly);
        let n = self.qp.degree();
        self.digits
            .par_iter()
            .zip(&scaled)
            .map(|(digit, scaled)| {
                let mut data = Buffer::any(self.qp.len() * n);
                for_each_group(&mut data, n, |range, limbs| {
                    let mut rows: Vec<_> = range.zip(limbs.chunks_exact_mut(n)).collect();
                    for (i, row) in &mut rows {
                        if digit.primes.contains(i) {
                            row.copy_from_slice(poly.limb(*i));
                        }
                    }
                    self.lift(digit, scaled, rows);
                });
                Poly::from_data(&self.qp, data)
            })
            .collect()
    }

    /// Adds P times a limb of a polynomial over Q, modulo the prime at index i of Q P: nothing where that is
    /// one of P.
    pub(crate) fn add_raised(&self, i: usize, limb: &mut [Residue], poly: &Poly<Evaluation>) {
        if let Some(&factor) = self.special_products.get(i) {
            let modulus = self.q.modulus(i);
            simd::add_scaled_assign(Kernel::selected(), modulus, limb, poly.limb(i), factor);
        }
    }

    /// What all limbs of a digit have in common, for each digit.
    fn scaled(&self, poly: &Poly<Evaluation>) -> Vec<Scaled> {
        assert_eq!(*poly.basis(), self.q, "polynomial of another basis");
        self.digits
            .par_iter()
            .map(|digit| {
                let first = digit.primes.start;
                digit.converter.scale_values(|i| poly.limb(first + i))
            })
            .collect()
    }

    /// A digit modulo primes of Q P, given by their indices with the limbs to write; those of the
    /// digit's own primes are left alone.
    fn lift(&self, digit: &Digit, scaled: &Scaled, rows: Vec<(usize, &mut [Residue])>) {
        let own = &digit.primes;
        let target = |i: usize| if i < own.start { i } else { i - own.len() };
        let (indices, mut targets): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .filter(|(i, _)| !own.contains(i))
            .map(|(i, row)| (i, (target(i), row)))
            .unzip();
        digit.converter.limbs(scaled, &mut targets);
        for (i, (_, row)) in indices.into_iter().zip(targets) {
            self.qp.table(i).forward(row);
        }
    }
}

/// The sums over the digits of a polynomial of digit times weight, for pairs of weights.
pub(crate) struct DigitProducts<'a> {
    decomposer: &'a Decomposer,
    poly: &'a Poly<Evaluation>,
    weights: &'a [[Poly<Evaluation>; 2]],
    /// Where the primes of Q P stand in the bases of the weights.
    places: Vec<[Vec<usize>; 2]>,
    scaled: Vec<Scaled>,
}

impl<'a> DigitProducts<'a> {
    pub(crate) fn new(
        decomposer: &'a Decomposer,
        poly: &'a Poly<Evaluation>,
        weights: &'a [[Poly<Evaluation>; 2]],
    ) -> Self {
        let count = decomposer.count();
        assert!(count <= weights.len(), "a weight for each digit");
        let weights = &weights[..count];
        let places = |pair: &[Poly<_>; 2]| {
            pair.each_ref()
                .map(|weight| positions(&decomposer.qp, weight.basis()))
        };
        Self {
            decomposer,
            poly,
            weights,
            places: weights.iter().map(places).collect(),
            scaled: decomposer.scaled(poly),
        }
    }

    /// Writes both sums modulo a few neighbouring primes of Q P.
    pub(crate) fn write(&self, range: Range<usize>, first: &mut [Residue], second: &mut [Residue]) {
        let Decomposer { qp, digits, .. } = self.decomposer;
        let n = qp.degree();
        let row_len = n + PADDING;
        let mut lifted = Buffer::any(digits.len() * range.len() * row_len);
        lifted
            .par_chunks_exact_mut(range.len() * row_len)
            .zip(digits)
            .zip(&self.scaled)
            .for_each(|((rows, digit), scaled)| {
                let rows = rows.chunks_exact_mut(row_len).map(|row| &mut row[..n]);
                self.decomposer
                    .lift(digit, scaled, range.clone().zip(rows).collect());
            });
        let limbs = first.chunks_exact_mut(n).zip(second.chunks_exact_mut(n));
        for (k, (i, (first, second))) in range.clone().zip(limbs).enumerate() {
            let rows = lifted.chunks_exact(row_len).skip(k).step_by(range.len());
            let terms: Vec<_> = digits
                .iter()
                .zip(rows)
                .zip(self.weights.iter().zip(&self.places))
                .map(|((digit, row), ([x, y], [x_places, y_places]))| {
                    let limb = match digit.primes.contains(&i) {
                        true => self.poly.limb(i),
                        false => &row[..n],
                    };
                    (limb, x.limb(x_places[i]), y.limb(y_places[i]))
                })
                .collect();
            let modulus = qp.modulus(i);
            simd::inner_product_pair(Kernel::selected(), modulus, first, second, &terms, 1);
        }
    }
}
