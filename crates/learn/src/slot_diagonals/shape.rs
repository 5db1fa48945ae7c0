//! Which diagonals there are, where they lie, and what they cost.

use std::collections::BTreeSet;

use super::positions::Positions;
use crate::error::{LearnError, Result};
use crate::layout::{Layout, SlotOrder, log2};
use crate::task::outputs;

/// The sides of blocks and of a weight matrix, all powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotDiagonals {
    /// T: features of a block.
    pub features: usize,
    /// S: samples of a block, and inner positions of a packed vector.
    pub samples: usize,
    /// P: outputs, and diagonals.
    pub outputs: usize,
    /// B, which divides P.
    pub babies: usize,
}

impl SlotDiagonals {
    /// Levels from a packed vector to its diagonals.
    pub const UNPACKING: usize = 2;
    /// Levels of either product.
    pub const PRODUCT: usize = 1;
    /// Levels from the products with residuals to a packed vector.
    pub const PACKING: usize = 3;
    /// Levels from diagonals to the rows of a model.
    pub const ROWS: usize = 2;

    /// For samples in this layout.
    ///
    /// # Errors
    /// [`LearnError`] if blocks are not in the order of columns, do not hold all features, or have no room for two
    /// weight matrices of so many classes.
    pub fn new(layout: &Layout, classes: usize) -> Result<Self> {
        layout.check_order("the layout of the samples", SlotOrder::Columns)?;
        let outputs = outputs(classes).next_power_of_two();
        let refused = |what, found, allowed| {
            Err(LearnError::Layout {
                what,
                found,
                allowed,
            })
        };
        if classes < 3 {
            return refused(
                "the number of classes",
                classes,
                "at least 3, in the order of columns",
            );
        }
        if layout.grid_cols() != 1 || layout.block_cols() < outputs {
            return refused(
                "the number of columns of a block",
                layout.block_cols(),
                "at least the number of features and of classes, in the order of columns",
            );
        }
        if layout.block_rows() < 2 * outputs {
            return refused(
                "the number of rows of a block",
                layout.block_rows(),
                "at least twice the number of classes, rounded up to a power of two, in the order of columns: take \
                 fewer features or a larger ring",
            );
        }
        Ok(Self {
            features: layout.block_cols(),
            samples: layout.block_rows(),
            outputs,
            babies: 1 << log2(outputs).div_ceil(2),
        })
    }

    /// The layout of `rows` samples.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn layout(rows: usize, cols: usize, classes: usize, slots: usize) -> Result<Layout> {
        // Of samples, least squares wants the same.
        let layout =
            Layout::for_least_squares(rows, cols, classes, slots)?.with_order(SlotOrder::Columns);
        Self::new(&layout, classes).map(|_| layout)
    }

    pub fn slots(&self) -> usize {
        self.features * self.samples
    }

    /// G, the number of giant steps.
    pub fn giants(&self) -> usize {
        self.outputs / self.babies
    }

    /// (g, b) of each diagonal.
    pub fn steps(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let babies = self.babies;
        (0..self.outputs).map(move |j| (j / babies, j % babies))
    }

    /// Where the diagonals of v and w lie.
    pub(super) fn both(&self) -> Positions {
        Positions {
            places: 2 * self.giants(),
            ..self.one()
        }
    }

    /// Where those of one matrix alone would.
    pub(super) fn one(&self) -> Positions {
        Positions {
            diagonals: self.outputs,
            group: self.babies,
            places: self.giants(),
        }
    }

    /// Rotations of samples.
    pub fn baby_steps(&self) -> Vec<i64> {
        let samples = self.samples as i64;
        (0..self.babies as i64).map(|b| b * samples).collect()
    }

    /// Rotations of scores, and back of residuals.
    pub(super) fn giant_steps(&self) -> Vec<i64> {
        let giant = (self.babies * self.samples) as i64;
        (0..self.giants() as i64).map(|g| g * giant).collect()
    }

    /// All rotations.
    pub fn rotations(&self) -> BTreeSet<i64> {
        let mut rotations: BTreeSet<i64> = self.both().group_steps().into_iter().collect();
        rotations.extend(self.both().inner_steps());
        rotations.extend(self.product_rotations());
        let outputs = self.outputs as i64;
        rotations.extend((0..self.sample_sums()).flat_map(|k| [outputs << k, -(outputs << k)]));
        rotations.remove(&0);
        rotations
    }

    /// Rotations of scores.
    pub fn score_rotations(&self) -> BTreeSet<i64> {
        let stride = (self.outputs * self.samples) as i64;
        let sums = (0..self.feature_sums()).map(|k| stride << k);
        let steps = self.baby_steps().into_iter().chain(self.giant_steps());
        steps.chain(sums).collect()
    }

    /// Rotations of scores and of gradients.
    pub fn product_rotations(&self) -> BTreeSet<i64> {
        let mut rotations = self.score_rotations();
        rotations.extend(self.giant_steps().iter().map(|step| -step));
        rotations
    }

    /// Rotations of sums over the outputs of a sample, beside [`rotations`](Self::rotations).
    pub fn output_rotations(&self) -> BTreeSet<i64> {
        let samples = self.samples as i64;
        (0..log2(self.outputs))
            .flat_map(|k| [samples << k, -(samples << k)])
            .collect()
    }

    /// T / P, the number of blocks whose scores have room in one ciphertext.
    pub fn gathered(&self) -> usize {
        self.features / self.outputs
    }

    /// Ciphertexts that the scores of so many blocks take.
    pub fn groups(&self, blocks: usize) -> usize {
        blocks.div_ceil(self.gathered())
    }

    /// Rotations of a sum over the features, of which those of P neighbours are added up already.
    fn feature_sums(&self) -> usize {
        log2(self.features / self.outputs)
    }

    /// Rotations of a sum over the samples, of which those of P neighbours are added up already.
    fn sample_sums(&self) -> usize {
        log2(self.samples / self.outputs)
    }

    /// Key switches of unpacking.
    pub fn unpacking_key_switches(&self) -> usize {
        self.both().unpacking_key_switches()
    }

    /// Key switches of the rotations of two blocks of samples and of their residuals.
    pub fn rotating_key_switches(&self) -> usize {
        self.babies + self.giants() - 2
    }

    /// Key switches of X W for two blocks of samples.
    pub fn scores_key_switches(&self) -> usize {
        2 * self.giants() - 1 + self.feature_sums()
    }

    /// Key switches of what brings two blocks from the scores of many into all slots of their classes.
    pub fn scattering_key_switches(&self) -> usize {
        self.feature_sums()
    }

    /// Key switches of a sum over the outputs of a sample.
    pub fn output_sum_key_switches(&self) -> usize {
        2 * log2(self.outputs)
    }

    /// Key switches of the gradient, once it has been multiplied out, to a packed vector.
    pub fn packing_key_switches(&self) -> usize {
        self.outputs + self.one().packing_key_switches() + 1 + 2 * self.sample_sums()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_documentation() {
        let layout = SlotDiagonals::layout(1024, 246, 10, 32768).unwrap();
        assert_eq!((layout.block_rows(), layout.block_cols()), (128, 256));
        assert_eq!(layout.blocks(), 8);
        let shape = SlotDiagonals::new(&layout, 10).unwrap();
        assert_eq!((shape.outputs, shape.babies, shape.giants()), (16, 4, 4));
        assert_eq!(shape.unpacking_key_switches(), 10 + 24);
        assert_eq!(shape.rotating_key_switches(), 3 + 3);
        assert_eq!(shape.scores_key_switches(), 4 + 3 + 4);
        assert_eq!(shape.packing_key_switches(), 16 + 24 + 6 + 1 + 6);
        assert_eq!(shape.rotations().len(), 34);
        let more = shape.output_rotations();
        assert_eq!(more.difference(&shape.rotations()).count(), 2);
        assert_eq!((shape.gathered(), shape.groups(8)), (16, 1));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let columns = |rows, width| {
            Layout::new(9, 7, rows, width)
                .unwrap()
                .with_order(SlotOrder::Columns)
        };
        let refused = |layout: &Layout, classes| SlotDiagonals::new(layout, classes).is_err();
        assert!(!refused(&columns(16, 8), 8));
        assert!(refused(&columns(16, 8), 9));
        assert!(refused(&columns(8, 8), 8));
        assert!(refused(&columns(64, 4), 3));
        assert!(refused(&Layout::new(9, 7, 16, 8).unwrap(), 8));
        assert!(SlotDiagonals::layout(10, 2000, 200, 32768).is_err());
        assert!(
            SlotDiagonals::layout(10, 5, 10, 32768)
                .unwrap()
                .block_cols()
                == 16
        );
    }
}
