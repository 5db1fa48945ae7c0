//! Linear layers as generalised diagonals, folded.
//!
//! A matrix with r rows and P > r columns, both powers of two, needs r diagonals only: diagonal g, for g in 0 .. r,
//! has in slot s the entry of row s mod r and of the column that the rotation by g brings there. The slots s,
//! s + r, s + 2 r, ... then hold parts of the same row's sum, which log2(P / r) rotations add up (Halevi, Shoup,
//! 2014; Juvekar, Vaikuntanathan, Chandrakasan, 2018). With rotated copies of the vector ([`Packing`]) only every
//! `copies`-th diagonal is left.
//!
//! Vectors are real and slots are complex. So the diagonals g and g + r / 2 can be one, the second as the imaginary
//! part: the sums z of products then hold what belongs r / 2 slots further in their imaginary parts, and twice the
//! real part of z - i rot(z) by r / 2 slots is twice the output. Half the diagonals, for a rotation and a conjugation.

use std::collections::{BTreeMap, BTreeSet};

use tapetum_ckks::Complex64;

use super::{Packing, Term};

/// Where the entries of one term of a layer go, for a vector and an output that are packed in some way.
#[derive(Clone, Debug)]
pub(crate) struct Folded {
    input: Packing,
    /// The period of the output.
    rows: usize,
    /// Slots after which all vectors that the layer reads repeat, and its output.
    tile: usize,
    /// Whether diagonals are imaginary parts of others.
    paired: bool,
    /// By index of a value.
    input_slots: Vec<usize>,
    output_slots: Vec<usize>,
}

impl Folded {
    /// For a term of a layer whose vectors all repeat after `tile` slots. With `paired` the diagonals give half of the
    /// output, in the way described above.
    pub fn new(input: Packing, output: Packing, tile: usize, paired: bool) -> Self {
        Self {
            paired,
            input,
            rows: output.period,
            tile: tile.max(output.period),
            input_slots: input.slots(),
            output_slots: output.slots(),
        }
    }

    /// Whether rotated copies of the vector can be made use of: a period above that of the input has room for none,
    /// one below their number no diagonals.
    pub fn fits(input: &Packing, output: &Packing) -> bool {
        input.copies == 1 || (input.copies..=input.period).contains(&output.period)
    }

    /// The rotations that the entries need.
    pub fn rotations(&self, term: &Term) -> BTreeSet<i64> {
        // By rotation, counted from that by all slots to the right.
        let mut found = vec![false; 2 * self.tile];
        term.linear.for_each(|row, column, _| {
            let Place { rotation, .. } = self.place(row, column);
            found[(rotation + self.tile as i64) as usize] = true;
        });
        let rotations = (-(self.tile as i64)..).zip(found);
        rotations
            .filter_map(|(k, found)| found.then_some(k))
            .collect()
    }

    /// Adds the entries to the diagonals by their rotations, each of `tile` slots.
    pub fn add_to(&self, diagonals: &mut BTreeMap<i64, Vec<Complex64>>, term: &Term) {
        // A look-up for each entry in a map would take longer than all else.
        let mut places = vec![usize::MAX; 2 * self.tile];
        let mut found: Vec<(i64, Vec<Complex64>)> = Vec::new();
        let part = if self.paired { 0.5 } else { 1.0 };
        term.for_each(|row, column, weight| {
            let Place {
                rotation,
                slot,
                imaginary,
            } = self.place(row, column);
            let place = &mut places[(rotation + self.tile as i64) as usize];
            if *place == usize::MAX {
                *place = found.len();
                let known = diagonals.remove(&rotation);
                found.push((
                    rotation,
                    known.unwrap_or_else(|| vec![Complex64::ZERO; self.tile]),
                ));
            }
            let entry = &mut found[*place].1[slot];
            if imaginary {
                entry.im += part * weight;
            } else {
                entry.re += part * weight;
            }
        });
        diagonals.extend(found);
    }

    /// The rotation, and the slot of the first tile, where an entry of the matrix meets its value of the input.
    ///
    /// With copies: the entry meets the value in copy c = column - row mod `copies`, at slot column - c of it. The
    /// rotation that brings it to a slot of this row is column - c - row, a multiple of `copies`.
    fn place(&self, row: usize, column: usize) -> Place {
        let (row, column) = (self.output_slots[row], self.input_slots[column]);
        let Packing { period, copies, .. } = self.input;
        let rows = self.rows;
        if copies > 1 {
            let copy = (column + rows - row) % copies;
            let within = (column + period - copy) % period;
            let rotation = (within + rows - row) % rows;
            return Place {
                rotation: rotation as i64,
                slot: (copy * period + within + self.tile - rotation) % self.tile,
                imaginary: false,
            };
        }
        // Rotations by these many slots are the same, for this vector or after the sum of parts.
        let same = rows.min(period);
        let from = (column + same - row % same) % same;
        let half = self.paired && same == rows;
        let turn = if half { rows / 2 } else { same };
        let rotation = nearest_to_zero(from % turn, turn);
        let imaginary = half && (from as i64 - rotation).rem_euclid(rows as i64) as usize == turn;
        let slot = if rows < period {
            (column as i64 - rotation).rem_euclid(self.tile as i64) as usize
        } else if imaginary {
            (row + turn) % rows
        } else {
            // No folding: the entry is in the slot of its row.
            row
        };
        Place {
            rotation,
            slot,
            imaginary,
        }
    }
}

/// Where an entry of the matrix goes.
struct Place {
    rotation: i64,
    /// Of the first tile.
    slot: usize,
    imaginary: bool,
}

/// Of the numbers that are the same modulo `turn`.
fn nearest_to_zero(rotation: usize, turn: usize) -> i64 {
    if rotation > turn / 2 {
        rotation as i64 - turn as i64
    } else {
        rotation as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Convolution, Dense, Operation, Shape, Window};
    use crate::layers::Linear;
    use crate::passes::testing::{numbers, tensor};

    fn term(linear: Linear) -> Term {
        Term {
            source: 0,
            part: 0,
            rows: numbers(linear.rows()),
            columns: numbers(linear.columns()),
            linear,
        }
    }

    /// Applies the diagonals of terms to slots in the clear, and checks every slot of the result.
    fn check(terms: &[(Term, Packing)], output: Packing, slots: usize) {
        check_as(terms, output, slots, false);
        if terms.iter().all(|(_, input)| input.copies == 1) && output.period > 1 {
            check_as(terms, output, slots, true);
        }
    }

    fn check_as(terms: &[(Term, Packing)], output: Packing, slots: usize, paired: bool) {
        let tile = terms.iter().map(|(_, input)| input.tile()).max().unwrap();
        let mut sums = vec![Complex64::ZERO; slots];
        let mut y = vec![0.0; output.values()];
        for (term, input) in terms {
            let x = numbers(term.linear.columns());
            let spread = input.spread(slots, |i| x[i]);
            let folded = Folded::new(*input, output, tile, paired);
            let mut diagonals = BTreeMap::new();
            folded.add_to(&mut diagonals, term);
            assert!(diagonals.keys().eq(&folded.rotations(term)));
            for (rotation, diagonal) in &diagonals {
                for slot in 0..slots {
                    let from = (slot as i64 + rotation).rem_euclid(slots as i64);
                    sums[slot] += diagonal[slot % diagonal.len()] * spread[from as usize];
                }
            }
            term.add_to(&mut y, &x);
        }
        let parts = (tile / output.period).max(1);
        let sum = |slot: usize| -> Complex64 {
            let parts = (0..parts).map(|k| sums[(slot + k * output.period) % slots]);
            parts.sum()
        };
        let found = |slot: usize| match paired {
            false => sum(slot).re,
            true => 2.0 * (sum(slot).re + sum((slot + output.period / 2) % slots).im),
        };
        let expected = output.spread(slots, |i| y[i]);
        for (slot, expected) in expected.iter().enumerate() {
            assert!(
                (found(slot) - expected).abs() < 1e-12,
                "slot {slot} of {output:?}: {} is not {expected}",
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

    fn convolution(channels: [usize; 2], kernel: usize, strides: [usize; 2]) -> Linear {
        let [outputs, inputs] = channels;
        let operation = Operation::Convolution(Convolution {
            window: Window {
                strides,
                ..Window::new([kernel; 2], [kernel / 2; 4])
            },
            groups: 1,
            weights: tensor(&[outputs, inputs, kernel, kernel]),
            bias: numbers(outputs),
        });
        let input = Shape::new(vec![1, inputs, 6, 4]).unwrap();
        let output = operation.output_shape(&[&input]).unwrap();
        Linear::new(&operation, &input, &output).unwrap()
    }

    fn multiplexed(linear: &Linear, input: &Packing) -> Packing {
        let Linear::Convolution {
            layer,
            input: from,
            output,
        } = linear
        else {
            unreachable!("it is a convolution");
        };
        input.convolved(layer, *from, *output).unwrap()
    }

    #[test]
    fn every_folding_computes_the_layer() {
        let layers = [
            dense(5, 13),
            dense(13, 5),
            dense(1, 64),
            dense(16, 16),
            convolution([2, 2], 3, [1, 1]),
            convolution([2, 2], 3, [2, 2]),
        ];
        for linear in layers {
            let mut tried = 0;
            let term = term(linear);
            for copies in [1, 2, 4, 8] {
                let input = Packing {
                    copies,
                    ..Packing::vector(term.linear.columns())
                };
                let output = Packing::vector(term.linear.rows());
                let most = input.period.max(output.period);
                let periods = (0..10).map(|k| output.period << k);
                for period in periods.take_while(|&p| p <= most) {
                    let output = Packing { period, ..output };
                    if Folded::fits(&input, &output) {
                        check(&[(term.clone(), input)], output, 512);
                        tried += 1;
                    }
                }
            }
            assert!(tried > 0);
        }
    }

    #[test]
    fn convolutions_of_multiplexed_images() {
        for (kernel, strides, split) in [
            (3, [1, 1], [1, 1]),
            (3, [2, 2], [1, 1]),
            (3, [2, 2], [2, 2]),
            (5, [2, 1], [2, 1]),
            (1, [2, 2], [1, 1]),
        ] {
            let linear = convolution([7, 3], kernel, strides);
            let input = Packing::image([3, 6, 4], split);
            let output = multiplexed(&linear, &input);
            for period in (0..4).map(|k| output.period << k).filter(|&p| p <= 512) {
                let output = Packing { period, ..output };
                check(&[(term(linear.clone()), input)], output, 512);
            }
        }
    }

    #[test]
    fn terms_of_vectors_with_other_periods_add_up() {
        let narrow = convolution([4, 2], 1, [2, 2]);
        let image = Packing::image([2, 6, 4], [1, 1]);
        let output = multiplexed(&narrow, &image);
        let wide = Packing {
            period: 256,
            ..output
        };
        let terms = [
            (term(narrow), image),
            (term(Linear::Identity(output.values())), wide),
        ];
        for period in [32, 64, 256] {
            check(&terms, Packing { period, ..output }, 512);
        }
    }

    fn diagonals(linear: Linear, input: Packing, output: Packing) -> BTreeSet<i64> {
        Folded::new(input, output, input.tile(), false).rotations(&term(linear))
    }

    #[test]
    fn the_dense_layer_of_lola_has_32_diagonals() {
        let input = Packing {
            copies: 4,
            ..Packing::vector(980)
        };
        let found = diagonals(dense(100, 980), input, Packing::vector(100));
        assert_eq!(found, (0..32).map(|k| 4 * k).collect());
    }

    #[test]
    fn a_convolution_has_a_diagonal_for_each_tap_and_channel() {
        let linear = convolution([4, 4], 3, [1, 1]);
        let input = Packing::image([4, 6, 4], [1, 1]);
        let output = multiplexed(&linear, &input);
        assert_eq!(diagonals(linear, input, output).len(), 9 * 4);
    }
}
