//! Exact base conversion: a polynomial of one basis, seen as integers, modulo other primes.

use rayon::prelude::*;

use crate::basis::Basis;
use crate::buffer::{Buffer, slices};
use crate::modulus::{Modulus, Residue};
use crate::parallel::{for_each_group, for_each_limb_of};
use crate::poly::{Coefficient, Poly};
use crate::simd::{self, Kernel};

/// Takes a polynomial from the basis Q = q_1 ... q_k to other primes by its centred integer
/// representative in (-Q/2, Q/2).
///
/// With y_i = x (Q/q_i)^-1 modulo q_i, balanced, x = sum y_i Q/q_i - v Q where v is the integer
/// nearest to sum y_i / q_i (Halevi, Polyakov, Shoup, 2019, section 2.2). v is found in floating
/// point: where |x| is within 2^-40 of Q/2 the result may be that of x - Q or x + Q.
#[derive(Clone, Debug)]
pub struct BaseConverter {
    from: Basis,
    to: Basis,
    /// (Q/q_i)^-1 modulo q_i.
    cofactor_inverses: Vec<Residue>,
    /// 1 / q_i.
    inverses: Vec<f64>,
    /// For each target prime p: Q/q_i modulo p for all i, then -Q modulo p.
    weights: Vec<Vec<Residue>>,
}

impl BaseConverter {
    /// Prepares the conversion from `from` to `to`, which have no prime in common.
    ///
    /// # Panics
    /// If the degrees differ or a prime is in both.
    pub fn new(from: &Basis, to: &Basis) -> Self {
        assert!(
            from.log_n() == to.log_n() && from.moduli().all(|q| to.position(q).is_none()),
            "bases of one degree with no common prime"
        );
        let product_of_others = |skip: Option<usize>, p: Modulus| {
            from.moduli()
                .enumerate()
                .filter(|&(i, _)| Some(i) != skip)
                .fold(p.reduce(1), |acc, (_, q)| {
                    p.mul(acc, p.reduce(q.value() as i64))
                })
        };
        let cofactor_inverses = from
            .moduli()
            .enumerate()
            .map(|(i, q)| {
                q.inverse(product_of_others(Some(i), q))
                    .expect("distinct primes")
            })
            .collect();
        let weights = to
            .moduli()
            .map(|p| {
                let cofactors = (0..from.len()).map(|i| product_of_others(Some(i), p));
                cofactors
                    .chain([p.neg(product_of_others(None, p))])
                    .collect()
            })
            .collect();
        Self {
            from: from.clone(),
            to: to.clone(),
            cofactor_inverses,
            inverses: from.moduli().map(|q| 1.0 / q.to_f64()).collect(),
            weights,
        }
    }

    /// The basis that polynomials come from.
    pub fn from(&self) -> &Basis {
        &self.from
    }

    /// The basis that they go to.
    pub fn to(&self) -> &Basis {
        &self.to
    }

    /// Converts.
    ///
    /// # Panics
    /// If the polynomial does not live in [`from`](Self::from).
    pub fn convert(&self, poly: &Poly<Coefficient>) -> Poly<Coefficient> {
        assert_eq!(*poly.basis(), self.from, "polynomial of another basis");
        let [scaled] = self.scale(|i, [row]| row.copy_from_slice(poly.limb(i)));
        let n = self.to.degree();
        let mut data = Buffer::any(self.to.len() * n);
        for_each_group(&mut data, n, |range, limbs| {
            let mut targets: Vec<_> = range.zip(limbs.chunks_exact_mut(n)).collect();
            self.limbs(&scaled, &mut targets);
        });
        Poly::from_data(&self.to, data)
    }

    /// The half of a conversion that all target primes share, of a polynomial in evaluation form;
    /// `limb(i)` are its values modulo q_i.
    pub(crate) fn scale_values<'a>(&self, limb: impl Fn(usize) -> &'a [Residue] + Sync) -> Scaled {
        let [scaled] = self.scale(|i, [row]| {
            row.copy_from_slice(limb(i));
            self.from.table(i).inverse(row);
        });
        scaled
    }

    /// The same of two polynomials whose values modulo q_i `write(i, rows)` writes.
    pub(crate) fn scale_written_pair(
        &self,
        write: impl Fn(usize, &mut [Residue], &mut [Residue]) + Sync,
    ) -> [Scaled; 2] {
        self.scale(|i, [x, y]| {
            write(i, x, y);
            let table = self.from.table(i);
            rayon::join(|| table.inverse(x), || table.inverse(y));
        })
    }

    /// The same of `K` polynomials where `write(i, rows)` writes the coefficients modulo q_i.
    fn scale<const K: usize>(
        &self,
        write: impl Fn(usize, [&mut [Residue]; K]) + Sync,
    ) -> [Scaled; K] {
        let n = self.from.degree();
        let k = self.from.len();
        let rows = if k > 1 { k + 1 } else { 1 };
        let mut data: [_; K] = std::array::from_fn(|_| Buffer::any(rows * (n + PADDING)));
        let scaled = slices(&mut data).map(|data| &mut data[..k * (n + PADDING)]);
        for_each_limb_of(scaled, n + PADDING, |i, rows| {
            let mut rows = rows.map(|row| &mut row[..n]);
            write(i, rows.each_mut().map(|row| &mut row[..]));
            let (modulus, factor) = (self.from.modulus(i), self.cofactor_inverses[i]);
            for row in rows {
                simd::scale_assign(Kernel::selected(), modulus, row, factor);
            }
        });
        if k > 1 {
            slices(&mut data)
                .into_par_iter()
                .for_each(|data| self.quotients(data));
        }
        data.map(Scaled)
    }

    /// Writes v, the last row, by the others.
    fn quotients(&self, data: &mut [Residue]) {
        let n = self.from.degree();
        let (scaled, quotients) = data.split_at_mut(self.from.len() * (n + PADDING));
        let scaled: Vec<_> = scaled
            .chunks_exact(n + PADDING)
            .map(|row| &row[..n])
            .collect();
        let (modulus, quotients) = (self.from.modulus(0), &mut quotients[..n]);
        simd::round_weighted(
            Kernel::selected(),
            modulus,
            quotients,
            &scaled,
            &self.inverses,
        );
    }

    /// The other half, modulo several target primes, given by their numbers with the limbs to
    /// write. They go together over a stretch of coefficients after the other, so that what they
    /// share, all the rows, is in the cache for all but the first.
    pub(crate) fn limbs(&self, scaled: &Scaled, targets: &mut [(usize, &mut [Residue])]) {
        let n = self.from.degree();
        for start in (0..n).step_by(STRETCH) {
            let stretch = start..n.min(start + STRETCH);
            let rows: Vec<_> = scaled
                .0
                .chunks_exact(n + PADDING)
                .map(|row| &row[stretch.clone()])
                .collect();
            for (j, out) in targets.iter_mut() {
                let (modulus, out) = (self.to.modulus(*j), &mut out[stretch.clone()]);
                let weights = &self.weights[*j][..rows.len()];
                simd::combine(Kernel::selected(), modulus, out, &rows, weights);
            }
        }
    }
}

/// Coefficients that are converted modulo one prime after the other: 16 kB a row.
const STRETCH: usize = 1 << 11;

/// Residues between rows that are read together, so that they do not share one set of the cache.
pub(crate) const PADDING: usize = 8;

/// y_1, ..., y_k and, where k > 1, v: what each target prime weighs and adds up.
pub(crate) struct Scaled(Buffer);
