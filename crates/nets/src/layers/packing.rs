//! Where the values of a vector are in the slots.

use serde::{Deserialize, Serialize};

/// How a vector lies in the slots: padded with zeros to a power of two, its period, and repeated all over the slots.
///
/// With more than one copy, copy c of `copies` is the vector rotated to the left by c, and all copies together are
/// repeated. A rotation by a multiple of `copies` then brings `copies` diagonals of a matrix at once: the client makes
/// the copies, and the server saves rotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Packing {
    /// Values of the vector, not counting zeros.
    pub length: usize,
    /// A power of two.
    pub period: usize,
    /// A power of two, at most the period.
    pub copies: usize,
}

impl Packing {
    /// One vector of this length after the other.
    pub fn repeated(length: usize) -> Self {
        Self {
            length,
            period: length.next_power_of_two(),
            copies: 1,
        }
    }

    /// Slots after which everything repeats.
    pub fn tile(&self) -> usize {
        self.period * self.copies
    }

    /// Which value of the vector a slot holds; nothing if it holds a zero of the padding.
    pub fn holds(&self, slot: usize) -> Option<usize> {
        let copy = slot / self.period % self.copies;
        let index = (slot % self.period + copy) % self.period;
        (index < self.length).then_some(index)
    }

    /// The slots of a vector, given what a value is by its index.
    pub fn spread(&self, slots: usize, value: impl Fn(usize) -> f64) -> Vec<f64> {
        let value = |slot| self.holds(slot).map_or(0.0, &value);
        (0..slots).map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_rotated() {
        let packing = Packing {
            length: 3,
            period: 4,
            copies: 2,
        };
        let slots = packing.spread(16, |i| (i + 1) as f64);
        let tile = [1.0, 2.0, 3.0, 0.0, 2.0, 3.0, 0.0, 1.0];
        assert_eq!(slots, [tile, tile].concat());
        assert_eq!(
            Packing::repeated(5).spread(8, |i| i as f64)[4..],
            [4.0, 0.0, 0.0, 0.0]
        );
    }
}
