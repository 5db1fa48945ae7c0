//! Statistics in as few ciphertexts as possible, to be bootstrapped, and as vectors again.
//!
//! Samples that are only to be multiplied once are encrypted with few primes, which makes them small
//! and their products cheap. What the solution then takes in levels comes from bootstrapping, at a
//! price that does not depend on the number of samples either.

use tapetum_ckks::Ciphertext;

use super::gram::masked;
use crate::bootstrap::Bootstrap;
use crate::error::Result;
use crate::layout::Layout;
use crate::vectors::Vectors;

/// A vector that is the same in every row.
pub(super) struct Row {
    pub vector: Ciphertext,
    /// The largest that one of its values can be in magnitude.
    pub magnitude: f64,
    /// What it is multiplied by once it is bootstrapped.
    pub factor: f64,
}

/// Bootstraps vectors that are equal in all rows: one row of each goes into a ciphertext, so that
/// few are bootstrapped. They come back at `level` or below.
pub(super) fn bootstrapped(
    vectors: &Vectors<'_>,
    rows: &[Row],
    bootstrap: &dyn Bootstrap,
    level: usize,
) -> Result<Vec<Ciphertext>> {
    let evaluator = vectors.evaluator;
    let layout = vectors.layout;
    let fresh = rows
        .chunks(layout.block_rows())
        .map(|rows| {
            let terms: Vec<_> = rows
                .iter()
                .enumerate()
                .map(|(r, row)| (&row.vector, row_mask(layout, r, 1.0 / row.magnitude)))
                .collect();
            let packed = masked(vectors, &terms)?;
            let fresh = bootstrap.bootstrap(evaluator, &packed)?;
            vectors.counter.add(BOOTSTRAP_COST, "bootstrapping");
            let target = fresh.level().min(level + 1);
            Ok(evaluator.lower_to(&fresh, target)?)
        })
        .collect::<Result<Vec<_>>>()?;
    unpacked(vectors, &fresh, rows.len(), |i| {
        rows[i].factor * rows[i].magnitude
    })
}

/// Rows that lie below each other, each times `factor` of it and in all rows, one level lower.
pub(super) fn unpacked(
    vectors: &Vectors<'_>,
    packed: &[Ciphertext],
    count: usize,
    factor: impl Fn(usize) -> f64 + Sync,
) -> Result<Vec<Ciphertext>> {
    let layout = vectors.layout;
    vectors.twice_in_pairs(
        count,
        layout.column_rotations(),
        |i| {
            let (packed, r) = (&packed[i / layout.block_rows()], i % layout.block_rows());
            masked(vectors, &[(packed, row_mask(layout, r, factor(i) / 2.0))])
        },
        |row| vectors.sum_over_samples(row),
        "unpacking",
    )
}

/// `value` in one row of a block.
fn row_mask(layout: &Layout, row: usize, value: f64) -> Vec<f64> {
    let mut slots = vec![0.0; layout.slots()];
    slots[row * layout.block_cols()..][..layout.block_cols()].fill(value);
    slots
}

/// Units of progress of a bootstrap: about as long as this number of key switches.
pub(super) const BOOTSTRAP_COST: usize = 50;
