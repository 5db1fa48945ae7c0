//! Linear layers as generalised diagonals, folded.
//!
//! A matrix with r rows and P > r columns, both powers of two, needs r diagonals only: diagonal g, for g in 0 .. r,
//! has in slot s the entry of row s mod r and of the column that the rotation by g brings there. The slots s,
//! s + r, s + 2 r, ... then hold parts of the same row's sum, which log2(P / r) rotations add up (Halevi, Shoup,
//! 2014; Juvekar, Vaikuntanathan, Chandrakasan, 2018). With rotated copies of the vector ([`Packing`]) only every
//! `copies`-th diagonal is left.

use std::collections::{BTreeMap, BTreeSet};

use super::{Linear, Packing};

/// Where the entries of a linear layer go, for an input that is packed in some way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Folded {
    input: Packing,
    output: Packing,
}

impl Folded {
    /// All ways to fold a layer of this many rows: those that have more diagonals have fewer rotations at the end.
    pub fn candidates(rows: usize, input: Packing) -> impl Iterator<Item = Self> {
        let least = rows.next_power_of_two();
        let most = least.max(input.period);
        let periods = (least.trailing_zeros()..=most.trailing_zeros()).map(|log| 1 << log);
        // A period above that of the input has room for no rotated copies, one below them no diagonals.
        let fits = move |period: &usize| {
            if input.copies == 1 {
                true
            } else {
                (input.copies..=input.period).contains(period)
            }
        };
        periods.filter(fits).map(move |period| Self {
            input,
            output: Packing {
                length: rows,
                period,
                copies: 1,
            },
        })
    }

    /// How the result is packed.
    pub fn output(&self) -> Packing {
        self.output
    }

    /// The slots that hold parts of the sum of one row, to be added up: how many, this many slots from each other.
    pub fn parts(&self) -> (usize, usize) {
        let parts = self.input.tile() / self.output.period;
        (parts.max(1), self.output.period)
    }

    /// The rotations that the layer's entries need.
    pub fn rotations(&self, linear: &Linear) -> BTreeSet<i64> {
        let mut rotations = BTreeSet::new();
        linear.for_each(|row, column, _| {
            rotations.insert(self.place(row, column).0);
        });
        rotations
    }

    /// The diagonals by their rotations, each with all slots.
    pub fn diagonals(&self, linear: &Linear, slots: usize) -> BTreeMap<i64, Vec<f64>> {
        let tile = self.input.tile().max(self.output.period);
        let mut diagonals = BTreeMap::new();
        linear.for_each(|row, column, weight| {
            let (rotation, first) = self.place(row, column);
            let diagonal = diagonals
                .entry(rotation)
                .or_insert_with(|| vec![0.0; slots]);
            for slot in (first..slots).step_by(tile) {
                diagonal[slot] = weight;
            }
        });
        diagonals
    }

    /// The rotation, and the slot of the first tile, where an entry of the matrix meets its value of the input.
    ///
    /// With copies: the entry meets the value in copy c = column - row mod `copies`, at slot column - c of it. The
    /// rotation that brings it to a slot of this row is column - c - row, a multiple of `copies`.
    fn place(&self, row: usize, column: usize) -> (i64, usize) {
        let Packing { period, copies, .. } = self.input;
        let rows = self.output.period;
        if rows >= period {
            // No folding: the entry is in the slot of its row. The nearest of the equal rotations.
            let rotation = (column + period - row % period) % period;
            let nearest = if rotation > period / 2 {
                rotation as i64 - period as i64
            } else {
                rotation as i64
            };
            if copies == 1 {
                return (nearest, row);
            }
        }
        let copy = (column + rows - row) % copies;
        let within = (column + period - copy) % period;
        let rotation = (within + rows - row) % rows;
        let tile = self.input.tile();
        let slot = (copy * period + within + tile - rotation) % tile;
        (rotation as i64, slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Convolution, Dense, Operation, Shape, Window};
    use crate::passes::testing::{numbers, tensor};

    /// Applies the diagonals to slots in the clear, and checks every slot of the result.
    fn check(linear: &Linear, folded: Folded, slots: usize) {
        let x = numbers(linear.columns());
        let input = folded.input.spread(slots, |i| x[i]);
        let mut sums = vec![0.0; slots];
        let diagonals = folded.diagonals(linear, slots);
        assert!(diagonals.keys().eq(&folded.rotations(linear)));
        for (rotation, diagonal) in &diagonals {
            for slot in 0..slots {
                let from = (slot as i64 + rotation).rem_euclid(slots as i64);
                sums[slot] += diagonal[slot] * input[from as usize];
            }
        }
        let (parts, apart) = folded.parts();
        let found = |slot: usize| -> f64 {
            let parts = (0..parts).map(|k| sums[(slot + k * apart) % slots]);
            parts.sum()
        };
        let mut y = vec![0.0; linear.rows()];
        linear.for_each(|row, column, weight| y[row] += weight * x[column]);
        let expected = folded.output().spread(slots, |i| y[i]);
        for (slot, expected) in expected.iter().enumerate() {
            assert!(
                (found(slot) - expected).abs() < 1e-12,
                "slot {slot} of {folded:?}: {} is not {expected}",
                found(slot)
            );
        }
    }

    fn dense(rows: usize, columns: usize) -> Linear {
        Linear::Dense(Dense {
            weights: tensor(&[rows, columns]),
            bias: numbers(rows),
        })
    }

    fn convolution(strides: [usize; 2]) -> Linear {
        let operation = Operation::Convolution(Convolution {
            window: Window {
                kernel: [3, 3],
                strides,
                dilations: [1, 1],
                pads: [1; 4],
            },
            groups: 1,
            weights: tensor(&[2, 2, 3, 3]),
            bias: numbers(2),
        });
        let input = Shape::new(vec![1, 2, 5, 4]).unwrap();
        let output = operation.output_shape(&[&input]).unwrap();
        Linear::new(&operation, &input, &output).unwrap()
    }

    #[test]
    fn every_folding_computes_the_layer() {
        let layers = [
            dense(5, 13),
            dense(13, 5),
            dense(1, 64),
            dense(16, 16),
            convolution([1, 1]),
            convolution([2, 2]),
        ];
        for linear in layers {
            let mut tried = 0;
            for copies in [1, 2, 4, 8] {
                let input = Packing {
                    copies,
                    ..Packing::repeated(linear.columns())
                };
                for folded in Folded::candidates(linear.rows(), input) {
                    check(&linear, folded, 512);
                    tried += 1;
                }
            }
            assert!(tried > 0);
        }
    }

    #[test]
    fn the_dense_layer_of_lola_has_32_diagonals() {
        let linear = dense(100, 980);
        let input = Packing {
            copies: 4,
            ..Packing::repeated(980)
        };
        let folded = Folded::candidates(100, input).next().unwrap();
        assert_eq!(folded.rotations(&linear), (0..32).map(|k| 4 * k).collect());
        assert_eq!(folded.parts(), (32, 128));
    }

    #[test]
    fn a_convolution_without_folding_has_few_diagonals() {
        let linear = convolution([1, 1]);
        let input = Packing::repeated(linear.columns());
        let least = Folded::candidates(linear.rows(), input)
            .map(|folded| folded.rotations(&linear).len())
            .min();
        // 9 taps for each difference of channels.
        assert_eq!(least, Some(27));
    }
}
