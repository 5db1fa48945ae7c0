//! The matrices of a linear layer, encoded once or whenever they are used.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tapetum_ckks::{
    BlockIndices, Ciphertext, Complex64, DiagonalEntries, DiagonalForm, DiagonalSource, Encoder,
    Evaluator, LinearTransform, LinearTransformPlan,
};

use crate::error::{NetworkError, Result};
use crate::layers::{Folded, Packing};
use crate::stages::Sum;

/// The matrices that a layer applies to the vectors that it reads.
pub(super) enum Matrix {
    Encoded(LinearTransform),
    /// All layers encoded would take too much memory: gigabytes for a deep network, of which the weights are one.
    AtUse(Diagonals, LinearTransformPlan),
}

impl Matrix {
    pub fn new(
        diagonals: Diagonals,
        plan: LinearTransformPlan,
        encoder: &Encoder,
        at_use: bool,
    ) -> Result<Self> {
        if at_use {
            return Ok(Self::AtUse(diagonals, plan));
        }
        let made = diagonals.made();
        let form = DiagonalForm::Values;
        let transform = LinearTransform::of_blocks(encoder, &made, plan, form)?;
        Ok(Self::Encoded(transform))
    }

    pub fn apply(&self, evaluator: &Evaluator, vectors: &[Ciphertext]) -> Result<Ciphertext> {
        let vectors: Vec<_> = vectors.iter().collect();
        let images = match self {
            Self::Encoded(transform) => evaluator.linear_transforms(&vectors, transform)?,
            Self::AtUse(diagonals, plan) => {
                let made = diagonals.made();
                let form = DiagonalForm::Coefficients;
                let encoder = evaluator.encoder();
                let transform = LinearTransform::of_blocks(encoder, &made, plan.clone(), form)?;
                drop(made);
                evaluator.linear_transforms(&vectors, &transform)?
            }
        };
        let image = images.into_iter().next();
        image.ok_or_else(|| NetworkError::Plan("a layer gives nothing".to_owned()))
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
        let mut by_source = BTreeMap::<usize, BTreeMap<i64, Vec<Complex64>>>::new();
        for (term, input) in self.sum.terms.iter().zip(&self.inputs) {
            let diagonals = by_source.entry(term.source).or_default();
            Folded::new(*input, self.output, tile, self.paired).add_to(diagonals, term);
        }
        Made {
            blocks: by_source.into_values().collect(),
            slots: self.slots,
        }
    }
}

/// Diagonals, each of one period.
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
        let period = &self.blocks[input][&index];
        DiagonalEntries::Complex(match self.slots / period.len() {
            1 => Cow::Borrowed(period),
            times => Cow::Owned(period.repeat(times)),
        })
    }
}
