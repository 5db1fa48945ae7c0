//! Products of matrices of residues modulo one prime, blocked for the caches (Goto, van de Geijn, 2008).

use rayon::prelude::*;

use crate::basis::Basis;
use crate::buffer::Buffer;
use crate::modulus::{Modulus, Residue};
use crate::poly::{Form, Poly};
use crate::simd::{self, Kernel, LANES, ROWS, Row, Schedule};

/// Terms that are summed up before the next outputs are begun: eight columns of that many fill half of the
/// first-level cache.
const DEPTH: usize = 256;
/// Columns that a thread packs together: with `DEPTH` terms, 128 kB.
const WIDTH: usize = 64;

/// The first factor, its rows in groups.
struct Weights {
    /// For each block of `DEPTH` terms, groups of rows.
    blocks: Vec<Vec<Vec<Row>>>,
    largest: f64,
}

impl Weights {
    fn new(rows: usize, terms: usize, weight: impl Fn(usize, usize) -> Residue + Sync) -> Self {
        let group = |first: usize, start: usize| -> Vec<Row> {
            let entry = |row: usize, term: usize| {
                if row < rows {
                    weight(row, term).as_f64()
                } else {
                    0.0
                }
            };
            (start..terms.min(start + DEPTH))
                .map(|term| std::array::from_fn(|r| entry(first + r, term)))
                .collect()
        };
        let firsts: Vec<_> = (0..rows).step_by(ROWS).collect();
        let block = |start| {
            firsts
                .par_iter()
                .map(|&first| group(first, start))
                .collect()
        };
        let blocks: Vec<Vec<Vec<Row>>> = (0..terms).step_by(DEPTH).map(block).collect();
        let largest = blocks
            .iter()
            .flatten()
            .flatten()
            .flatten()
            .fold(0.0, |largest, x| f64::max(largest, x.abs()));
        Self { blocks, largest }
    }
}

/// Writes the products of the weights with the columns of `inputs`, whose rows are as long as those of `outputs`, or adds
/// them to what is there.
fn multiply(
    modulus: Modulus,
    outputs: Vec<&mut [Residue]>,
    weights: Weights,
    inputs: &[&[Residue]],
    adds: bool,
) {
    let schedule = Schedule::new(weights.largest, (modulus.value() / 2) as f64);
    let blocks: Vec<Vec<Vec<Row>>> = weights
        .blocks
        .into_iter()
        .map(|groups| groups.into_iter().map(|g| schedule.packed(g)).collect())
        .collect();
    let columns = inputs[0].len();
    let mut panels: Vec<Vec<&mut [Residue]>> = (0..columns.div_ceil(WIDTH))
        .map(|_| Vec::with_capacity(outputs.len()))
        .collect();
    for output in outputs {
        for (panel, part) in panels.iter_mut().zip(output.chunks_mut(WIDTH)) {
            panel.push(part);
        }
    }
    panels
        .into_par_iter()
        .enumerate()
        .for_each(|(panel, mut outputs)| {
            let start = panel * WIDTH;
            let width = WIDTH.min(columns - start);
            let mut packed = Buffer::any(WIDTH * (DEPTH + 1));
            for (i, (weights, inputs)) in blocks.iter().zip(inputs.chunks(DEPTH)).enumerate() {
                // Blocks of columns are a line further apart, so that they do not share one set of the cache.
                let stride = (inputs.len() + 1) * LANES;
                for (k, input) in inputs.iter().enumerate() {
                    let input = &input[start..start + width];
                    for (from, to) in input.chunks_exact(LANES).zip(packed.chunks_mut(stride)) {
                        to[k * LANES..(k + 1) * LANES].copy_from_slice(from);
                    }
                }
                let blocks: Vec<_> = simd::numbers(&packed)
                    .chunks(stride)
                    .take(width / LANES)
                    .map(|block| &block.as_chunks().0[..inputs.len()])
                    .collect();
                let kernel = Kernel::selected();
                simd::multiply(
                    kernel,
                    modulus,
                    &mut outputs,
                    weights,
                    &blocks,
                    schedule,
                    i == 0 && !adds,
                );
            }
        });
}

/// Many sums of the same polynomials times constants: output m is the sum over k of `inputs[k]` times the constant
/// whose residue modulo the prime at index i of `basis` is `weight(m, k, i)`. The primes of `basis` must be the
/// first of every input's.
///
/// Every input is read once, a stretch of coefficients of all of them at a time, and sums are reduced late.
///
/// # Panics
/// If there is no input, or it lives in another basis.
pub fn linear_combinations<F: Form>(
    basis: &Basis,
    inputs: &[&Poly<F>],
    outputs: usize,
    weight: impl Fn(usize, usize, usize) -> Residue + Sync,
) -> Vec<Poly<F>> {
    let n = basis.degree();
    let mut data: Vec<_> = (0..outputs).map(|_| Buffer::any(basis.len() * n)).collect();
    let mut rows: Vec<_> = data.iter_mut().map(|data| &mut data[..]).collect();
    combine(basis, inputs, &mut rows, weight, false);
    data.into_iter()
        .map(|data| Poly::from_data(basis, data))
        .collect()
}

/// Adds [`linear_combinations`] to what there is: sums of so many terms that they are not all at hand at once.
///
/// # Panics
/// If there is no input, or a polynomial lives in another basis.
pub fn add_linear_combinations<F: Form>(
    basis: &Basis,
    inputs: &[&Poly<F>],
    sums: &mut [&mut Poly<F>],
    weight: impl Fn(usize, usize, usize) -> Residue + Sync,
) {
    assert!(
        sums.iter().all(|sum| sum.basis() == basis),
        "sums of other bases"
    );
    let mut rows: Vec<_> = sums.iter_mut().map(|sum| sum.residues_mut()).collect();
    combine(basis, inputs, &mut rows, weight, true);
}

/// Writes the sums to all residues of the outputs, or adds them.
fn combine<F: Form>(
    basis: &Basis,
    inputs: &[&Poly<F>],
    outputs: &mut [&mut [Residue]],
    weight: impl Fn(usize, usize, usize) -> Residue + Sync,
    adds: bool,
) {
    assert!(!inputs.is_empty(), "a sum has at least one term");
    let begins = |whole: &Basis| {
        whole.log_n() == basis.log_n() && basis.moduli().eq(whole.moduli().take(basis.len()))
    };
    assert!(
        inputs.iter().all(|poly| begins(poly.basis())),
        "polynomials of other bases"
    );
    let n = basis.degree();
    for (i, modulus) in basis.moduli().enumerate() {
        let weights = Weights::new(outputs.len(), inputs.len(), |m, k| weight(m, k, i));
        let rows: Vec<_> = inputs.iter().map(|poly| poly.limb(i)).collect();
        let limbs = outputs.iter_mut().map(|data| &mut data[i * n..(i + 1) * n]);
        multiply(modulus, limbs.collect(), weights, &rows, adds);
    }
}

/// A matrix of residues modulo one prime.
///
/// ```
/// use tapetum_ring::{Modulus, ResidueMatrix};
///
/// let modulus = Modulus::new(97)?;
/// let a = ResidueMatrix::new(modulus, 2, &[1, 2, 3, 4]);
/// let b = ResidueMatrix::new(modulus, 2, &[50, -1, 0, 1]);
/// assert_eq!(a.product(&b).to_integers(), [-47, 1, -44, 1]);
/// # Ok::<(), tapetum_ring::ModulusError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct ResidueMatrix {
    modulus: Modulus,
    rows: usize,
    columns: usize,
    /// Row after row, each filled up with zeros to whole vectors.
    residues: Buffer,
}

impl ResidueMatrix {
    /// The residues of the entries, which are given row after row.
    ///
    /// # Panics
    /// If there is no column, or the entries do not fill whole rows.
    pub fn new(modulus: Modulus, columns: usize, entries: &[i64]) -> Self {
        assert!(columns > 0, "a matrix has columns");
        assert!(
            entries.len().is_multiple_of(columns),
            "entries fill whole rows"
        );
        let mut matrix = Self::zero(modulus, entries.len() / columns, columns);
        let stride = matrix.stride();
        let rows = matrix.residues.chunks_exact_mut(stride);
        for (row, entries) in rows.zip(entries.chunks_exact(columns)) {
            for (residue, &entry) in row.iter_mut().zip(entries) {
                *residue = modulus.reduce(entry);
            }
        }
        matrix
    }

    fn zero(modulus: Modulus, rows: usize, columns: usize) -> Self {
        Self {
            modulus,
            rows,
            columns,
            residues: Buffer::zeroed(rows * columns.next_multiple_of(LANES)),
        }
    }

    fn stride(&self) -> usize {
        self.columns.next_multiple_of(LANES)
    }

    /// The prime.
    pub fn modulus(&self) -> Modulus {
        self.modulus
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The entries row after row, in [-(p-1)/2, (p-1)/2].
    pub fn to_integers(&self) -> Vec<i64> {
        self.residues
            .chunks_exact(self.stride())
            .flat_map(|row| &row[..self.columns])
            .map(|x| x.centered())
            .collect()
    }

    /// The product of the matrices, exact modulo the prime.
    ///
    /// # Panics
    /// If the primes differ, or this has other than as many columns as the other has rows.
    pub fn product(&self, other: &Self) -> Self {
        assert_eq!(
            self.modulus, other.modulus,
            "matrices modulo different primes"
        );
        assert_eq!(self.columns, other.rows, "shapes that do not fit");
        let mut product = Self::zero(self.modulus, self.rows, other.columns);
        let (stride, own) = (other.stride(), self.stride());
        let weights = Weights::new(self.rows, self.columns, |m, k| self.residues[m * own + k]);
        let inputs: Vec<_> = other.residues.chunks_exact(stride).collect();
        let outputs = product.residues.chunks_exact_mut(stride).collect();
        multiply(self.modulus, outputs, weights, &inputs, false);
        product
    }
}

impl std::fmt::Debug for ResidueMatrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rows, columns) = (self.rows, self.columns);
        write!(f, "ResidueMatrix({rows} x {columns})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primes;
    use crate::sampling::{Seed, uniform};

    fn modulus(bits: i32) -> Modulus {
        primes::near(2f64.powi(bits), 4).next().unwrap()
    }

    /// Entries of which many are the largest, the smallest, or alike in sign.
    fn entries(count: usize, most: i64, seed: u64) -> Vec<i64> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 33) as i64
        };
        (0..count)
            .map(|_| match next() % 4 {
                0 => most,
                1 => -most,
                _ => (next() << 31 | next()) % (most + 1),
            })
            .collect()
    }

    /// The residue in [0, p) of an entry of the product, in 128-bit integers.
    fn expected(p: u64, a: &[i64], b: &[i64], [row, column, inner, columns]: [usize; 4]) -> u128 {
        let unsigned = |x: i64| i128::from(x).rem_euclid(i128::from(p)) as u128;
        (0..inner).fold(0, |sum, k| {
            let (a, b) = (a[row * inner + k], b[k * columns + column]);
            (sum + unsigned(a) * unsigned(b)) % u128::from(p)
        })
    }

    #[test]
    fn products_are_those_of_128_bit_integers() {
        // Rows that do not fill a group, columns that do not fill a vector or a panel, terms in several blocks.
        let shapes = [
            (1, 1, 1),
            (5, 300, 9),
            (3, 16, 70),
            (6, 17, 128),
            (2, 600, 8),
        ];
        for bits in [13, 28, 30, 33, 36, 40, 46, 49] {
            let modulus = modulus(bits);
            let (p, half) = (modulus.value(), (modulus.value() / 2) as i64);
            for (seed, &(rows, inner, columns)) in shapes.iter().enumerate() {
                for most in [1, 127, half.min(1 << 20), half] {
                    let a = entries(rows * inner, most.min(half), seed as u64);
                    let b = entries(inner * columns, half, 99 + seed as u64);
                    let product = ResidueMatrix::new(modulus, inner, &a)
                        .product(&ResidueMatrix::new(modulus, columns, &b));
                    assert_eq!((product.rows(), product.columns()), (rows, columns));
                    for (i, x) in product.to_integers().into_iter().enumerate() {
                        let place = [i / columns, i % columns, inner, columns];
                        let found = i128::from(x).rem_euclid(i128::from(p)) as u128;
                        let expected = expected(p, &a, &b, place);
                        assert_eq!(found, expected, "2^{bits}, {most}, {place:?}");
                        assert!(x.abs() <= half);
                    }
                }
            }
        }
    }

    #[test]
    fn all_terms_at_their_largest() {
        for bits in [13, 20, 28, 33, 34, 36, 40, 47, 49] {
            let modulus = modulus(bits);
            let half = (modulus.value() / 2) as i64;
            for (x, y) in [
                (half, half),
                (half, -half),
                (-half, -half),
                (half, half - 1),
            ] {
                let inner = 2 * DEPTH + 3;
                let a = ResidueMatrix::new(modulus, inner, &vec![x; inner]);
                let product = a.product(&ResidueMatrix::new(modulus, 8, &vec![y; 8 * inner]));
                let sum = inner as i128 * i128::from(x) * i128::from(y);
                let expected = modulus.reduce_i128(sum).centered();
                assert_eq!(product.to_integers(), [expected; 8], "2^{bits}: {x} {y}");
            }
        }
    }

    #[test]
    fn kernels_agree_bit_for_bit() {
        for bits in [13, 28, 33, 36, 40, 49] {
            let modulus = modulus(bits);
            let half = (modulus.value() / 2) as f64;
            for largest in [5.0, 300.0, half] {
                let weight = |m: usize, k: usize| {
                    let most = f64::min(largest, half) as i64;
                    modulus.reduce((m as i64 * 7919 + k as i64 * 104_729) % (most + 1))
                };
                let weights = Weights::new(7, 100, weight);
                let schedule = Schedule::new(weights.largest, half);
                let columns: Vec<[f64; LANES]> = (0..100)
                    .map(|k| std::array::from_fn(|j| [half, -half, half - k as f64][(j + k) % 3]))
                    .collect();
                let run = |kernel| {
                    let mut out = vec![vec![Residue::ZERO; LANES]; 7];
                    let a = weights.blocks[0].iter();
                    let a: Vec<_> = a.map(|rows| schedule.packed(rows.clone())).collect();
                    for is_first in [true, false] {
                        let mut rows: Vec<_> = out.iter_mut().map(|row| &mut row[..]).collect();
                        simd::multiply(
                            kernel,
                            modulus,
                            &mut rows,
                            &a,
                            &[&columns],
                            schedule,
                            is_first,
                        );
                    }
                    let bits = out.iter().flatten().map(|x| x.as_f64().to_bits());
                    bits.collect::<Vec<_>>()
                };
                let expected = run(Kernel::PORTABLE);
                for kernel in Kernel::available() {
                    assert_eq!(run(kernel), expected, "{kernel:?}, 2^{bits}, {largest}");
                }
            }
        }
    }

    #[test]
    fn combinations_are_sums_of_products() {
        let primes = [36, 40, 49].map(|bits| modulus(bits).value());
        let basis = Basis::new(4, &primes).unwrap();
        let part = basis.prefix(2);
        let inputs: Vec<_> = (0..5)
            .map(|seed| uniform(&basis, Seed::from_bytes([seed; 32])))
            .collect();
        let inputs: Vec<_> = inputs.iter().collect();
        let constant = |m: usize, k: usize| (m as i64 - 1) * 987_654_321 + k as i64 * 77;
        let weight = |m, k, i| part.modulus(i).reduce(constant(m, k));
        let found = linear_combinations(&part, &inputs, 3, weight);
        for (m, found) in found.iter().enumerate() {
            let mut expected = Poly::zero(&part);
            for (k, input) in inputs.iter().enumerate() {
                let mut term = input.truncated(2);
                term.scale_assign(|i| part.modulus(i).reduce(constant(m, k)));
                expected.add_assign(&term);
            }
            assert!(*found == expected, "output {m}");
        }
        assert!(linear_combinations(&part, &inputs, 0, weight).is_empty());
        // Term after term.
        let mut sums: Vec<_> = (0..3).map(|_| Poly::zero(&part)).collect();
        for (k, input) in inputs.iter().enumerate() {
            let mut sums: Vec<_> = sums.iter_mut().collect();
            add_linear_combinations(&part, &[input], &mut sums, |m, _, i| weight(m, k, i));
        }
        assert!(sums == found);
    }
}
