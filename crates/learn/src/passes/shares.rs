//! Samples, cut into shares by rows of blocks.

use std::ops::Range;

use crate::error::Result;
use crate::labels::{EncryptedLabels, Labels};
use crate::layout::Layout;
use crate::matrix::EncryptedMatrix;
use crate::samples::Batch;

/// Cuts samples into up to `count` shares of about the same size, each of whole rows of blocks of which `unit` stay
/// together. There is one share at least.
///
/// # Errors
/// [`LearnError`](crate::LearnError) never for samples and labels that fit together.
pub fn shares((matrix, labels): &Batch, unit: usize, count: usize) -> Result<Vec<Batch>> {
    let grid_rows = matrix.layout().grid_rows();
    let unit = unit.max(1);
    let units = grid_rows.div_ceil(unit);
    let count = count.clamp(1, units);
    let bound = |share: usize| (units * share / count * unit).min(grid_rows);
    (0..count)
        .map(|share| {
            let grid_rows = bound(share)..bound(share + 1);
            let layout = part_of(matrix.layout(), &grid_rows)?;
            let blocks = of_rows(matrix.blocks(), matrix.layout().grid_cols(), &grid_rows);
            let blocks = EncryptedMatrix::from_blocks(layout, blocks)?;
            let labels = match labels {
                Labels::Clear(labels) => {
                    let first = grid_rows.start * layout.block_rows();
                    Labels::Clear(labels.part(first..first + layout.rows())?)
                }
                Labels::Encrypted(labels) => {
                    let classes = labels.classes();
                    let chunks = EncryptedLabels::ciphertexts_per_row(&layout, classes);
                    let vectors = of_rows(labels.vectors(), chunks, &grid_rows);
                    Labels::Encrypted(EncryptedLabels::from_vectors(layout, classes, vectors)?)
                }
            };
            Ok((blocks.with_origin(*matrix.origin()), labels))
        })
        .collect()
}

fn part_of(layout: &Layout, grid_rows: &Range<usize>) -> Result<Layout> {
    let rows = (grid_rows.clone()).map(|grid_row| layout.samples_in(grid_row));
    let part = Layout::new(
        rows.sum(),
        layout.cols(),
        layout.block_rows(),
        layout.block_cols(),
    )?;
    Ok(part.with_order(layout.order()))
}

/// Those of some rows of blocks, of which each has `each`.
fn of_rows<T: Clone>(all: &[T], each: usize, grid_rows: &Range<usize>) -> Vec<T> {
    all[grid_rows.start * each..grid_rows.end * each].to_vec()
}
