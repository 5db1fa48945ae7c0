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

/// Functions that replace each of the residues of `a` by what `$op` makes of it and of that of `b`.
macro_rules! with_residues {
    ($($name:ident: $op:ident;)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<L: Lanes>(m: Modular<L>, a: &mut [Residue], b: &[Residue]) {
            each_pair!(a, b, |x, y| m.store(m.reduce(m.$op(m.load(x), m.load(y))), x));
        }
    )*};
}
with_residues! {
    add_assign: add;
    sub_assign: sub;
    mul_assign: mul;
}

/// The same with one constant.
macro_rules! with_constant {
    ($($name:ident: $op:ident;)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<L: Lanes>(m: Modular<L>, a: &mut [Residue], c: Residue) {
            let c = m.splat(c.as_f64());
            let (a, _) = numbers_mut(a).as_chunks_mut::<LANES>();
            for x in a {
                m.store(m.reduce(m.$op(m.load(x), c)), x);
            }
        }
    )*};
}
with_constant! {
    add_constant: add;
    scale_assign: mul;
}

#[inline(always)]
pub(crate) fn neg_assign<L: Lanes>(m: Modular<L>, a: &mut [Residue]) {
    let zero = m.splat(0.0);
    let (a, _) = numbers_mut(a).as_chunks_mut::<LANES>();
    for x in a {
        m.store(m.sub(zero, m.load(x)), x);
    }
}

/// The residues of whole numbers. A step leaves at most p or 2^-51 of a number, as a multiple of its last
/// place and so exactly.
#[inline(always)]
pub(crate) fn reduce_integers<L: Lanes>(
    m: Modular<L>,
    out: &mut [Residue],
    integers: &[Residue],
    steps: usize,
) {
    each_pair!(out, integers, |out, x| {
        let mut x = m.load(x);
        for _ in 0..steps {
            x = m.reduce_large(x);
        }
        m.store(x, out);
    });
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

/// Functions of residues of `a` and `b` and one constant.
macro_rules! with_residues_and_constant {
    ($($(#[$doc:meta])* $name:ident: |$m:ident, $x:ident, $y:ident, $c:ident| $new:expr;)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name<L: Lanes>(
            $m: Modular<L>,
            a: &mut [Residue],
            b: &[Residue],
            c: Residue,
        ) {
            let $c = $m.splat(c.as_f64());
            each_pair!(a, b, |x, y| {
                let ($x, $y) = ($m.load(x), $m.load(y));
                $m.store($m.reduce($new), x);
            });
        }
    )*};
}
with_residues_and_constant! {
    /// `a += b c`.
    add_scaled_assign: |m, x, y, c| m.add(x, m.mul(y, c));
    /// `a = (a - b) c`.
    sub_scale_assign: |m, x, y, c| m.mul(m.sub(x, y), c);
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
