//! Products of an encrypted matrix with vectors: the server's linear algebra.

use std::ops::Deref;

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator, Plaintext};

use crate::error::Result;
use crate::labels::Labels;
use crate::matrix::EncryptedMatrix;
use crate::packing;
use crate::progress::Counter;
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
        counter: &'a Counter<'a>,
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

    /// Twice X^T v for an encrypted column vector: a weight vector, one level lower.
    pub fn twice_transposed_times(&self, vector: &[Ciphertext]) -> Result<Vec<Ciphertext>> {
        self.for_each_column(vector[0].level(), |blocks| {
            let pairs: Vec<_> = blocks.iter().copied().zip(vector).collect();
            self.relinearized(&self.evaluator.inner_product(&pairs)?)
        })
    }

    /// Twice X^T v for a column vector in the clear, one number a sample: a weight vector, one
    /// level below `level`.
    pub fn twice_transposed_times_plain(
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
            let products = self.evaluator.mul_plain_sum(&pairs)?;
            Ok(self.evaluator.rescale(&products)?)
        })
    }

    /// 2 X^T (y - 1/2), one level below `level`: all that training needs to know of the labels.
    pub fn twice_label_moment(&self, labels: &Labels, level: usize) -> Result<Vec<Ciphertext>> {
        match labels {
            Labels::Clear(labels) => {
                let column = labels.centred("a label moment")?;
                self.twice_transposed_times_plain(&column, level)
            }
            Labels::Encrypted(labels) => {
                self.twice_transposed_times(&labels.column_at(self.evaluator, level)?)
            }
        }
    }

    /// Twice `factor` times the sum of all samples, a weight vector: one level below `level`.
    pub fn twice_sample_sum(&self, level: usize, factor: f64) -> Result<Vec<Ciphertext>> {
        self.for_each_column(level, |blocks| {
            let sum = self.sum(blocks.iter().copied())?;
            Ok(self.evaluator.lower_scaled(&sum, level - 1, factor)?)
        })
    }

    /// The products of blocks and weights in one row of blocks, not yet summed over features.
    fn row_products(&self, grid_row: usize, weights: &[Ciphertext]) -> Result<Ciphertext> {
        let level = weights[0].level();
        let blocks = (self.matrix).blocks_at(self.evaluator, level, self.layout.row(grid_row))?;
        let pairs: Vec<_> = blocks.iter().map(AsRef::as_ref).zip(weights).collect();
        self.relinearized(&self.evaluator.inner_product(&pairs)?)
    }

    /// `summand` for every column of blocks at `level`, summed over the samples, twice.
    fn for_each_column(
        &self,
        level: usize,
        summand: impl Fn(&[&Ciphertext]) -> Result<Ciphertext> + Sync,
    ) -> Result<Vec<Ciphertext>> {
        self.twice_in_pairs(
            self.layout.grid_cols(),
            self.layout.column_rotations(),
            |j| {
                let blocks =
                    (self.matrix).blocks_at(self.evaluator, level, self.layout.column(j))?;
                let blocks: Vec<_> = blocks.iter().map(AsRef::as_ref).collect();
                summand(&blocks)
            },
            |products| self.sum_over_samples(products),
            "summing over samples",
        )
    }
}
