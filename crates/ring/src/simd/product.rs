//! Products of matrices of residues: several outputs times one vector of columns at a time.
//!
//! Where products are small enough, a fused multiply-add sums them up by itself; where half of the first factor's bits
//! make them so, it does for each half. Elsewhere the exact sum is H + L, as in [`accumulate`](super::accumulate), at twice
//! the operations of two halves. Between two reductions there are as many products as their size allows.

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
    sums: Sums,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sums {
    /// As they are.
    Plain,
    /// Of the high and the low halves of the first factor, the high ones in units of this power of two.
    Halves(f64),
    /// Split at 2^s: 1.5 * 2^(52 + s).
    Split(f64),
}

impl Schedule {
    /// For factors of at most these magnitudes, which are below 2^48.
    pub fn new(a: f64, b: f64) -> Self {
        const WHOLE: f64 = (1u64 << 53) as f64;
        const ENOUGH: f64 = 32.0;
        let exact = |a: f64| WHOLE / (a * b).max(1.0);
        if exact(a) >= ENOUGH {
            return Self {
                terms: exact(a) as usize,
                sums: Sums::Plain,
            };
        }
        // Each half is at most its number of units, or half a unit.
        let unit = (a.max(1.0).log2() / 2.0).ceil().exp2();
        let half = (a / unit + 1.0).max(unit / 2.0);
        if exact(half) >= ENOUGH {
            return Self {
                terms: exact(half) as usize,
                sums: Sums::Halves(unit),
            };
        }
        let product = (a * b).max(1.0);
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
            sums: Sums::Split(1.5 * 2f64.powi(52 + s)),
        }
    }

    /// The packed rows as they are multiplied: each entry, or two in a row that are its halves.
    pub fn packed(self, rows: Vec<Row>) -> Vec<Row> {
        let Sums::Halves(unit) = self.sums else {
            return rows;
        };
        let halves = |row: &Row| {
            let high = row.map(|x| (x / unit).round());
            [high, std::array::from_fn(|r| row[r] - high[r] * unit)]
        };
        rows.iter().flat_map(halves).collect()
    }

    /// The entries that packed rows stand for.
    pub fn entries(self, packed: &[Row]) -> impl Iterator<Item = Row> + '_ {
        let (count, unit) = match self.sums {
            Sums::Halves(unit) => (2, unit),
            Sums::Plain | Sums::Split(_) => (1, 1.0),
        };
        packed.chunks(count).map(move |rows| match rows {
            [high, low] => std::array::from_fn(|r| high[r] * unit + low[r]),
            _ => rows[0],
        })
    }
}

/// Packed rows of the first factor.
pub(crate) type Row = [f64; ROWS];

/// `out[i][j] = sum over k of a[i, k] b[k, j]`, added to what is there unless it is the first block of k.
///
/// `a` holds groups of [`ROWS`] rows, k after k and [packed](Schedule::packed), the last one filled up with anything; `b`
/// holds blocks of eight columns, k after k.
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
            match schedule.sums {
                Sums::Plain => plain::<L>(m, out, a, b, column, schedule.terms, is_first),
                Sums::Halves(unit) => {
                    halves::<L>(m, out, a, b, column, schedule.terms, unit, is_first);
                }
                Sums::Split(start) if L::HAS_MANY_REGISTERS => {
                    split::<L, 4, 0>(m, out, a, b, column, schedule.terms, start, is_first);
                }
                Sums::Split(start) => {
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

/// Of at most four outputs, where sums of so many products with each half are exact.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn halves<L: Lanes>(
    m: Modular<L>,
    out: &mut [&mut [Residue]],
    a: &[Row],
    b: &[[f64; LANES]],
    column: usize,
    terms: usize,
    unit: f64,
    is_first: bool,
) {
    let unit = L::splat(unit);
    let (a, _) = a.as_chunks::<2>();
    let mut totals = [L::splat(0.0); ROWS];
    for (a, b) in a.chunks(terms).zip(b.chunks(terms)) {
        let mut high = [L::splat(0.0); ROWS];
        let mut low = [L::splat(0.0); ROWS];
        for (a, b) in a.iter().zip(b) {
            let b = L::load(b);
            for r in 0..ROWS {
                high[r] = L::splat(a[0][r]).mul_add(b, high[r]);
                low[r] = L::splat(a[1][r]).mul_add(b, low[r]);
            }
        }
        for r in 0..ROWS {
            // A residue of at most 2^33 times a unit of at most 2^17 is exact, and so is the sum.
            let sum = m.reduce(high[r]).mul_add(unit, m.reduce(low[r]));
            totals[r] = m.reduce(totals[r].add(m.reduce(sum)));
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
