//! Kernels in 64-bit integers: right on every machine, and the reference for the others.

mod complex;
mod transform;

use super::lanes::LANES;
use super::product::{ROWS, Row, Schedule};
use crate::modulus::{Modulus, Residue};

pub(crate) use complex::interpolate;
pub(crate) use transform::Tables;

/// `a[k] += b[k]`.
pub(crate) fn add_assign(modulus: Modulus, a: &mut [Residue], b: &[Residue]) {
    for (a, &b) in a.iter_mut().zip(b) {
        *a = modulus.add(*a, b);
    }
}

/// `a[k] -= b[k]`.
pub(crate) fn sub_assign(modulus: Modulus, a: &mut [Residue], b: &[Residue]) {
    for (a, &b) in a.iter_mut().zip(b) {
        *a = modulus.sub(*a, b);
    }
}

/// `a[k] = -a[k]`.
pub(crate) fn neg_assign(modulus: Modulus, a: &mut [Residue]) {
    for a in a {
        *a = modulus.neg(*a);
    }
}

/// `a[k] *= b[k]`.
pub(crate) fn mul_assign(modulus: Modulus, a: &mut [Residue], b: &[Residue]) {
    for (a, &b) in a.iter_mut().zip(b) {
        *a = modulus.mul(*a, b);
    }
}

/// `a[k] += c`.
pub(crate) fn add_constant(modulus: Modulus, a: &mut [Residue], c: Residue) {
    for a in a {
        *a = modulus.add(*a, c);
    }
}

/// Moves blocks of eight and permutes each.
pub(crate) fn permute(
    _: Modulus,
    out: &mut [Residue],
    limb: &[Residue],
    blocks: &[u32],
    patterns: &[[u8; LANES]],
) {
    for (out, &block) in out.chunks_exact_mut(LANES).zip(blocks) {
        let pattern = patterns[block as usize % LANES];
        let start = block as usize / LANES * LANES;
        for (out, lane) in out.iter_mut().zip(pattern) {
            *out = limb[start + lane as usize];
        }
    }
}

/// `a[k] *= c`.
pub(crate) fn scale_assign(modulus: Modulus, a: &mut [Residue], c: Residue) {
    for a in a {
        *a = modulus.mul(*a, c);
    }
}

/// `a[k] += b[k] c`.
pub(crate) fn add_scaled_assign(modulus: Modulus, a: &mut [Residue], b: &[Residue], c: Residue) {
    for (a, &b) in a.iter_mut().zip(b) {
        *a = modulus.add(*a, modulus.mul(b, c));
    }
}

/// `a[k] = (a[k] - b[k]) c`.
pub(crate) fn sub_scale_assign(modulus: Modulus, a: &mut [Residue], b: &[Residue], c: Residue) {
    for (a, &b) in a.iter_mut().zip(b) {
        *a = modulus.mul(modulus.sub(*a, b), c);
    }
}

/// `out[k] = sum over i of terms[i].0[k] * terms[i].1[k]`, reduced once; at most 2^10 terms.
pub(crate) fn inner_product(
    modulus: Modulus,
    out: &mut [Residue],
    terms: &[(&[Residue], &[Residue])],
) {
    for (k, out) in out.iter_mut().enumerate() {
        let sum = terms
            .iter()
            .map(|(a, b)| a[k].centered() as i128 * b[k].centered() as i128)
            .sum();
        *out = modulus.reduce_wide(sum);
    }
}

/// [`inner_product`] of the first factors with the second and with the third; residues of the first stand for several in
/// a row.
pub(crate) fn inner_product_pair(
    modulus: Modulus,
    first: &mut [Residue],
    second: &mut [Residue],
    terms: &[(&[Residue], &[Residue], &[Residue])],
    repeats: usize,
) {
    for (k, (first, second)) in first.iter_mut().zip(second).enumerate() {
        let (mut x, mut y) = (0, 0);
        for term in terms {
            let a = term.0[k / repeats].centered() as i128;
            x += a * term.1[k].centered() as i128;
            y += a * term.2[k].centered() as i128;
        }
        (*first, *second) = (modulus.reduce_wide(x), modulus.reduce_wide(y));
    }
}

/// The coefficients of the sum of products of linear polynomials `(a0 + a1 s) (b0 + b1 s)`, given
/// as `[a0, a1, b0, b1]`.
pub(crate) fn tensor_product(
    modulus: Modulus,
    out: [&mut [Residue]; 3],
    terms: &[[&[Residue]; 4]],
) {
    let sum_of = |k: usize, products: &[(usize, usize)]| {
        let products = terms.iter().flat_map(|term| {
            products
                .iter()
                .map(|&(i, j)| term[i][k].centered() as i128 * term[j][k].centered() as i128)
        });
        modulus.reduce_wide(products.sum())
    };
    let products: [&[(usize, usize)]; 3] = [&[(0, 2)], &[(0, 3), (1, 2)], &[(1, 3)]];
    for (out, products) in out.into_iter().zip(products) {
        for (k, out) in out.iter_mut().enumerate() {
            *out = sum_of(k, products);
        }
    }
}

/// `out[k] = sum over i of rows[i][k] * weights[i]`, reduced once; at most 2^10 rows. The rows may
/// hold residues of other moduli: what counts is their centred representatives.
pub(crate) fn combine(
    modulus: Modulus,
    out: &mut [Residue],
    rows: &[&[Residue]],
    weights: &[Residue],
) {
    for (k, out) in out.iter_mut().enumerate() {
        let sum = rows
            .iter()
            .zip(weights)
            .map(|(row, w)| row[k].centered() as i128 * w.centered() as i128)
            .sum();
        *out = modulus.reduce_wide(sum);
    }
}

/// `out[k] = rint(sum over i of rows[i][k] * inverses[i])`, products and sums rounded one by one.
pub(crate) fn round_weighted(
    _: Modulus,
    out: &mut [Residue],
    rows: &[&[Residue]],
    inverses: &[f64],
) {
    for (k, out) in out.iter_mut().enumerate() {
        let sum = rows
            .iter()
            .zip(inverses)
            .fold(0.0, |sum, (row, inverse)| sum + row[k].as_f64() * inverse);
        *out = Residue::rounded(sum);
    }
}

/// `out[k]` becomes the residue of `integers[k]`, a whole number below 2^126.
pub(crate) fn reduce_integers(
    modulus: Modulus,
    out: &mut [Residue],
    integers: &[Residue],
    _steps: usize,
) {
    for (out, x) in out.iter_mut().zip(integers) {
        *out = modulus.reduce_i128(x.as_f64() as i128);
    }
}

/// `out[i][j] = sum over k of a[i, k] b[k, j]`, added to what is there unless it is the first block of k.
pub(crate) fn multiply(
    modulus: Modulus,
    out: &mut [&mut [Residue]],
    a: &[Vec<Row>],
    b: &[&[[f64; LANES]]],
    schedule: Schedule,
    is_first: bool,
) {
    for (i, out) in out.iter_mut().enumerate() {
        let a: Vec<_> = schedule.entries(&a[i / ROWS]).collect();
        for (out, b) in out.chunks_exact_mut(LANES).zip(b) {
            for (j, out) in out.iter_mut().enumerate() {
                let product = |(a, b): (&Row, &[f64; LANES])| a[i % ROWS] as i128 * b[j] as i128;
                let sum = modulus.reduce_wide(a.iter().zip(*b).map(product).sum());
                *out = if is_first {
                    sum
                } else {
                    modulus.add(*out, sum)
                };
            }
        }
    }
}
