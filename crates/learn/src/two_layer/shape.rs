//! Where the weights of a network lie, at which levels a step computes what, and what it costs.
//!
//! Features, hidden units and classes take turns on the outer axis of the slots, of T places, and samples are inside
//! ([slot diagonals](crate::slot_diagonals)): the hidden units repeat there after H places and the classes after P, so that the
//! diagonals of either layer multiply as those of one matrix do.

use std::collections::BTreeSet;

use crate::bootstrap::BootstrapLevels;
use crate::error::{LearnError, Result};
use crate::layout::{Layout, SlotOrder, log2};
use crate::requirements::Requirements;
use crate::slot_diagonals::{OnDiagonals, Positions, SlotDiagonals};
use crate::task::outputs;

/// The sides of a network and of the blocks of its samples, all powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TwoLayerShape {
    /// From T features to H hidden units.
    pub hidden: SlotDiagonals,
    /// From H hidden units to P outputs.
    pub output: SlotDiagonals,
    /// From T places to P outputs, for scores that are gathered.
    pub scores: SlotDiagonals,
    /// Of all diagonals in a packed vector: those of the hidden layer, then those of the other.
    pub positions: Positions,
}

impl TwoLayerShape {
    /// Of a network with `units` hidden units for samples in this layout.
    ///
    /// # Errors
    /// [`LearnError::Layout`] if blocks are not in the order of columns, do not hold all features or units of a sample, or
    /// have no room for all diagonals.
    pub fn new(layout: &Layout, units: usize, classes: usize) -> Result<Self> {
        layout.check_order("the layout of the samples", SlotOrder::Columns)?;
        let refused = |what, found, allowed| {
            Err(LearnError::Layout {
                what,
                found,
                allowed,
            })
        };
        let (features, samples) = (layout.block_cols(), layout.block_rows());
        let outputs = outputs(classes).next_power_of_two();
        if outputs > units {
            return refused(
                "the number of classes",
                classes,
                "at most the number of hidden units",
            );
        }
        if layout.grid_cols() != 1 || features < units {
            return refused(
                "the number of columns of a block",
                features,
                "at least the number of features and of hidden units",
            );
        }
        if samples < units + outputs {
            return refused(
                "the number of rows of a block",
                samples,
                "at least the number of hidden units and of classes, rounded up to a power of two: take fewer features \
                 (up to 256 for 64 hidden units, 128 for 128) or fewer hidden units",
            );
        }
        let layer = |features, outputs, babies| SlotDiagonals {
            features,
            samples,
            outputs,
            babies,
        };
        let half = |n: usize| log2(n).div_ceil(2);
        Ok(Self {
            // Baby steps are hoisted, giant steps are not and are taken in both directions.
            hidden: layer(features, units, 1 << (half(units) + 1).min(log2(units))),
            output: layer(units, outputs, 1 << half(outputs)),
            scores: layer(features, outputs, 1),
            positions: {
                let group = 1 << (log2(samples) / 2).min(4);
                Positions {
                    diagonals: units + outputs,
                    group,
                    places: samples / group,
                }
            },
        })
    }

    /// The layout of `rows` samples: blocks that are as wide as features and units need.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn layout(
        rows: usize,
        cols: usize,
        (units, classes): (usize, usize),
        slots: usize,
    ) -> Result<Layout> {
        // More features than slots are refused below.
        let width = cols.max(units).next_power_of_two().min(slots);
        let layout = Layout::new(rows, cols, slots / width, width)?.with_order(SlotOrder::Columns);
        Self::new(&layout, units, classes).map(|_| layout)
    }

    pub fn units(&self) -> usize {
        self.hidden.outputs
    }

    /// All rotations.
    pub fn rotations(&self) -> BTreeSet<i64> {
        let mut rotations: BTreeSet<i64> = BTreeSet::new();
        for step in self.positions.group_steps() {
            rotations.extend([step, -step]);
        }
        rotations.extend(self.positions.inner_steps());
        rotations.extend(self.hidden.product_rotations());
        rotations.extend(self.output.product_rotations());
        rotations.extend(self.output.baby_steps().iter().map(|step| -step));
        rotations.remove(&0);
        rotations
    }

    /// The rotations of [classification](super::TwoLayerModel::decision_function) alone.
    pub fn forward_rotations(&self) -> BTreeSet<i64> {
        let mut rotations: BTreeSet<i64> = self.positions.group_steps().into_iter().collect();
        rotations.extend(self.positions.inner_steps());
        for layer in [&self.hidden, &self.output] {
            rotations.extend(layer.score_rotations());
        }
        rotations.remove(&0);
        rotations
    }

    /// Key switches of the scores of two blocks.
    pub fn forward_key_switches(&self) -> usize {
        let layer = |layer: &SlotDiagonals| layer.babies - 1 + layer.scores_key_switches();
        // Sums are taken apart and squared.
        layer(&self.hidden) + 2 + layer(&self.output)
    }

    /// Key switches of the scores of samples in this layout, from packed weights to scores that are gathered.
    pub fn classification_key_switches(&self, samples: &Layout) -> usize {
        let blocks = samples.grid_rows();
        self.positions.unpacking_key_switches()
            + blocks.div_ceil(2) * self.forward_key_switches()
            + self.scores.groups(blocks)
    }

    /// Key switches of the residuals and of what goes back through the network, for two blocks.
    pub fn backward_key_switches(&self) -> usize {
        let (hidden, output) = (&self.hidden, &self.output);
        let turned = hidden.giants() + output.giants() - 2;
        // The conjugation of scores and of what comes back, a product with the sums, and the other layer's products.
        turned + 3 + 2 * output.babies - 1
    }

    /// Key switches of the gradient, once it has been multiplied out, to a packed vector.
    pub fn packing_key_switches(&self) -> usize {
        self.positions.diagonals + self.positions.packing_key_switches() + 1
    }

    /// Key switches of a step on samples in this layout, without bootstrap and unpacking.
    pub fn step_key_switches(&self, layout: &Layout) -> usize {
        let pairs = layout.grid_rows().div_ceil(2);
        let of_pair = self.forward_key_switches() + self.backward_key_switches();
        pairs * of_pair + self.packing_key_switches()
    }

    /// Levels and keys of a training between such bootstraps.
    ///
    /// # Errors
    /// [`LearnError`] without bootstraps, or if they leave too few levels.
    pub fn training_requirements(
        &self,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<Requirements> {
        let bootstrap = bootstrap.ok_or(LearnError::Malformed {
            what: "the training of a network",
            reason: "it bootstraps its weights before every step, so it needs parameters that bootstrap: take the \
                     preset n16-bootstrapping",
        })?;
        let levels = TwoLayerLevels::of_training(bootstrap).weights;
        if bootstrap.output < levels {
            return Err(LearnError::LevelExhausted {
                what: "a step between two bootstraps",
                needed: levels,
                available: bootstrap.output,
            });
        }
        Ok(Requirements {
            levels,
            rotations: self.rotations(),
            relinearization: true,
            conjugation: true,
        })
    }

    /// Key switches of unpacking, with the conjugation that leaves the weights alone.
    pub fn unpacking_key_switches(&self) -> usize {
        1 + self.positions.unpacking_key_switches()
    }
}

/// At which levels a step computes what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TwoLayerLevels {
    /// Samples are multiplied with the weights of the hidden layer.
    pub samples: usize,
    /// The weights come from their bootstrap, or a model is read.
    pub weights: usize,
}

impl TwoLayerLevels {
    /// From samples to the products of their gradient: both layers, the square, back through the second layer, with the sums,
    /// and with the samples.
    const STEP: usize = 6;
    /// From these to a packed vector.
    const PACKING: usize = 2;
    /// From samples to scores.
    const SCORES: usize = 3 + OnDiagonals::GATHERING;

    /// Of a training between such bootstraps.
    pub const fn of_training(bootstrap: BootstrapLevels) -> Self {
        Self::above(bootstrap.input + Self::PACKING + Self::STEP)
    }

    /// Of a classification.
    pub const fn of_scores() -> Self {
        Self::above(Self::SCORES)
    }

    const fn above(samples: usize) -> Self {
        Self {
            samples,
            weights: samples + SlotDiagonals::UNPACKING,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_the_documentation() {
        let layout = TwoLayerShape::layout(1024, 251, (64, 10), 32768).unwrap();
        assert_eq!((layout.block_rows(), layout.block_cols()), (128, 256));
        let shape = TwoLayerShape::new(&layout, 64, 10).unwrap();
        assert_eq!((shape.hidden.babies, shape.hidden.giants()), (16, 4));
        assert_eq!((shape.output.babies, shape.output.giants()), (4, 4));
        let Positions {
            diagonals,
            group,
            places,
        } = shape.positions;
        assert_eq!((diagonals, group, places), (80, 8, 16));
        assert_eq!(shape.unpacking_key_switches(), 1 + 24 + 140);
        assert_eq!(
            shape.forward_key_switches(),
            15 + 4 + 3 + 2 + 2 + 3 + 4 + 3 + 2
        );
        assert_eq!(shape.backward_key_switches(), 3 + 3 + 3 + 4 + 3);
        assert_eq!(shape.packing_key_switches(), 80 + 164 + 1);
    }

    #[test]
    fn what_has_no_room_is_refused() {
        let planned = |cols, units, classes| {
            TwoLayerShape::layout(1024, cols, (units, classes), 32768).map(|layout| {
                (
                    layout.block_cols(),
                    TwoLayerShape::new(&layout, units, classes).unwrap(),
                )
            })
        };
        assert_eq!(planned(5, 32, 2).unwrap().0, 32);
        assert_eq!(planned(128, 128, 100).unwrap().0, 128);
        for (cols, units, classes) in [(129, 128, 10), (257, 64, 10), (9, 32, 33), (70_000, 32, 2)]
        {
            assert!(
                planned(cols, units, classes).is_err(),
                "{cols} {units} {classes}"
            );
        }
    }
}
