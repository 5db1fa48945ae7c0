//! Products of an encrypted matrix with vectors: the server's linear algebra.

use std::ops::Deref;

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator, Plaintext};

use crate::error::Result;
use crate::labels::Labels;
use crate::matrix::EncryptedMatrix;
use crate::packing;
use crate::progress::Count;
use crate::vectors::Vectors;

/// An encrypted matrix, and what the server computes with.
pub(crate) struct Products<'a> {
    pub matrix: &'a EncryptedMatrix,
    vectors: Vectors<'a>,
}

/// Whatever vectors can do without the matrix.
impl<'a> Deref for Products<'a> {
    type Target = Vectors<'a>;

    fn deref(&self) -> &Vectors<'a> {
        &self.vectors
    }
}

impl<'a> Products<'a> {
    pub fn new(
        evaluator: &'a Evaluator,
        matrix: &'a EncryptedMatrix,
        counter: &'a dyn Count,
    ) -> Self {
        let layout = matrix.layout();
        Self {
            matrix,
            vectors: Vectors {
                evaluator,
                layout,
                counter,
            },
        }
    }

    /// X w for the samples of one row of blocks, in the first column; the other columns hold
    /// partial sums, which must not be used. One level below the weights.
    pub fn row_times(&self, grid_row: usize, weights: &[Ciphertext]) -> Result<Ciphertext> {
        self.sum_over_features(&self.row_products(grid_row, weights)?)
    }

    /// Twice `factor` X w, a column vector: two levels below the weights.
    pub fn twice_times(&self, weights: &[Ciphertext], factor: f64) -> Result<Vec<Ciphertext>> {
        self.twice_in_pairs(
            self.layout.grid_rows(),
            self.layout.row_rotations(),
            |i| self.row_products(i, weights),
            |products| self.replicate_first_column(&self.sum_over_features(products)?, factor),
            "scoring samples",
        )
    }

    /// Products of the samples with an encrypted column vector, added up over the rows of blocks: one for each column of
    /// blocks, not relinearised. [`twice_over_samples`](Vectors::twice_over_samples) makes twice X^T v of them.
    pub fn transposed_products(&self, vector: &[Ciphertext]) -> Result<Vec<Ciphertext>> {
        self.for_each_column(vector[0].level(), |blocks| {
            let pairs: Vec<_> = blocks.iter().copied().zip(vector).collect();
            Ok(self.evaluator.inner_product(&pairs)?)
        })
    }

    /// The same for a column vector in the clear, one number a sample, with blocks at `level`: not rescaled.
    pub fn transposed_products_plain(
        &self,
        vector: &[f64],
        level: usize,
    ) -> Result<Vec<Ciphertext>> {
        let vector: Vec<Plaintext> = (0..self.layout.grid_rows())
            .into_par_iter()
            .map(|i| {
                let slots = packing::replicated_column(vector, self.layout, i);
                self.evaluator.encoder().encode(&slots, level)
            })
            .collect::<Result<_, _>>()?;
        self.for_each_column(level, |blocks| {
            let pairs: Vec<_> = blocks.iter().copied().zip(&vector).collect();
            Ok(self.evaluator.mul_plain_sum(&pairs)?)
        })
    }

    /// The products with y - 1/2, with blocks at `level`: all that training needs to know of the labels.
    pub fn label_products(&self, labels: &Labels, level: usize) -> Result<Vec<Ciphertext>> {
        match labels {
            Labels::Clear(labels) => {
                let column = labels.centred("a label moment")?;
                self.transposed_products_plain(&column, level)
            }
            Labels::Encrypted(labels) => {
                self.transposed_products(&labels.column_at(self.evaluator, level)?)
            }
        }
    }

    /// The sum of all blocks of each column, at `level`.
    pub fn block_sums(&self, level: usize) -> Result<Vec<Ciphertext>> {
        self.for_each_column(level, |blocks| self.sum(blocks.iter().copied()))
    }

    /// The products of blocks and weights in one row of blocks, not yet summed over features.
    fn row_products(&self, grid_row: usize, weights: &[Ciphertext]) -> Result<Ciphertext> {
        let level = weights[0].level();
        let blocks = (self.matrix).blocks_at(self.evaluator, level, self.layout.row(grid_row))?;
        let pairs: Vec<_> = blocks.iter().map(AsRef::as_ref).zip(weights).collect();
        self.relinearized(&self.evaluator.inner_product(&pairs)?)
    }

    /// `sum` of every column of blocks at `level`.
    fn for_each_column(
        &self,
        level: usize,
        sum: impl Fn(&[&Ciphertext]) -> Result<Ciphertext> + Sync,
    ) -> Result<Vec<Ciphertext>> {
        (0..self.layout.grid_cols())
            .into_par_iter()
            .map(|j| {
                let blocks =
                    (self.matrix).blocks_at(self.evaluator, level, self.layout.column(j))?;
                let blocks: Vec<_> = blocks.iter().map(AsRef::as_ref).collect();
                sum(&blocks)
            })
            .collect()
    }
}
