//! Where the diagonals of a transform come from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use num_complex::Complex64;

use super::blocks::BlockMatrix;
use super::matrix::SlotMatrix;
use super::plan::BlockIndices;

/// Entry i of diagonal k is the matrix entry in row i and column i + k modulo the number of slots. Fewer entries than slots,
/// a power of two of them, are repeated in all slots.
#[derive(Clone, Debug, PartialEq)]
pub enum DiagonalEntries<'a> {
    /// Complex numbers.
    Complex(Cow<'a, [Complex64]>),
    /// Real numbers.
    Real(Cow<'a, [f64]>),
    /// Real numbers in half of the memory: the weights of a network.
    Single(Cow<'a, [f32]>),
    /// Small integers: masks, quantised weights.
    Small(Cow<'a, [i16]>),
}

/// A matrix of matrices by its diagonals, which may be made when they are asked for: a convolution need not be
/// multiplied out. Each diagonal is asked for once when a transform is [encoded](super::LinearTransform::of_blocks),
/// in several threads, and can be forgotten then.
///
/// ```
/// use std::borrow::Cow;
/// use std::collections::BTreeMap;
/// use tapetum_ckks::*;
///
/// /// Sums of three neighbours; the entries are not kept anywhere.
/// struct Neighbours(usize);
///
/// impl DiagonalSource for Neighbours {
///     fn slots(&self) -> usize {
///         self.0
///     }
///     fn indices(&self) -> BlockIndices {
///         BTreeMap::from([((0, 0), [-1, 0, 1].into())])
///     }
///     fn entries(&self, _block: (usize, usize), _index: i64) -> DiagonalEntries<'_> {
///         DiagonalEntries::Small(Cow::Owned(vec![1; self.0]))
///     }
/// }
///
/// let parameters = Parameters::preset(Preset::N13);
/// let source = Neighbours(parameters.slots());
/// let plan = LinearTransformPlan::for_blocks(&parameters, &source.indices(), 2)?;
/// let encoder = Encoder::new(&parameters);
/// let transform = LinearTransform::of_blocks(&encoder, &source, plan, DiagonalForm::Coefficients)?;
/// assert_eq!(transform.operations().plaintext_products, 3);
/// # Ok::<(), LinearTransformError>(())
/// ```
pub trait DiagonalSource: Sync {
    /// The number of slots of each input and output.
    fn slots(&self) -> usize;

    /// Which diagonals each block has, by output and input.
    fn indices(&self) -> BlockIndices;

    /// The entries of a diagonal that [`indices`](Self::indices) names.
    fn entries(&self, block: (usize, usize), index: i64) -> DiagonalEntries<'_>;
}

impl DiagonalSource for SlotMatrix {
    fn slots(&self) -> usize {
        self.slots()
    }

    fn indices(&self) -> BlockIndices {
        let indices = self.diagonals().map(|(k, _)| k).collect();
        BTreeMap::from([((0, 0), indices)])
    }

    fn entries(&self, _block: (usize, usize), index: i64) -> DiagonalEntries<'_> {
        DiagonalEntries::Complex(Cow::Borrowed(self.diagonal(index)))
    }
}

impl DiagonalSource for BlockMatrix {
    fn slots(&self) -> usize {
        self.slots()
    }

    fn indices(&self) -> BlockIndices {
        self.indices()
    }

    fn entries(&self, block: (usize, usize), index: i64) -> DiagonalEntries<'_> {
        let block = self.block(block);
        DiagonalEntries::Complex(Cow::Borrowed(block.map_or(&[], |b| b.diagonal(index))))
    }
}
