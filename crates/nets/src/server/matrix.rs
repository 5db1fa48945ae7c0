//! The matrices of a linear layer, encoded once or whenever they are used.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tapetum_ckks::{
    BlockIndices, Ciphertext, Complex64, DiagonalEntries, DiagonalForm, DiagonalSource, Encoder,
    Evaluator, LinearTransform, LinearTransformPlan,
};

use crate::error::Result;
use crate::layers::{Folded, Packing};
use crate::plan::WeightForm;
use crate::stages::Sum;

/// The matrices that a layer applies to the vectors that it reads.
pub(super) enum Matrix {
    Encoded(LinearTransform),
    /// All layers encoded would take too much memory.
    AtUse(Diagonals, LinearTransformPlan),
}

impl Matrix {
    pub fn new(
        diagonals: Diagonals,
        plan: LinearTransformPlan,
        encoder: &Encoder,
        form: WeightForm,
    ) -> Result<Self> {
        let form = match form {
            WeightForm::Values => DiagonalForm::Values,
            WeightForm::Coefficients => DiagonalForm::Coefficients,
            WeightForm::Kernels => return Ok(Self::AtUse(diagonals, plan)),
        };
        let made = diagonals.made();
        let transform = LinearTransform::of_blocks(encoder, &made, plan, form)?;
        Ok(Self::Encoded(transform))
    }

    /// What it makes of each of several lists of vectors.
    pub fn apply(
        &self,
        evaluator: &Evaluator,
        lists: &[Vec<Ciphertext>],
    ) -> Result<Vec<Ciphertext>> {
        let lists: Vec<Vec<_>> = lists.iter().map(|list| list.iter().collect()).collect();
        let lists: Vec<_> = lists.iter().map(Vec::as_slice).collect();
        let images = match self {
            Self::Encoded(transform) => evaluator.linear_transforms_of_each(&lists, transform)?,
            Self::AtUse(diagonals, plan) => {
                let made = diagonals.made();
                let form = DiagonalForm::Coefficients;
                let encoder = evaluator.encoder();
                let transform = LinearTransform::of_blocks(encoder, &made, plan.clone(), form)?;
                drop(made);
                evaluator.linear_transforms_of_each(&lists, &transform)?
            }
        };
        Ok(images.into_iter().flatten().collect())
    }
}

/// What the diagonals of a layer are made from: kernels, a small part of them.
pub(super) struct Diagonals {
    sum: Sum,
    /// Of the vector that each term reads.
    inputs: Vec<Packing>,
    output: Packing,
    paired: bool,
    slots: usize,
}

impl Diagonals {
    /// Of a layer, given how all vectors before it are packed.
    pub fn new(
        sum: Sum,
        packings: &[Packing],
        output: Packing,
        paired: bool,
        encoder: &Encoder,
    ) -> Self {
        let inputs = sum.terms.iter().map(|term| packings[term.source]);
        Self {
            inputs: inputs.collect(),
            sum,
            output,
            paired,
            slots: encoder.parameters().slots(),
        }
    }

    /// The diagonals of each vector, entry by entry from the weights.
    fn made(&self) -> Made {
        let tile = self.inputs.iter().map(Packing::tile).max().unwrap_or(1);
        let mut by_source = BTreeMap::<_, BTreeMap<i64, Vec<Complex64>>>::new();
        for (term, input) in self.sum.terms.iter().zip(&self.inputs) {
            let diagonals = by_source.entry((term.source, term.part)).or_default();
            Folded::new(*input, self.output, tile, self.paired).add_to(diagonals, term);
        }
        Made {
            blocks: by_source.into_values().collect(),
            slots: self.slots,
        }
    }
}

/// Diagonals, each by one period.
struct Made {
    blocks: Vec<BTreeMap<i64, Vec<Complex64>>>,
    slots: usize,
}

impl DiagonalSource for Made {
    fn slots(&self) -> usize {
        self.slots
    }

    fn indices(&self) -> BlockIndices {
        let blocks = self.blocks.iter().enumerate();
        blocks
            .map(|(input, diagonals)| ((0, input), diagonals.keys().copied().collect()))
            .collect()
    }

    fn entries(&self, (_, input): (usize, usize), index: i64) -> DiagonalEntries<'_> {
        DiagonalEntries::Complex(Cow::Borrowed(&self.blocks[input][&index]))
    }
}
