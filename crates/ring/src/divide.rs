//! Division with rounding by the last primes of a basis: rescaling and mod-down.

use std::ops::Range;

use crate::basis::Basis;
use crate::buffer::Buffer;
use crate::convert::{BaseConverter, PADDING, Scaled};
use crate::modulus::Residue;
use crate::poly::{Evaluation, Poly};
use crate::simd::{self, Kernel};

/// Divides polynomials over Q P by P and rounds: x -> (x - \[x\]_P) / P over Q, with \[x\]_P centred.
///
/// With P one prime of the chain this is the rescaling of CKKS (Cheon, Han, Kim, Kim, Song, 2018);
/// with P the special primes it ends a key switch (Han, Ki, 2020).
#[derive(Clone, Debug)]
pub struct Divider {
    whole: Basis,
    converter: BaseConverter,
    /// 1 / P modulo the primes that stay.
    inverses: Vec<Residue>,
}

impl Divider {
    /// Division by the product of the last `dropped` primes of `whole`.
    ///
    /// # Panics
    /// If `dropped` is zero or leaves no prime.
    pub fn new(whole: &Basis, dropped: usize) -> Self {
        assert!(
            (1..whole.len()).contains(&dropped),
            "some primes go, some stay"
        );
        let stays = whole.len() - dropped;
        let (kept, divisor) = (whole.prefix(stays), whole.slice(stays..whole.len()));
        let inverses = kept
            .moduli()
            .map(|q| {
                let product = divisor
                    .moduli()
                    .fold(q.reduce(1), |acc, p| q.mul(acc, q.reduce(p.value() as i64)));
                q.inverse(product).expect("distinct primes")
            })
            .collect();
        Self {
            whole: whole.clone(),
            converter: BaseConverter::new(&divisor, &kept),
            inverses,
        }
    }

    /// The basis of what is divided.
    pub fn whole(&self) -> &Basis {
        &self.whole
    }

    /// The basis of the quotients.
    pub fn kept(&self) -> &Basis {
        self.converter.to()
    }

    /// Divides two polynomials at once.
    ///
    /// # Panics
    /// As [`divide`](Self::divide).
    pub fn divide_pair(&self, [a, b]: [Poly<Evaluation>; 2]) -> [Poly<Evaluation>; 2] {
        rayon::join(|| self.divide(a), || self.divide(b)).into()
    }

    /// Divides and rounds. The result is within 1/2 of the quotient in each coefficient.
    ///
    /// # Panics
    /// If the polynomial lives in another basis.
    pub fn divide(&self, poly: Poly<Evaluation>) -> Poly<Evaluation> {
        assert_eq!(*poly.basis(), self.whole, "polynomial of another basis");
        let stays = self.kept().len();
        let scaled = self.converter.scale_values(|i| poly.limb(stays + i));
        let mut quotient = poly;
        quotient.truncate(stays);
        quotient.for_each_group(|range, limbs| self.finish(&scaled, range, limbs));
        quotient
    }

    /// The first half of a division, of two polynomials: `write(i, limbs)` writes their limbs modulo
    /// the prime at index i of the whole basis, one of those that go.
    pub(crate) fn remainders(
        &self,
        write: impl Fn(usize, &mut [Residue], &mut [Residue]) + Sync,
    ) -> [Scaled; 2] {
        let stays = self.kept().len();
        self.converter
            .scale_written_pair(|i, x, y| write(stays + i, x, y))
    }

    /// The second half, modulo a few neighbouring primes that stay.
    pub(crate) fn finish(&self, remainder: &Scaled, range: Range<usize>, limbs: &mut [Residue]) {
        let n = self.whole.degree();
        let mut rows = Buffer::any(range.len() * (n + PADDING));
        let mut targets: Vec<_> = rows
            .chunks_exact_mut(n + PADDING)
            .map(|row| &mut row[..n])
            .zip(range)
            .map(|(row, i)| (i, row))
            .collect();
        self.converter.limbs(remainder, &mut targets);
        for ((i, r), x) in targets.into_iter().zip(limbs.chunks_exact_mut(n)) {
            self.whole.table(i).forward(r);
            let (modulus, inverse) = (self.whole.modulus(i), self.inverses[i]);
            simd::sub_scale_assign(Kernel::selected(), modulus, x, r, inverse);
        }
    }
}
