//! Sums of products with one reduction at the end.
//!
//! The exact sum is kept as H + L. H starts at 1.5 * 2^(52 + s), so it has an ulp of 2^s as long
//! as the sum stays below 2^(51 + s) in magnitude: adding a product by a fused multiply-add takes
//! its multiple of 2^s, and what is left, at most 2^(s - 1), is exact and goes to L. With s = 49
//! and factors of at most 2^48, sixteen products fit: 16 * 2^96 = 2^(51 + 49), 16 * 2^48 = 2^52.

use super::lanes::{Arithmetic, LANES, Lanes, Modular, load_repeated, numbers, numbers_mut};
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
pub(super) struct Sum<L> {
    high: L,
    low: L,
}

impl<L: Lanes> Sum<L> {
    /// `start` is 1.5 * 2^(52 + s).
    #[inline(always)]
    pub fn new(start: L) -> Self {
        Self {
            high: start,
            low: L::splat(0.0),
        }
    }

    /// Adds `a b`.
    #[inline(always)]
    pub fn add(&mut self, a: L, b: L) {
        let high = a.mul_add(b, self.high);
        let taken = high.sub(self.high);
        self.low = self.low.add(a.mul_sub(b, taken));
        self.high = high;
    }

    /// The canonical residue. The quotient of H is below 2^51, so its first remainder is within p;
    /// with L that is below 2^53, and two more reductions are canonical whatever the prime.
    #[inline(always)]
    pub fn finish(self, m: Modular<L>, start: L) -> L {
        let high = m.reduce(self.high.sub(start));
        m.reduce(m.reduce(high.add(self.low)))
    }
}

/// Stores a sum, or adds it to what is there unless it is the first.
#[inline(always)]
fn put<L: Lanes>(m: Modular<L>, sum: Sum<L>, out: &mut [f64; LANES], is_first: bool) {
    let sum = sum.finish(m, L::splat(START));
    let sum = if is_first {
        sum
    } else {
        m.reduce(sum.add(m.load(out)))
    };
    m.store(sum, out);
}

/// Adds up at most `TERMS` products in each of several sums, which go to the limbs of `$outs`:
/// `$add` adds one of `$terms` to the vectors of a stretch of columns.
macro_rules! accumulate {
    ($m:expr, [$($out:ident),+]: $count:literal, $terms:expr, $first:expr,
     |$sums:ident, $term:pat, $at:ident| $add:expr) => {{
        $(let ($out, _) = numbers_mut($out).as_chunks_mut::<LANES>();)+
        let blocks = ($($out.len(),)+).0 / COLUMNS;
        for block in 0..blocks {
            let $at = block * COLUMNS * LANES;
            let mut $sums = [[Sum::<L>::new(L::splat(START)); COLUMNS]; $count];
            for $term in $terms {
                $add
            }
            let outs = [$(&mut $out[block * COLUMNS..][..COLUMNS]),+];
            for (sums, out) in $sums.into_iter().zip(outs) {
                put($m, sums[0], &mut out[0], $first);
                put($m, sums[1], &mut out[1], $first);
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
        accumulate!(m, [out]: 1, terms, i == 0, |sums, &(a, b), at| {
            let (a, b) = (vectors::<L>(a, at), vectors::<L>(b, at));
            for c in 0..COLUMNS {
                sums[0][c].add(a[c], b[c]);
            }
        });
    }
}

/// `first[k] = sum over i of terms[i].0[k / repeats] * terms[i].1[k]` and the same for `second` and
/// `terms[i].2`.
#[inline(always)]
pub(crate) fn inner_product_pair<L: Lanes>(
    m: Modular<L>,
    first: &mut [Residue],
    second: &mut [Residue],
    terms: &[(&[Residue], &[Residue], &[Residue])],
    repeats: usize,
) {
    match repeats {
        1 => pair::<L, 1>(m, first, second, terms, 1),
        2 => pair::<L, 2>(m, first, second, terms, 2),
        4 => pair::<L, 4>(m, first, second, terms, 4),
        8 => pair::<L, 8>(m, first, second, terms, 8),
        // The same number in all lanes.
        _ => pair::<L, BLOCK>(m, first, second, terms, repeats),
    }
}

/// Numbers of a block of columns.
const BLOCK: usize = COLUMNS * LANES;

/// [`inner_product_pair`] for so many repeats, or more than `BLOCK`.
#[inline(always)]
fn pair<L: Lanes, const REPEATS: usize>(
    m: Modular<L>,
    first: &mut [Residue],
    second: &mut [Residue],
    terms: &[(&[Residue], &[Residue], &[Residue])],
    repeats: usize,
) {
    for (i, terms) in terms.chunks(TERMS).enumerate() {
        accumulate!(m, [first, second]: 2, terms, i == 0, |sums, &(a, x, y), at| {
            let a = load_repeated::<L, REPEATS>(numbers(a), at / (repeats / REPEATS));
            let (x, y) = (vectors::<L>(x, at), vectors::<L>(y, at));
            for c in 0..COLUMNS {
                sums[0][c].add(a[c], x[c]);
                sums[1][c].add(a[c], y[c]);
            }
        });
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
        accumulate!(m, [first, second, third]: 3, terms, i == 0, |sums, &[a0, a1, b0, b1], at| {
            let (a0, a1) = (vectors::<L>(a0, at), vectors::<L>(a1, at));
            let (b0, b1) = (vectors::<L>(b0, at), vectors::<L>(b1, at));
            for c in 0..COLUMNS {
                sums[0][c].add(a0[c], b0[c]);
                sums[1][c].add(a0[c], b1[c]);
                sums[1][c].add(a1[c], b0[c]);
                sums[2][c].add(a1[c], b1[c]);
            }
        });
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
        let terms = rows.iter().zip(weights);
        accumulate!(m, [out]: 1, terms.clone(), i == 0, |sums, (row, weight), at| {
            let (a, b) = (vectors::<L>(row, at), L::splat(weight.as_f64()));
            for c in 0..COLUMNS {
                sums[0][c].add(a[c], b);
            }
        });
    }
}
