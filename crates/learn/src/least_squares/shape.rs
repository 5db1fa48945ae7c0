//! How a symmetric matrix lies in the slots: as its upper diagonals, baby steps by giant steps.

use std::collections::BTreeSet;

use crate::error::{LearnError, Result};
use crate::layout::{Layout, SlotOrder};
use crate::task::outputs;

/// The diagonals of a symmetric d x d matrix in rows of D slots, D a power of two and d <= D.
///
/// Band (b, g), for b < `babies` and g < `giants`, has the entry (i, i + k) in column i + g B, for
/// k = b + g B and B = `babies`. It is the product of the samples rotated by b to the left and by
/// g B to the right, summed over the samples. Together the diagonals are the upper half of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Diagonals {
    pub features: usize,
    pub width: usize,
    pub babies: usize,
    pub giants: usize,
}

impl Diagonals {
    /// For samples in this layout, with a baby step for each output at least.
    pub fn new(layout: &Layout, classes: usize) -> Result<Self> {
        layout.check_order("the layout of the samples", SlotOrder::Rows)?;
        if layout.grid_cols() != 1 {
            return Err(LearnError::Layout {
                what: "the number of columns of a block",
                found: layout.block_cols(),
                allowed: "at least the number of features, for least squares",
            });
        }
        let features = layout.cols();
        let root = (features as f64).sqrt().ceil() as usize;
        let babies = root.max(outputs(classes)).next_power_of_two();
        Ok(Self {
            features,
            width: layout.block_cols(),
            babies,
            giants: features.div_ceil(babies),
        })
    }

    /// The number of diagonals: one for each k below the number of features.
    pub fn count(&self) -> usize {
        self.features
    }

    /// (b, g) of band k.
    pub fn steps(&self, k: usize) -> (usize, usize) {
        (k % self.babies, k / self.babies)
    }

    /// The number k of band (b, g), if there is one.
    pub fn band(&self, baby: usize, giant: usize) -> Option<usize> {
        let k = baby + giant * self.babies;
        (k < self.count()).then_some(k)
    }

    /// `value` in the columns of band k that hold an entry of the matrix.
    pub fn mask(&self, k: usize, value: f64, slots: usize) -> Vec<f64> {
        let shift = self.steps(k).1 * self.babies;
        let filled = shift..shift + self.features - k;
        (0..slots)
            .map(|slot| match filled.contains(&(slot % self.width)) {
                true => value,
                false => 0.0,
            })
            .collect()
    }

    /// A vector with `value` where the main diagonal is, but for the last feature.
    pub fn main_diagonal(&self, value: f64, slots: usize) -> Vec<f64> {
        let penalised = |slot| slot % self.width + 1 < self.features;
        (0..slots)
            .map(|slot| if penalised(slot) { value } else { 0.0 })
            .collect()
    }

    /// The rotations of vectors and samples: by one and by B, in both directions.
    pub fn rotations(&self) -> BTreeSet<i64> {
        let giant = self.babies as i64;
        let mut rotations = BTreeSet::new();
        if self.babies > 1 {
            rotations.extend([1, -1]);
        }
        if self.giants > 1 {
            rotations.extend([giant, -giant]);
        }
        rotations
    }

    /// Rotations that let the samples be rotated by all steps at once.
    pub fn sample_steps(&self) -> (Vec<i64>, Vec<i64>) {
        let babies = (0..self.babies).map(|b| b as i64);
        let giants = (0..self.giants).map(|g| -((g * self.babies) as i64));
        (babies.collect(), giants.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every entry of the upper half is in one place, and the masks let through nothing else.
        #[test]
        fn bands_hold_the_upper_half(features in 1usize..40, classes in 2usize..12) {
            let width = features.next_power_of_two().max(2);
            let layout = Layout::new(5, features, 4, width).unwrap();
            let diagonals = Diagonals::new(&layout, classes).unwrap();
            let mut seen = BTreeSet::new();
            for k in 0..diagonals.count() {
                let (b, g) = diagonals.steps(k);
                prop_assert!(b < diagonals.babies && g < diagonals.giants);
                prop_assert_eq!(diagonals.band(b, g), Some(k));
                let mask = diagonals.mask(k, 1.0, width);
                for (column, _) in mask.iter().enumerate().filter(|(_, x)| **x == 1.0) {
                    let (i, j) = (column - g * diagonals.babies, column + b);
                    prop_assert!(i < features && j < features && j - i == k);
                    prop_assert!(seen.insert((i, j)));
                }
            }
            prop_assert_eq!(seen.len(), features * (features + 1) / 2);
        }
    }
}
