//! Slot vectors: blocks of a matrix, columns, rows and masks, in the clear.

use crate::features::Features;
use crate::layout::Layout;

/// The slots of block (`grid_row`, `grid_col`).
pub(crate) fn block(
    features: &Features<'_>,
    layout: &Layout,
    grid_row: usize,
    grid_col: usize,
) -> Vec<f64> {
    let mut slots = vec![0.0; layout.slots()];
    let first_row = grid_row * layout.block_rows();
    let first_col = grid_col * layout.block_cols();
    let width = layout.block_cols().min(layout.cols() - first_col);
    let rows = slots.chunks_exact_mut(layout.block_cols());
    for (r, row) in rows.take(layout.samples_in(grid_row)).enumerate() {
        row[..width].copy_from_slice(&features.sample(first_row + r)[first_col..][..width]);
    }
    layout.in_order(slots)
}

/// One value a sample, in all columns of its row; zero in rows without a sample.
pub(crate) fn replicated_column(values: &[f64], layout: &Layout, grid_row: usize) -> Vec<f64> {
    repeated_columns(&[values], layout, grid_row, 0)
}

/// Columns of one value a sample, each as often as there is room: with P for their number,
/// rounded up to a power of two, column j of a block is that of number j mod P. If a block has
/// fewer than P columns, it is chunk number `chunk` of them.
pub(crate) fn repeated_columns(
    columns: &[impl AsRef<[f64]>],
    layout: &Layout,
    grid_row: usize,
    chunk: usize,
) -> Vec<f64> {
    let first = grid_row * layout.block_rows();
    let period = columns.len().next_power_of_two();
    let mut slots = vec![0.0; layout.slots()];
    let rows = slots.chunks_exact_mut(layout.block_cols());
    for (r, row) in rows.take(layout.samples_in(grid_row)).enumerate() {
        for (j, slot) in row.iter_mut().enumerate() {
            let column = (chunk * layout.block_cols() + j) % period;
            if let Some(column) = columns.get(column) {
                *slot = column.as_ref()[first + r];
            }
        }
    }
    layout.in_order(slots)
}

/// `value` in the first column of every row, zero elsewhere.
///
/// The slots have period `block_cols`, so the encoded polynomial lies in a subring and has
/// 2 `block_cols` coefficients that are not zero. Its rounding error is that much smaller than
/// that of other plaintexts, which matters because it lets through what should be masked.
pub(crate) fn first_column(value: f64, layout: &Layout) -> Vec<f64> {
    let mut slots = vec![0.0; layout.slots()];
    slots
        .iter_mut()
        .step_by(layout.block_cols())
        .for_each(|slot| *slot = value);
    slots
}

/// 1 in the first column of every row that holds a sample whose score there is one of `outputs`:
/// that of number (row + `rotation`) mod P, with P for `outputs` rounded up to a power of two.
pub(crate) fn score_mask(
    layout: &Layout,
    grid_row: usize,
    outputs: usize,
    rotation: usize,
) -> Vec<f64> {
    let period = outputs.next_power_of_two();
    let mut slots = vec![0.0; layout.slots()];
    let rows = slots.chunks_exact_mut(layout.block_cols());
    for (r, row) in rows.take(layout.samples_in(grid_row)).enumerate() {
        row[0] = f64::from(u8::from((r + rotation) % period < outputs));
    }
    slots
}

/// `value` in the rows that a model of this number of outputs has for the weights of `class`.
pub(crate) fn class_mask(layout: &Layout, outputs: usize, class: usize, value: f64) -> Vec<f64> {
    let period = outputs.next_power_of_two();
    let mut slots = vec![0.0; layout.slots()];
    let rows = slots.chunks_exact_mut(layout.block_cols());
    for row in rows.skip(class).step_by(period) {
        row.fill(value);
    }
    slots
}

/// 1 where a row of `wide` columns, number r, has its chunk number `chunk` of `narrow` columns,
/// if the chunk of which it is a copy once rotated by `rotation` narrow rows is one of the weights of
/// output r mod `period`.
pub(crate) fn chunk_mask(
    slots: usize,
    wide: usize,
    narrow: usize,
    chunk: usize,
    period: usize,
    rotation: usize,
) -> Vec<f64> {
    let belongs = |i: usize| {
        let row = i / wide;
        let narrow_row = i / narrow;
        i % wide / narrow == chunk && (narrow_row + rotation) % period == row % period
    };
    (0..slots)
        .map(|i| f64::from(u8::from(belongs(i))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_hold_every_feature_once(
            (rows, cols) in (1usize..40, 1usize..20),
            (log_rows, log_cols) in (0usize..5, 1usize..5),
        ) {
            let layout = Layout::new(rows, cols, 1 << log_rows, 1 << log_cols).unwrap();
            let values: Vec<f64> = (1..=rows * cols).map(|x| x as f64 / 2.0).collect();
            let features = Features::new(&values, cols).unwrap();
            for i in 0..layout.grid_rows() {
                for j in 0..layout.grid_cols() {
                    let slots = block(&features, &layout, i, j);
                    for (slot, &value) in slots.iter().enumerate() {
                        let row = i * layout.block_rows() + slot / layout.block_cols();
                        let col = j * layout.block_cols() + slot % layout.block_cols();
                        let expected = match row < rows && col < cols {
                            true => values[row * cols + col],
                            false => 0.0,
                        };
                        prop_assert_eq!(value, expected);
                    }
                }
            }
        }

        #[test]
        fn columns_and_masks_stop_at_the_last_sample(rows in 1usize..40, log_cols in 0usize..4) {
            let layout = Layout::new(rows, 3, 8, 1 << log_cols).unwrap();
            let values: Vec<f64> = (1..=rows).map(|x| x as f64).collect();
            for i in 0..layout.grid_rows() {
                let column = replicated_column(&values, &layout, i);
                let mask = score_mask(&layout, i, 1, 0);
                prop_assert_eq!(column.len(), layout.slots());
                for slot in 0..layout.slots() {
                    let sample = i * 8 + slot / layout.block_cols();
                    let exists = sample < rows;
                    prop_assert_eq!(column[slot], if exists { values[sample] } else { 0.0 });
                    let shown = exists && slot % layout.block_cols() == 0;
                    prop_assert_eq!(mask[slot], f64::from(u8::from(shown)));
                }
            }
        }
    }
}
