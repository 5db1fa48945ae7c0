//! Sums of products with one reduction at the end.
//!
//! The exact sum is kept as H + L. H starts at 1.5 * 2^(52 + s), so it has an ulp of 2^s as long
//! as the sum stays below 2^(51 + s) in magnitude: adding a product by a fused multiply-add takes
//! its multiple of 2^s, and what is left, at most 2^(s - 1), is exact and goes to L. With s = 49
//! and factors of at most 2^48, sixteen products fit: 16 * 2^96 = 2^(51 + 49), 16 * 2^48 = 2^52.

use super::lanes::{Arithmetic, LANES, Lanes, Modular, numbers, numbers_mut};
use crate::modulus::{MAX_MODULUS_BITS, Residue};

/// Products between two reductions.
const TERMS: usize = 16;
/// 1.5 * 2^(52 + s).
const START: f64 = 1.5 * (1u128 << (52 + SHIFT)) as f64;
const SHIFT: u32 = 49;
const _: () = assert!((TERMS as u128) << (2 * (MAX_MODULUS_BITS - 1)) <= 1 << (51 + SHIFT));

/// Vectors that are summed up beside each other, to hide the latency of the sums.
const COLUMNS: usize = 2;

/// A running sum.
#[derive(Clone, Copy)]
struct Sum<L> {
    high: L,
    low: L,
}

impl<L: Lanes> Sum<L> {
    #[inline(always)]
    fn new() -> Self {
        Self {
            high: L::splat(START),
            low: L::splat(0.0),
        }
    }

    /// Adds `a b`.
    #[inline(always)]
    fn add(&mut self, a: L, b: L) {
        let high = a.mul_add(b, self.high);
        let taken = high.sub(self.high);
        self.low = self.low.add(a.mul_sub(b, taken));
        self.high = high;
    }

    /// The canonical residue. The quotient of H is below 2^51, so its first remainder is within p;
    /// with L that is below 2^53, and two more reductions are canonical whatever the prime.
    #[inline(always)]
    fn finish(self, m: Modular<L>) -> L {
        let high = m.reduce(self.high.sub(L::splat(START)));
        m.reduce(m.reduce(high.add(self.low)))
    }
}

/// Calls `$add` for each of at most `TERMS` terms of `$terms` and each of the vectors of a stretch
/// of columns, and stores the sums in `$out`, adding them to what is there unless `$first`.
macro_rules! accumulate {
    ($m:expr, $out:expr, $terms:expr, $first:expr, |$sums:ident, $term:ident, $at:ident| $add:expr) => {{
        let (out, _) = numbers_mut($out).as_chunks_mut::<LANES>();
        for (block, out) in out.chunks_exact_mut(COLUMNS).enumerate() {
            let mut $sums = [Sum::<L>::new(); COLUMNS];
            let $at = block * COLUMNS * LANES;
            for $term in $terms {
                $add
            }
            for (sum, out) in $sums.into_iter().zip(out) {
                let sum = sum.finish($m);
                let sum = if $first {
                    sum
                } else {
                    $m.reduce(sum.add($m.load(out)))
                };
                $m.store(sum, out);
            }
        }
    }};
}

/// The two neighbouring vectors of a limb at `at`.
#[inline(always)]
fn vectors<L: Lanes>(limb: &[Residue], at: usize) -> [L; COLUMNS] {
    let (chunks, _) = numbers(&limb[at..at + COLUMNS * LANES]).as_chunks::<LANES>();
    [L::load(&chunks[0]), L::load(&chunks[1])]
}

/// `out[k] = sum over i of terms[i].0[k] * terms[i].1[k]`.
#[inline(always)]
pub(crate) fn inner_product<L: Lanes>(
    m: Modular<L>,
    out: &mut [Residue],
    terms: &[(&[Residue], &[Residue])],
) {
    for (i, terms) in terms.chunks(TERMS).enumerate() {
        accumulate!(m, out, terms, i == 0, |sums, term, at| {
            let (a, b) = (vectors::<L>(term.0, at), vectors::<L>(term.1, at));
            sums[0].add(a[0], b[0]);
            sums[1].add(a[1], b[1]);
        });
    }
}

/// `first[k] = sum over i of terms[i].0[k] * terms[i].1[k]` and the same for `second` and
/// `terms[i].2`.
#[inline(always)]
pub(crate) fn inner_product_pair<L: Lanes>(
    m: Modular<L>,
    first: &mut [Residue],
    second: &mut [Residue],
    terms: &[(&[Residue], &[Residue], &[Residue])],
) {
    for (i, terms) in terms.chunks(TERMS).enumerate() {
        let (first, _) = numbers_mut(first).as_chunks_mut::<LANES>();
        let (second, _) = numbers_mut(second).as_chunks_mut::<LANES>();
        let blocks = first
            .chunks_exact_mut(COLUMNS)
            .zip(second.chunks_exact_mut(COLUMNS));
        for (block, (first, second)) in blocks.enumerate() {
            let at = block * COLUMNS * LANES;
            let mut sums = [[Sum::<L>::new(); COLUMNS]; 2];
            for &(a, x, y) in terms {
                let a = vectors::<L>(a, at);
                let (x, y) = (vectors::<L>(x, at), vectors::<L>(y, at));
                for c in 0..COLUMNS {
                    sums[0][c].add(a[c], x[c]);
                    sums[1][c].add(a[c], y[c]);
                }
            }
            for c in 0..COLUMNS {
                for (sum, out) in [(sums[0][c], &mut first[c]), (sums[1][c], &mut second[c])] {
                    let sum = sum.finish(m);
                    let sum = if i == 0 {
                        sum
                    } else {
                        m.reduce(sum.add(m.load(out)))
                    };
                    m.store(sum, out);
                }
            }
        }
    }
}

/// The coefficients of the sum of products of linear polynomials `(a0 + a1 s) (b0 + b1 s)`, given
/// as `[a0, a1, b0, b1]`.
#[inline(always)]
pub(crate) fn tensor_product<L: Lanes>(
    m: Modular<L>,
    out: [&mut [Residue]; 3],
    terms: &[[&[Residue]; 4]],
) {
    let [first, second, third] = out;
    // The middle sum has two products a term.
    for (i, terms) in terms.chunks(TERMS / 2).enumerate() {
        let (first, _) = numbers_mut(first).as_chunks_mut::<LANES>();
        let (second, _) = numbers_mut(second).as_chunks_mut::<LANES>();
        let (third, _) = numbers_mut(third).as_chunks_mut::<LANES>();
        let blocks = first
            .chunks_exact_mut(COLUMNS)
            .zip(second.chunks_exact_mut(COLUMNS))
            .zip(third.chunks_exact_mut(COLUMNS));
        for (block, ((first, second), third)) in blocks.enumerate() {
            let at = block * COLUMNS * LANES;
            let mut sums = [[Sum::<L>::new(); COLUMNS]; 3];
            for &[a0, a1, b0, b1] in terms {
                let (a0, a1) = (vectors::<L>(a0, at), vectors::<L>(a1, at));
                let (b0, b1) = (vectors::<L>(b0, at), vectors::<L>(b1, at));
                for c in 0..COLUMNS {
                    sums[0][c].add(a0[c], b0[c]);
                    sums[1][c].add(a0[c], b1[c]);
                    sums[1][c].add(a1[c], b0[c]);
                    sums[2][c].add(a1[c], b1[c]);
                }
            }
            for c in 0..COLUMNS {
                let outs = [&mut first[c], &mut second[c], &mut third[c]];
                for (sums, out) in sums.iter().zip(outs) {
                    let sum = sums[c].finish(m);
                    let sum = if i == 0 {
                        sum
                    } else {
                        m.reduce(sum.add(m.load(out)))
                    };
                    m.store(sum, out);
                }
            }
        }
    }
}

/// `out[k] = sum over i of rows[i][k] * weights[i]`. The rows may hold residues of other moduli.
#[inline(always)]
pub(crate) fn combine<L: Lanes>(
    m: Modular<L>,
    out: &mut [Residue],
    rows: &[&[Residue]],
    weights: &[Residue],
) {
    for (i, (rows, weights)) in rows.chunks(TERMS).zip(weights.chunks(TERMS)).enumerate() {
        accumulate!(
            m,
            out,
            rows.iter().zip(weights),
            i == 0,
            |sums, term, at| {
                let (a, b) = (vectors::<L>(term.0, at), L::splat(term.1.as_f64()));
                sums[0].add(a[0], b);
                sums[1].add(a[1], b);
            }
        );
    }
}
