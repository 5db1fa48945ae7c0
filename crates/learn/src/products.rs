//! Products of an encrypted matrix with vectors: the server's linear algebra.
//!
//! There are two kinds of vectors. A *weight vector* has one number a feature: one ciphertext a
//! column of blocks, equal in all rows. A *column vector* has one number a sample: one ciphertext
//! a row of blocks, equal in all columns.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Encoder, Evaluator, Plaintext};

use crate::error::LearnError;
use crate::labels::Labels;
use crate::layout::{Layout, log2};
use crate::matrix::EncryptedMatrix;
use crate::packing;
use crate::progress::Counter;

/// An encrypted matrix, and what the server computes with.
pub(crate) struct Products<'a> {
    pub evaluator: &'a Evaluator,
    pub encoder: &'a Encoder,
    pub matrix: &'a EncryptedMatrix,
    pub counter: &'a Counter<'a>,
}

impl Products<'_> {
    pub fn layout(&self) -> &Layout {
        self.matrix.layout()
    }

    /// Key switches of [`row_times`](Self::row_times).
    pub fn row_times_cost(layout: &Layout) -> usize {
        1 + log2(layout.block_cols())
    }

    /// X w for the samples of one row of blocks, in the first column; the other columns hold
    /// partial sums, which must not be used. One level below the weights.
    pub fn row_times(
        &self,
        grid_row: usize,
        weights: &[Ciphertext],
    ) -> Result<Ciphertext, LearnError> {
        let blocks = self
            .matrix
            .row_at(self.evaluator, grid_row, weights[0].level())?;
        let pairs: Vec<_> = blocks.iter().map(AsRef::as_ref).zip(weights).collect();
        let products = self.evaluator.inner_product(&pairs)?;
        let product = self.relinearized(&products)?;
        self.sum_over_features(&product)
    }

    /// Key switches of [`transposed_times`](Self::transposed_times).
    pub fn transposed_times_cost(layout: &Layout) -> usize {
        layout.grid_cols() * (1 + log2(layout.block_rows()))
    }

    /// X^T v for an encrypted column vector: a weight vector, one level lower.
    pub fn transposed_times(&self, vector: &[Ciphertext]) -> Result<Vec<Ciphertext>, LearnError> {
        self.for_each_column(vector[0].level(), |blocks| {
            let pairs: Vec<_> = blocks.iter().copied().zip(vector).collect();
            self.relinearized(&self.evaluator.inner_product(&pairs)?)
        })
    }

    /// X^T v for a column vector in the clear, one number a sample: a weight vector, one level
    /// below `level`.
    pub fn transposed_times_plain(
        &self,
        vector: &[f64],
        level: usize,
    ) -> Result<Vec<Ciphertext>, LearnError> {
        let vector: Vec<Plaintext> = (0..self.layout().grid_rows())
            .into_par_iter()
            .map(|i| {
                let slots = packing::replicated_column(vector, self.layout(), i);
                self.encoder.encode(&slots, level)
            })
            .collect::<Result<_, _>>()?;
        self.for_each_column(level, |blocks| {
            let pairs: Vec<_> = blocks.iter().copied().zip(&vector).collect();
            Ok(self
                .evaluator
                .rescale(&self.evaluator.mul_plain_sum(&pairs)?)?)
        })
    }

    /// X^T (y - 1/2), one level below `level`: all that training needs to know of the labels.
    pub fn label_moment(
        &self,
        labels: &Labels,
        level: usize,
    ) -> Result<Vec<Ciphertext>, LearnError> {
        match labels {
            Labels::Clear(labels) => self.transposed_times_plain(&labels.centred(), level),
            Labels::Encrypted(labels) => {
                let lower = |vector| self.evaluator.lower_to(vector, level);
                let vector: Vec<_> = labels
                    .vectors()
                    .iter()
                    .map(lower)
                    .collect::<Result<_, _>>()?;
                self.transposed_times(&vector)
            }
        }
    }

    /// The sum of all samples, a weight vector, times `factor`: one level below `level`.
    pub fn sample_sum(&self, level: usize, factor: f64) -> Result<Vec<Ciphertext>, LearnError> {
        self.for_each_column(level, |blocks| {
            let sum = self.sum(blocks.iter().copied())?;
            Ok(self.evaluator.lower_scaled(&sum, level - 1, factor)?)
        })
    }

    /// `summand` for every column of blocks at `level`, summed over the samples.
    fn for_each_column(
        &self,
        level: usize,
        summand: impl Fn(&[&Ciphertext]) -> Result<Ciphertext, LearnError> + Sync,
    ) -> Result<Vec<Ciphertext>, LearnError> {
        (0..self.layout().grid_cols())
            .into_par_iter()
            .map(|j| {
                let blocks = self.matrix.column_at(self.evaluator, j, level)?;
                let blocks: Vec<_> = blocks.iter().map(AsRef::as_ref).collect();
                let sum = self.sum_over_samples(&summand(&blocks)?)?;
                self.counter
                    .add(1 + log2(self.layout().block_rows()), "summing over samples");
                Ok(sum)
            })
            .collect()
    }

    /// Adds up ciphertexts of one shape; there is at least one.
    pub fn sum<'c>(
        &self,
        terms: impl IntoIterator<Item = &'c Ciphertext>,
    ) -> Result<Ciphertext, LearnError> {
        let mut terms = terms.into_iter();
        let mut sum = terms
            .next()
            .ok_or(LearnError::Empty("terms of a sum"))?
            .clone();
        for term in terms {
            self.evaluator.add_assign(&mut sum, term)?;
        }
        Ok(sum)
    }

    /// The product of two vectors or sum of products, one level lower.
    pub fn relinearized(&self, product: &Ciphertext) -> Result<Ciphertext, LearnError> {
        let product = self.evaluator.relinearize(product)?;
        Ok(self.evaluator.rescale(&product)?)
    }

    /// Over the rows of a block. Cyclic over all slots, so every row gets the sum.
    pub fn sum_over_samples(&self, vector: &Ciphertext) -> Result<Ciphertext, LearnError> {
        let layout = self.layout();
        let stride = layout.block_cols() as i64;
        Ok(self
            .evaluator
            .sum_slots(vector, layout.block_rows(), stride)?)
    }

    /// Over the columns of a block. The first column gets the sum; what the others get reaches
    /// into the next row.
    pub fn sum_over_features(&self, vector: &Ciphertext) -> Result<Ciphertext, LearnError> {
        Ok(self
            .evaluator
            .sum_slots(vector, self.layout().block_cols(), 1)?)
    }

    /// Key switches of [`replicate_first_column`](Self::replicate_first_column).
    pub fn replication_cost(layout: &Layout) -> usize {
        layout.replication_rotations().count()
    }

    /// The first column times `factor`, in all columns: one level lower.
    ///
    /// Once everything else is masked, the sums over `block_cols` slots to the left give every
    /// slot the one first column within reach: that of the next row, except in the first column
    /// itself. A rotation by `block_cols` - 1 to the right puts that straight. So this takes one
    /// key beyond those of [`sum_over_features`](Self::sum_over_features), where rotations to the
    /// right would take as many again.
    pub fn replicate_first_column(
        &self,
        vector: &Ciphertext,
        factor: f64,
    ) -> Result<Ciphertext, LearnError> {
        let layout = self.layout();
        let evaluator = self.evaluator;
        if layout.block_cols() == 1 {
            return Ok(evaluator.lower_scaled(vector, vector.level() - 1, factor)?);
        }
        let mask = packing::first_column(factor, layout);
        let mask = self.encoder.encode(&mask, vector.level())?;
        let column = evaluator.rescale(&evaluator.mul_plain(vector, &mask)?)?;
        let shifted = self.sum_over_features(&column)?;
        Ok(evaluator.rotate(&shifted, layout.replication_shift())?)
    }
}
