//! Where the values of a tensor are in the slots.

use serde::{Deserialize, Serialize};

use crate::graph::Convolution;

/// How a tensor lies in the slots: it takes some of the slots of a period, a power of two, zeros take the rest, and the
/// period is repeated all over the slots.
///
/// Pixels are `steps` apart. After a stride of 2 the pixels that are left have gaps between them, and other channels
/// take these: multiplexed packing (Lee, Lee, Lee, Kim, Kim, No, Kang, 2022). So a stride moves no value.
///
/// With more than one copy, copy c of `copies` is the period rotated to the left by c, and all copies together are
/// repeated. A rotation by a multiple of `copies` then brings `copies` diagonals of a matrix at once: the client makes
/// the copies, and the server saves rotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Packing {
    /// Channels, height, width. A vector has only channels.
    pub shape: [usize; 3],
    /// How many rows and columns of pixels make one: the pixels between are channels of their own (space to depth).
    pub split: [usize; 2],
    /// Slots from a pixel to the next below, and to the next on the right.
    pub steps: [usize; 2],
    /// How many rows and columns of channels lie in the gaps between pixels.
    pub phases: [usize; 2],
    /// Slots from a row of these channels to the next.
    pub pitch: usize,
    /// Slots from the channels in the gaps of one image to those of the next.
    pub block: usize,
    /// A power of two.
    pub period: usize,
    /// A power of two, at most the period.
    pub copies: usize,
}

impl Packing {
    /// A vector of this length, value after value.
    pub fn vector(length: usize) -> Self {
        Self {
            shape: [length, 1, 1],
            split: [1; 2],
            steps: [1; 2],
            phases: [1; 2],
            pitch: 1,
            block: 1,
            period: length.next_power_of_two(),
            copies: 1,
        }
    }

    /// An image whose pixels in windows of the size `split` are channels: for a convolution with these strides.
    pub fn image([channels, height, width]: [usize; 3], split: [usize; 2]) -> Self {
        let pitch = width.div_ceil(split[1]);
        let block = (height.div_ceil(split[0]) * pitch).next_power_of_two();
        Self {
            shape: [channels, height, width],
            split,
            steps: [pitch, 1],
            phases: [1; 2],
            pitch,
            block,
            period: (channels * split[0] * split[1]).next_power_of_two() * block,
            copies: 1,
        }
    }

    /// The output of a convolution of a tensor that is packed like this: pixels stay where they are. Nothing if the
    /// output does not fit.
    pub fn convolved(
        &self,
        layer: &Convolution,
        input: [usize; 3],
        output: [usize; 3],
    ) -> Option<Self> {
        let input = if self.shape == input {
            *self
        } else if self.values() == input.iter().product::<usize>() && self.shape[1..] == [1, 1] {
            // Value after value, an image is packed too.
            Self {
                shape: input,
                steps: [input[2], 1],
                pitch: input[2],
                block: input[1] * input[2],
                ..Self::vector(self.values())
            }
        } else {
            return None;
        };
        let mut steps = input.steps;
        for axis in 0..2 {
            let stride = layer.window.strides[axis];
            let within = stride.checked_rem(input.split[axis])? == 0 || output[1 + axis] == 1;
            if !within {
                return None;
            }
            steps[axis] *= (stride / input.split[axis]).max(1);
        }
        // Powers of two, and no more than there are channels.
        let channels = output[0].next_power_of_two();
        let fits = |gap: usize, left: usize| 1 << gap.min(left).max(1).ilog2();
        let columns = fits(steps[1], channels);
        let rows = fits(steps[0] / input.pitch.max(1), channels / columns);
        let blocks = output[0].div_ceil(rows * columns).next_power_of_two();
        let packing = Self {
            shape: output,
            split: [1; 2],
            steps,
            phases: [rows, columns],
            period: (blocks * input.block).next_power_of_two(),
            copies: 1,
            ..input
        };
        packing.is_valid().then_some(packing)
    }

    /// The number of values.
    pub fn values(&self) -> usize {
        self.shape.iter().product()
    }

    /// Slots after which everything repeats.
    pub fn tile(&self) -> usize {
        self.period * self.copies
    }

    /// The slots of the values in their order, in the first copy.
    pub fn slots(&self) -> Vec<usize> {
        let [channels, height, width] = self.shape;
        let mut slots = Vec::with_capacity(self.values());
        for channel in 0..channels {
            for y in 0..height {
                let channel = channel * self.split[0] + y % self.split[0];
                let y = y / self.split[0];
                for x in 0..width {
                    let channel = channel * self.split[1] + x % self.split[1];
                    let x = x / self.split[1];
                    let (rest, column) = (channel / self.phases[1], channel % self.phases[1]);
                    let (block, row) = (rest / self.phases[0], rest % self.phases[0]);
                    let pixel = y * self.steps[0] + x * self.steps[1];
                    slots.push(block * self.block + pixel + row * self.pitch + column);
                }
            }
        }
        slots
    }

    /// Whether each value has a slot of its own within the period. Plans come from others: no number is believed.
    pub fn is_valid(&self) -> bool {
        const MOST: usize = 1 << 16;
        let numbers = [
            &self.shape[..],
            &self.split,
            &self.steps,
            &self.phases,
            &[self.pitch, self.block, self.period, self.copies],
        ];
        let values = self
            .shape
            .iter()
            .try_fold(1_usize, |n, &d| n.checked_mul(d));
        if !numbers.concat().iter().all(|n| (1..=MOST).contains(n))
            || !self.period.is_power_of_two()
            || !self.copies.is_power_of_two()
            || self.copies > self.period
            || values.is_none_or(|n| n > self.period)
        {
            return false;
        }
        let mut taken = vec![false; self.period];
        self.slots().into_iter().all(|slot| {
            let place = taken.get_mut(slot);
            place.is_some_and(|taken| !std::mem::replace(taken, true))
        })
    }

    /// All slots, given what a value is by its index.
    pub fn spread(&self, slots: usize, value: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut spread = vec![0.0; slots];
        for (index, slot) in self.slots().into_iter().enumerate() {
            let value = value(index);
            for copy in 0..self.copies {
                let within = (slot + self.period - copy % self.period) % self.period;
                let first = copy * self.period + within;
                for slot in (first..slots).step_by(self.tile()) {
                    spread[slot] = value;
                }
            }
        }
        spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Operation;
    use crate::passes::testing::convolution;

    #[test]
    fn copies_are_rotated() {
        let packing = Packing {
            copies: 2,
            ..Packing::vector(3)
        };
        let slots = packing.spread(16, |i| (i + 1) as f64);
        let tile = [1.0, 2.0, 3.0, 0.0, 2.0, 3.0, 0.0, 1.0];
        assert_eq!(slots, [tile, tile].concat());
        assert_eq!(
            Packing::vector(5).spread(8, |i| i as f64)[4..],
            [4.0, 0.0, 0.0, 0.0]
        );
    }

    #[test]
    fn strides_leave_gaps_that_channels_fill() {
        let Operation::Convolution(mut layer) = convolution(6, 1) else {
            unreachable!("it is one");
        };
        layer.window.strides = [2, 2];
        let image = Packing::image([1, 4, 4], [1, 1]);
        let packing = image.convolved(&layer, [1, 4, 4], [6, 2, 2]).unwrap();
        assert_eq!((packing.phases, packing.period), ([2, 2], 32));
        // Channel 0 at the pixels 0, 2, 8, 10; channel 1 on its right; channel 2 below; channel 4 in the next block.
        let slots = packing.slots();
        assert_eq!(slots[..4], [0, 2, 8, 10]);
        assert_eq!((slots[4], slots[8], slots[16]), (1, 4, 16));
        // With the image split by the stride there are no gaps.
        let image = Packing::image([1, 4, 4], [2, 2]);
        assert_eq!(image.slots()[..6], [0, 4, 1, 5, 8, 12]);
        let packing = image.convolved(&layer, [1, 4, 4], [6, 2, 2]).unwrap();
        assert_eq!((packing.phases, packing.period), ([1, 1], 32));
        assert_eq!(packing.slots(), (0..24).collect::<Vec<_>>());
    }

    #[test]
    fn packings_that_cannot_be_are_recognised() {
        let image = Packing::image([3, 4, 4], [2, 2]);
        assert!(image.is_valid());
        for damaged in [
            Packing {
                period: 32,
                ..image
            },
            Packing {
                period: 48,
                ..image
            },
            Packing { block: 2, ..image },
            Packing {
                split: [0, 2],
                ..image
            },
            Packing {
                shape: [3, usize::MAX, 4],
                ..image
            },
            Packing {
                copies: 128,
                ..image
            },
        ] {
            assert!(!damaged.is_valid(), "{damaged:?}");
        }
    }
}
