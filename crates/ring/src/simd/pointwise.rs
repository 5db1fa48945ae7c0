//! Sums and products residue by residue. All results are canonical.

use super::lanes::{Arithmetic, LANES, Lanes, Modular, numbers, numbers_mut};
use crate::modulus::Residue;

/// Calls `$body` with the vectors of `$a` (exclusive) and `$b` at the same place.
///
/// Limbs are whole numbers of vectors: rings have at least sixteen coefficients.
macro_rules! each_pair {
    ($a:expr, $b:expr, |$x:ident, $y:ident| $body:expr) => {{
        let (a, rest) = numbers_mut($a).as_chunks_mut::<LANES>();
        debug_assert!(rest.is_empty());
        let (b, _) = numbers($b).as_chunks::<LANES>();
        for ($x, $y) in a.iter_mut().zip(b) {
            $body
        }
    }};
}

#[inline(always)]
pub(crate) fn add_assign<L: Lanes>(m: Modular<L>, a: &mut [Residue], b: &[Residue]) {
    each_pair!(a, b, |x, y| m
        .store(m.reduce(m.add(m.load(x), m.load(y))), x));
}

#[inline(always)]
pub(crate) fn sub_assign<L: Lanes>(m: Modular<L>, a: &mut [Residue], b: &[Residue]) {
    each_pair!(a, b, |x, y| m
        .store(m.reduce(m.sub(m.load(x), m.load(y))), x));
}

#[inline(always)]
pub(crate) fn mul_assign<L: Lanes>(m: Modular<L>, a: &mut [Residue], b: &[Residue]) {
    each_pair!(a, b, |x, y| m
        .store(m.reduce(m.mul(m.load(x), m.load(y))), x));
}

#[inline(always)]
pub(crate) fn neg_assign<L: Lanes>(m: Modular<L>, a: &mut [Residue]) {
    let zero = m.splat(0.0);
    let (a, _) = numbers_mut(a).as_chunks_mut::<LANES>();
    for x in a {
        m.store(m.sub(zero, m.load(x)), x);
    }
}

/// Moves blocks of eight and permutes each.
#[inline(always)]
pub(crate) fn permute<L: Lanes>(
    _: Modular<L>,
    out: &mut [Residue],
    limb: &[Residue],
    blocks: &[u32],
    patterns: &[[u8; LANES]],
) {
    let (out, _) = numbers_mut(out).as_chunks_mut::<LANES>();
    let (limb, _) = numbers(limb).as_chunks::<LANES>();
    for (out, &block) in out.iter_mut().zip(blocks) {
        let pattern = &patterns[block as usize % LANES];
        L::load_permuted(&limb[block as usize / LANES], pattern).store(out);
    }
}

#[inline(always)]
pub(crate) fn add_constant<L: Lanes>(m: Modular<L>, a: &mut [Residue], c: Residue) {
    let c = m.splat(c.as_f64());
    let (a, _) = numbers_mut(a).as_chunks_mut::<LANES>();
    for x in a {
        m.store(m.reduce(m.add(m.load(x), c)), x);
    }
}

#[inline(always)]
pub(crate) fn scale_assign<L: Lanes>(m: Modular<L>, a: &mut [Residue], c: Residue) {
    let c = m.splat(c.as_f64());
    let (a, _) = numbers_mut(a).as_chunks_mut::<LANES>();
    for x in a {
        m.store(m.reduce(m.mul(m.load(x), c)), x);
    }
}

/// `a += b c`.
#[inline(always)]
pub(crate) fn add_scaled_assign<L: Lanes>(
    m: Modular<L>,
    a: &mut [Residue],
    b: &[Residue],
    c: Residue,
) {
    let c = m.splat(c.as_f64());
    each_pair!(a, b, |x, y| {
        m.store(m.reduce(m.add(m.load(x), m.mul(m.load(y), c))), x);
    });
}

/// `a = (a - b) c`.
#[inline(always)]
pub(crate) fn sub_scale_assign<L: Lanes>(
    m: Modular<L>,
    a: &mut [Residue],
    b: &[Residue],
    c: Residue,
) {
    let c = m.splat(c.as_f64());
    each_pair!(a, b, |x, y| {
        m.store(m.reduce(m.mul(m.sub(m.load(x), m.load(y)), c)), x);
    });
}

/// `out[k] = rint(sum over i of rows[i][k] * inverses[i])`, products and sums rounded one by one.
#[inline(always)]
pub(crate) fn round_weighted<L: Lanes>(
    _: Modular<L>,
    out: &mut [Residue],
    rows: &[&[Residue]],
    inverses: &[f64],
) {
    let (out, _) = numbers_mut(out).as_chunks_mut::<LANES>();
    for (k, out) in out.iter_mut().enumerate() {
        let mut sum = L::splat(0.0);
        for (row, &inverse) in rows.iter().zip(inverses) {
            let (row, _) = numbers(row).as_chunks::<LANES>();
            sum = sum.add(L::load(&row[k]).mul(L::splat(inverse)));
        }
        // Adding zero makes a zero of it that has no sign.
        sum.round().add(L::splat(0.0)).store(out);
    }
}
