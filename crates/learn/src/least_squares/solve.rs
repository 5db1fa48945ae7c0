//! The solution of G W = H by a polynomial in the matrix, under encryption.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::gram::rotations;
use super::shape::Diagonals;
use crate::error::{LearnError, Result};

/// Twice the matrix, moved and scaled such that its eigenvalues lie in [-1, 1].
pub(super) struct Matrix<'a> {
    evaluator: &'a Evaluator,
    shape: Diagonals,
    diagonals: Vec<Ciphertext>,
}

/// A vector that still has to be multiplied by a public factor.
pub(super) struct Scaled {
    pub vector: Ciphertext,
    pub factor: f64,
}

impl<'a> Matrix<'a> {
    /// From the diagonals of 4 / L times G/m, L the bound on the eigenvalues of the system, and what the
    /// penalty adds to the main diagonal of 4 / L times the system.
    pub fn new(
        evaluator: &'a Evaluator,
        shape: Diagonals,
        mut diagonals: Vec<Ciphertext>,
        penalty: f64,
    ) -> Result<Self> {
        if penalty != 0.0 {
            let main = shape.main_diagonal(penalty, evaluator.parameters().slots());
            let main = evaluator.encoder().encode(&main, diagonals[0].level())?;
            diagonals[0] = evaluator.add_plain(&diagonals[0], &main)?;
        }
        diagonals[0] = evaluator.add_scalar(&diagonals[0], -2.0)?;
        Ok(Self {
            evaluator,
            shape,
            diagonals,
        })
    }

    /// p(A) v for each vector v, with the coefficients of p in the basis of Chebyshev, T_k of this
    /// matrix by its recurrence: one level for each coefficient after the first, and the factor.
    pub fn apply(
        mut self,
        coefficients: &[f64],
        vectors: &[Ciphertext],
        mut step_done: impl FnMut(),
    ) -> Result<Vec<Scaled>> {
        let evaluator = self.evaluator;
        // Twice T_k(A) v. The first of them is needed in the recurrence only.
        let twice = |vector| Ok(vec![evaluator.mul_integer(vector, 2)?]);
        let mut terms = vectors.iter().map(twice).collect::<Result<Vec<_>>>()?;
        for k in 1..coefficients.len() {
            let level = vectors[0].level() + 1 - k;
            self.lower_to(level)?;
            for (terms, vector) in terms.iter_mut().zip(vectors) {
                let next = match k {
                    1 => self.times(vector)?,
                    _ => {
                        let product = self.times(&terms[k - 1])?;
                        let before = evaluator.lower_to(&terms[k - 2], product.level())?;
                        evaluator.sub(&product, &before)?
                    }
                };
                terms.push(next);
                step_done();
            }
        }
        terms
            .iter()
            .map(|terms| self.combination(terms, coefficients))
            .collect()
    }

    /// The sum of the terms times their coefficients, halved, at the level of the newest.
    fn combination(&self, terms: &[Ciphertext], coefficients: &[f64]) -> Result<Scaled> {
        let evaluator = self.evaluator;
        let (newest, older) = terms.split_last().ok_or(LearnError::Empty("steps"))?;
        let (&leading, others) = coefficients
            .split_last()
            .ok_or(LearnError::Empty("steps"))?;
        let mut sum = newest.clone();
        for (term, c) in older.iter().zip(others) {
            let term = evaluator.lower_scaled(term, sum.level(), c / leading)?;
            evaluator.add_assign(&mut sum, &term)?;
        }
        Ok(Scaled {
            vector: sum,
            factor: leading / 2.0,
        })
    }

    /// Brings all diagonals down to where the vectors are.
    fn lower_to(&mut self, level: usize) -> Result<()> {
        let evaluator = self.evaluator;
        self.diagonals.par_iter_mut().try_for_each(|band| {
            *band = evaluator.lower_to(band, level)?;
            Ok(())
        })
    }

    /// The matrix times a vector, one level lower: its upper half by rows and, without the
    /// diagonal, by columns.
    ///
    /// Two products a band, and a relinearisation and two rotations for each baby step and each
    /// giant step.
    fn times(&self, vector: &Ciphertext) -> Result<Ciphertext> {
        let evaluator = self.evaluator;
        let shape = &self.shape;
        let diagonals = &self.diagonals;
        let (babies, giants) = shape.sample_steps();
        let (babies, giants) = rayon::join(
            || rotations(evaluator, vector, &babies),
            || rotations(evaluator, vector, &giants),
        );
        let (babies, giants) = (babies?, giants?);

        let product = |pairs: Vec<(&Ciphertext, &Ciphertext)>| {
            let product = evaluator.inner_product(&pairs)?;
            Ok::<_, LearnError>(evaluator.relinearize_rescale(&product)?)
        };
        let by_rows = (0..giants.len()).into_par_iter().map(|g| {
            let band = |b| Some((&diagonals[shape.band(b, g)?], &babies[b]));
            product((0..babies.len()).filter_map(band).collect())
        });
        // The diagonal is counted once; with a single giant step it is all that baby step 0 has.
        let first = usize::from(giants.len() == 1);
        let by_columns = (first..babies.len().min(shape.count()))
            .into_par_iter()
            .map(|b| {
                let band = |g| Some((&diagonals[shape.band(b, g)?], &giants[g]));
                product(
                    (usize::from(b == 0)..giants.len())
                        .filter_map(band)
                        .collect(),
                )
            });
        let rows = by_rows.collect::<Result<Vec<_>, _>>()?;
        let columns = by_columns.collect::<Result<Vec<_>, _>>()?;
        let (rows, columns) = rayon::join(
            || self.staggered(&rows, shape.babies as i64),
            || self.staggered(&columns, -1),
        );
        let Some(columns) = columns? else {
            return rows?.ok_or(LearnError::Empty("diagonals"));
        };
        let columns = match first {
            0 => columns,
            _ => evaluator.rotate(&columns, -1)?,
        };
        let rows = rows?.ok_or(LearnError::Empty("diagonals"))?;
        Ok(evaluator.add(&rows, &columns)?)
    }

    /// The sum of all vectors, number i rotated by i times `step`, by Horner's rule.
    fn staggered(&self, vectors: &[Ciphertext], step: i64) -> Result<Option<Ciphertext>> {
        let Some((last, others)) = vectors.split_last() else {
            return Ok(None);
        };
        let mut sum = last.clone();
        for vector in others.iter().rev() {
            sum = self.evaluator.rotate(&sum, step)?;
            self.evaluator.add_assign(&mut sum, vector)?;
        }
        Ok(Some(sum))
    }
}
