//! Statistics in as few ciphertexts as possible, to be refreshed, and as vectors again.
//!
//! Samples that are only to be multiplied once are encrypted with few primes, which makes them small
//! and their products cheap. What the solution then takes in levels comes from bootstrapping, at a
//! price that does not depend on the number of samples either.

use tapetum_ckks::Ciphertext;

use super::gram::masked;
use crate::error::LearnError;
use crate::products::Products;
use crate::refresh::Refresh;

/// A vector that is the same in every row.
pub(super) struct Row {
    pub vector: Ciphertext,
    /// The largest that one of its values can be in magnitude.
    pub magnitude: f64,
    /// What it is multiplied by once it is refreshed.
    pub factor: f64,
}

/// Refreshes vectors that are equal in all rows: one row of each goes into a ciphertext, so that
/// few are refreshed. They come back at `level` or below.
pub(super) fn refreshed(
    products: &Products<'_>,
    rows: &[Row],
    refresh: &dyn Refresh,
    level: usize,
) -> Result<Vec<Ciphertext>, LearnError> {
    let evaluator = products.evaluator;
    let layout = products.layout();
    let row_mask = |row: usize, value: f64| {
        let mut slots = vec![0.0; layout.slots()];
        slots[row * layout.block_cols()..][..layout.block_cols()].fill(value);
        slots
    };
    let fresh = rows
        .chunks(layout.block_rows())
        .map(|rows| {
            let terms: Vec<_> = rows
                .iter()
                .enumerate()
                .map(|(r, row)| (&row.vector, row_mask(r, 1.0 / row.magnitude)))
                .collect();
            let packed = masked(products, &terms)?;
            let fresh = refresh.refresh(evaluator, &packed)?;
            products.counter.add(REFRESH_COST, "refreshing");
            let target = fresh.level().min(level + 1);
            Ok(evaluator.lower_to(&fresh, target)?)
        })
        .collect::<Result<Vec<_>, LearnError>>()?;
    // Masking takes a level.
    products.twice_in_pairs(
        rows.len(),
        layout.column_rotations(),
        |i| {
            let factor = rows[i].factor * rows[i].magnitude;
            let (packed, r) = (&fresh[i / layout.block_rows()], i % layout.block_rows());
            masked(products, &[(packed, row_mask(r, factor / 2.0))])
        },
        |row| products.sum_over_samples(row),
        "unpacking",
    )
}

/// Units of progress of a refresh: about as long as so many key switches.
pub(super) const REFRESH_COST: usize = 50;
