//! Products of matrices of residues: several outputs times one vector of columns at a time.
//!
//! Where products are small enough, a fused multiply-add sums them up by itself. Elsewhere the exact sum is H + L, as
//! in [`accumulate`](super::accumulate), with as many products between two reductions as their size allows.

use super::accumulate::Sum;
use super::lanes::{Arithmetic, LANES, Lanes, Modular, numbers_mut};
use crate::modulus::Residue;

/// Rows of the first factor that are packed together.
pub(crate) const ROWS: usize = 4;

/// How many products are summed up between two reductions, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Schedule {
    /// Products between two reductions; at least 16.
    terms: usize,
    /// 1.5 * 2^(52 + s) where sums are split at 2^s.
    start: Option<f64>,
}

impl Schedule {
    /// For factors of at most these magnitudes, which are below 2^48.
    pub fn new(a: f64, b: f64) -> Self {
        const WHOLE: f64 = (1u64 << 53) as f64;
        const ENOUGH: f64 = 32.0;
        let product = (a * b).max(1.0);
        let exact = WHOLE / product;
        if exact >= ENOUGH {
            return Self {
                terms: exact as usize,
                start: None,
            };
        }
        // The sum stays within 2^(51 + s), and what is left of each product, at most 2^(s - 1), adds up to at
        // most 2^52. Where both are met with equality, s is half of log2(product) + 2.
        let terms = |s: i32| f64::min(2f64.powi(51 + s) / product, 2f64.powi(53 - s));
        let lower = ((product.log2() + 2.0) / 2.0).floor() as i32;
        let s = if terms(lower) >= terms(lower + 1) {
            lower
        } else {
            lower + 1
        };
        Self {
            terms: terms(s) as usize,
            start: Some(1.5 * 2f64.powi(52 + s)),
        }
    }
}

/// Packed rows of the first factor.
pub(crate) type Row = [f64; ROWS];

/// `out[i][j] = sum over k of a[i, k] b[k, j]`, added to what is there unless it is the first block of k.
///
/// `a` holds groups of [`ROWS`] rows, k after k, the last one filled up with anything; `b` holds blocks of eight
/// columns, k after k.
#[inline(always)]
pub(crate) fn multiply<L: Lanes>(
    m: Modular<L>,
    out: &mut [&mut [Residue]],
    a: &[Vec<Row>],
    b: &[&[[f64; LANES]]],
    schedule: Schedule,
    is_first: bool,
) {
    for (column, b) in b.iter().enumerate() {
        for (a, out) in a.iter().zip(out.chunks_mut(ROWS)) {
            match schedule.start {
                None => plain::<L>(m, out, a, b, column, schedule.terms, is_first),
                Some(start) if L::HAS_MANY_REGISTERS => {
                    split::<L, 4, 0>(m, out, a, b, column, schedule.terms, start, is_first);
                }
                Some(start) => {
                    let (low, high) = out.split_at_mut(out.len().min(2));
                    split::<L, 2, 0>(m, low, a, b, column, schedule.terms, start, is_first);
                    if !high.is_empty() {
                        split::<L, 2, 2>(m, high, a, b, column, schedule.terms, start, is_first);
                    }
                }
            }
        }
    }
}

/// Of at most four outputs, where sums of so many products are exact.
#[inline(always)]
fn plain<L: Lanes>(
    m: Modular<L>,
    out: &mut [&mut [Residue]],
    a: &[Row],
    b: &[[f64; LANES]],
    column: usize,
    terms: usize,
    is_first: bool,
) {
    let mut totals = [L::splat(0.0); ROWS];
    for (a, b) in a.chunks(terms).zip(b.chunks(terms)) {
        let mut sums = [L::splat(0.0); ROWS];
        for (a, b) in a.iter().zip(b) {
            let b = L::load(b);
            for r in 0..ROWS {
                sums[r] = L::splat(a[r]).mul_add(b, sums[r]);
            }
        }
        for r in 0..ROWS {
            totals[r] = m.reduce(totals[r].add(m.reduce(sums[r])));
        }
    }
    put(m, out, &totals, column, is_first);
}

/// Of the `R` outputs from row `FROM` of the packed ones on.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn split<L: Lanes, const R: usize, const FROM: usize>(
    m: Modular<L>,
    out: &mut [&mut [Residue]],
    a: &[Row],
    b: &[[f64; LANES]],
    column: usize,
    terms: usize,
    start: f64,
    is_first: bool,
) {
    let start = L::splat(start);
    let mut totals = [L::splat(0.0); R];
    for (a, b) in a.chunks(terms).zip(b.chunks(terms)) {
        let mut sums = [Sum::<L>::new(start); R];
        for (a, b) in a.iter().zip(b) {
            let b = L::load(b);
            for r in 0..R {
                sums[r].add(L::splat(a[FROM + r]), b);
            }
        }
        for r in 0..R {
            totals[r] = m.reduce(totals[r].add(sums[r].finish(m, start)));
        }
    }
    put(m, out, &totals, column, is_first);
}

/// Stores canonical sums, or adds them to what is there.
#[inline(always)]
fn put<L: Lanes>(
    m: Modular<L>,
    out: &mut [&mut [Residue]],
    totals: &[L],
    column: usize,
    is_first: bool,
) {
    for (out, &total) in out.iter_mut().zip(totals) {
        let (out, _) = numbers_mut(out).as_chunks_mut::<LANES>();
        let out = &mut out[column];
        let total = if is_first {
            total
        } else {
            m.reduce(total.add(m.load(out)))
        };
        m.store(total, out);
    }
}
