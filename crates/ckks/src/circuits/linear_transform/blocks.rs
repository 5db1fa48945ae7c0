//! Matrices of matrices, which act on several vectors of slots at once.

use std::collections::BTreeMap;

use num_complex::Complex64;

use super::plan::BlockIndices;
use super::{LinearTransformError, SlotMatrix};

/// A matrix whose entries are [`SlotMatrix`]es or zero: it takes some vectors of slots, its inputs, to others, its
/// outputs. A convolution between tensors that fill several ciphertexts is one.
///
/// ```
/// use std::collections::BTreeMap;
/// use tapetum_ckks::{BlockMatrix, Complex64, SlotMatrix};
///
/// let times = |factor: f64, index| {
///     SlotMatrix::from_diagonals(4, BTreeMap::from([(index, vec![factor.into(); 4])]))
/// };
/// // The sum of two vectors, and the first rotated.
/// let blocks = [((0, 0), times(1.0, 0)?), ((0, 1), times(1.0, 0)?), ((1, 0), times(1.0, 1)?)];
/// let matrix = BlockMatrix::new(blocks.into())?;
/// let x = [1.0, 2.0, 4.0, 8.0].map(Complex64::from).to_vec();
/// let y = vec![Complex64::from(0.5); 4];
/// let images = matrix.apply(&[x, y])?;
/// assert_eq!(images[0], [1.5, 2.5, 4.5, 8.5].map(Complex64::from));
/// assert_eq!(images[1], [2.0, 4.0, 8.0, 1.0].map(Complex64::from));
/// # Ok::<(), tapetum_ckks::LinearTransformError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BlockMatrix {
    slots: usize,
    outputs: usize,
    inputs: usize,
    /// By output and input.
    blocks: BTreeMap<(usize, usize), SlotMatrix>,
}

impl BlockMatrix {
    /// From the blocks that are not zero, by output and input, both counted from 0.
    ///
    /// # Errors
    /// If there is no block, an output or an input below the highest has none, or the numbers of slots differ.
    pub fn new(blocks: BTreeMap<(usize, usize), SlotMatrix>) -> Result<Self, LinearTransformError> {
        let first = blocks.values().next().ok_or(LinearTransformError::Empty)?;
        let slots = first.slots();
        if let Some(other) = blocks.values().find(|block| block.slots() != slots) {
            let found = other.slots();
            return Err(LinearTransformError::Slots { found, slots });
        }
        let count = |place: fn(&(usize, usize)) -> usize| {
            let highest = blocks.keys().map(place).max().map_or(0, |last| last + 1);
            let gapless = (0..highest).all(|i| blocks.keys().any(|block| place(block) == i));
            gapless.then_some(highest)
        };
        match (count(|block| block.0), count(|block| block.1)) {
            (Some(outputs), Some(inputs)) => Ok(Self {
                slots,
                outputs,
                inputs,
                blocks,
            }),
            _ => Err(LinearTransformError::EmptyBlocks),
        }
    }

    /// The number of slots of each input and output.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The number of vectors that it gives.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The number of vectors that it takes.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The blocks that are not zero, each with its output and input.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = ((usize, usize), &SlotMatrix)> {
        self.blocks.iter().map(|(&place, block)| (place, block))
    }

    pub(super) fn block(&self, place: (usize, usize)) -> Option<&SlotMatrix> {
        self.blocks.get(&place)
    }

    /// Which diagonals each block has: what a [plan](super::LinearTransformPlan::for_blocks) is made from.
    pub fn indices(&self) -> BlockIndices {
        let indices = |block: &SlotMatrix| block.diagonals().map(|(k, _)| k).collect();
        self.blocks
            .iter()
            .map(|(&place, block)| (place, indices(block)))
            .collect()
    }

    /// The matrix times vectors in the clear: the reference of
    /// [`Evaluator::linear_transforms`](crate::Evaluator::linear_transforms).
    ///
    /// # Errors
    /// If there is not one vector for each input, with one entry for each slot.
    pub fn apply(
        &self,
        inputs: &[Vec<Complex64>],
    ) -> Result<Vec<Vec<Complex64>>, LinearTransformError> {
        if inputs.len() != self.inputs {
            return Err(LinearTransformError::Vectors {
                found: inputs.len(),
                inputs: self.inputs,
            });
        }
        let mut images = vec![vec![Complex64::ZERO; self.slots]; self.outputs];
        for (&(output, input), block) in &self.blocks {
            let image = block.apply(&inputs[input])?;
            for (sum, x) in images[output].iter_mut().zip(image) {
                *sum += x;
            }
        }
        Ok(images)
    }
}

impl From<SlotMatrix> for BlockMatrix {
    fn from(matrix: SlotMatrix) -> Self {
        Self {
            slots: matrix.slots(),
            outputs: 1,
            inputs: 1,
            blocks: BTreeMap::from([((0, 0), matrix)]),
        }
    }
}
