//! What the server computes with vectors of a layout, whatever they are multiplied with.
//!
//! There are two kinds. A *weight vector* has one number a feature: one ciphertext a column of
//! blocks, equal in all rows. A *column vector* has one number a sample: one ciphertext a row of
//! blocks, equal in all columns.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Complex64, Evaluator};

use crate::error::{LearnError, Result};
use crate::labels::EncryptedLabels;
use crate::layout::{self, Layout};
use crate::packing;
use crate::progress::Count;

/// The layout of an encrypted matrix, and what the server computes with.
#[derive(Clone, Copy)]
pub(crate) struct Vectors<'a> {
    pub evaluator: &'a Evaluator,
    pub layout: &'a Layout,
    pub counter: &'a dyn Count,
}

impl Vectors<'_> {
    /// `factor` times the labels of many classes as column vectors, for each class one ciphertext
    /// a row of blocks: from one level above `level`.
    ///
    /// The labels of class h lie in every column h mod P. They are moved to the first column, one
    /// rotation by 1 from class to class, and from there to all others.
    pub fn label_columns(
        &self,
        labels: &EncryptedLabels,
        factor: f64,
        level: usize,
    ) -> Result<Vec<Vec<Ciphertext>>> {
        let layout = self.layout;
        let (rows, classes) = (layout.grid_rows(), labels.classes());
        let chunks = EncryptedLabels::ciphertexts_per_row(layout, classes);
        let moved = labels
            .vectors()
            .par_iter()
            .enumerate()
            .map(|(i, vector)| {
                let first = i % chunks * layout.block_cols();
                let in_chunk = (classes - first).min(layout.block_cols());
                let mut moved = vec![self.evaluator.lower_to(vector, level + 1)?];
                for column in 1..in_chunk {
                    moved.push(self.evaluator.rotate(&moved[column - 1], 1)?);
                }
                Ok(moved)
            })
            .collect::<Result<Vec<_>>>()?;
        // Two rows of blocks at a time, whose columns are the same in whatever share of the samples they are.
        let places: Vec<_> = (0..rows)
            .step_by(2)
            .flat_map(|first| {
                let of_class =
                    move |class| (first..rows.min(first + 2)).map(move |row| (class, row));
                (0..classes).flat_map(of_class)
            })
            .collect();
        let columns = self.twice_in_pairs(
            places.len(),
            layout.replication_rotations().count(),
            |index| {
                let (class, row) = places[index];
                let (chunk, column) = (class / layout.block_cols(), class % layout.block_cols());
                Ok(moved[row * chunks + chunk][column].clone())
            },
            |column| self.replicate_first_column(column, factor / 2.0),
            "copying labels",
        )?;
        let mut of_classes = vec![Vec::with_capacity(rows); classes];
        for ((class, _), column) in places.into_iter().zip(columns) {
            of_classes[class].push(column);
        }
        Ok(of_classes)
    }

    /// 2 `sum`(`summand`(i)) for i = 0, ..., `count` - 1.
    ///
    /// The summands are real and `sum`, which takes `rotations` key switches, is linear with real
    /// coefficients. So it runs once for two summands u and v, on u + i v; with w for what comes
    /// out, the results are w + conj(w) and i (conj(w) - w), at the price of one conjugation.
    /// Halving them would take a level, but the callers have public factors to hide it in.
    pub fn twice_in_pairs(
        &self,
        count: usize,
        rotations: usize,
        summand: impl Fn(usize) -> Result<Ciphertext> + Sync,
        sum: impl Fn(&Ciphertext) -> Result<Ciphertext> + Sync,
        what: &'static str,
    ) -> Result<Vec<Ciphertext>> {
        let evaluator = self.evaluator;
        let together = if layout::pairing_pays(rotations) {
            2
        } else {
            1
        };
        let sums = (0..count.div_ceil(together))
            .into_par_iter()
            .map(|pair| {
                let (first, second) = (together * pair, together * pair + 1);
                let sums = if together == 1 || second == count {
                    let sum = sum(&summand(first)?)?;
                    vec![evaluator.add(&sum, &sum)?]
                } else {
                    let mut both = summand(first)?;
                    evaluator.add_assign(&mut both, &self.times_i(&summand(second)?)?)?;
                    let both = sum(&both)?;
                    let conjugate = evaluator.conjugate(&both)?;
                    let difference = evaluator.sub(&conjugate, &both)?;
                    vec![
                        evaluator.add(&both, &conjugate)?,
                        self.times_i(&difference)?,
                    ]
                };
                let cost = layout::paired_key_switches(sums.len(), rotations);
                self.counter.add(sums.len() + cost, what);
                Ok(sums)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(sums.into_iter().flatten().collect())
    }

    /// Twice the sums over the samples of products that are not relinearised or rescaled yet: weight vectors, one level
    /// lower.
    pub fn twice_over_samples(&self, products: &[Ciphertext]) -> Result<Vec<Ciphertext>> {
        self.twice_summed(products.len(), |j| self.relinearized(&products[j]))
    }

    /// Twice `factor` times the sums over the samples of these vectors: weight vectors, one level lower.
    pub fn twice_scaled_over_samples(
        &self,
        vectors: &[Ciphertext],
        factor: f64,
    ) -> Result<Vec<Ciphertext>> {
        self.twice_summed(vectors.len(), |j| {
            let below = vectors[j].level() - 1;
            Ok(self.evaluator.lower_scaled(&vectors[j], below, factor)?)
        })
    }

    /// Twice the sums over the samples of these vectors.
    fn twice_summed(
        &self,
        count: usize,
        vector: impl Fn(usize) -> Result<Ciphertext> + Sync,
    ) -> Result<Vec<Ciphertext>> {
        self.twice_in_pairs(
            count,
            self.layout.column_rotations(),
            vector,
            |sum| self.sum_over_samples(sum),
            "summing over samples",
        )
    }

    pub fn times_i(&self, vector: &Ciphertext) -> Result<Ciphertext> {
        times_i(self.evaluator, vector)
    }

    /// Adds up ciphertexts of one shape; there is at least one.
    pub fn sum<'c>(&self, terms: impl IntoIterator<Item = &'c Ciphertext>) -> Result<Ciphertext> {
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
    pub fn relinearized(&self, product: &Ciphertext) -> Result<Ciphertext> {
        Ok(self.evaluator.relinearize_rescale(product)?)
    }

    /// Over the rows of a block. Cyclic over all slots, so every row gets the sum.
    pub fn sum_over_samples(&self, vector: &Ciphertext) -> Result<Ciphertext> {
        let layout = self.layout;
        let stride = layout.block_cols() as i64;
        Ok(self
            .evaluator
            .sum_slots(vector, layout.block_rows(), stride)?)
    }

    /// Over the columns of a block. The first column gets the sum; what the others get reaches
    /// into the next row.
    pub fn sum_over_features(&self, vector: &Ciphertext) -> Result<Ciphertext> {
        Ok(self
            .evaluator
            .sum_slots(vector, self.layout.block_cols(), 1)?)
    }

    /// The first column times `factor`, in all columns: one level lower.
    ///
    /// Once everything else is masked, the sums over `block_cols` slots to the left give every
    /// slot the one first column within reach: that of the next row, except in the first column
    /// itself. A rotation by `block_cols` - 1 to the right puts that straight. So this takes one
    /// key beyond those of [`sum_over_features`](Self::sum_over_features), where rotations to the
    /// right would take as many again.
    pub fn replicate_first_column(&self, vector: &Ciphertext, factor: f64) -> Result<Ciphertext> {
        let layout = self.layout;
        let evaluator = self.evaluator;
        if layout.block_cols() == 1 {
            return Ok(evaluator.lower_scaled(vector, vector.level() - 1, factor)?);
        }
        let mask = packing::first_column(factor, layout);
        let mask = self.evaluator.encoder().encode(&mask, vector.level())?;
        let column = evaluator.rescale(&evaluator.mul_plain(vector, &mask)?)?;
        let shifted = self.sum_over_features(&column)?;
        Ok(evaluator.rotate(&shifted, layout.replication_shift())?)
    }
}

/// The imaginary unit is the monomial X^(N/2), an exact plaintext of scale 1: multiplying by it
/// costs neither level nor precision.
pub(crate) fn times_i(evaluator: &Evaluator, vector: &Ciphertext) -> Result<Ciphertext> {
    let i = vec![Complex64::I; vector.parameters().slots()];
    let i = evaluator
        .encoder()
        .encode_complex_at(&i, vector.level(), 1.0)?;
    Ok(evaluator.mul_plain(vector, &i)?)
}
