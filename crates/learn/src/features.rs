//! Features in the clear, on the machine that has the images.

use crate::error::{LearnError, MAX_FEATURE, Result, check_equal};

/// A borrowed matrix of samples by features, row after row, that is known to be finite and of
/// magnitude at most [`MAX_FEATURE`].
///
/// Estimators have no intercept of their own: append a constant feature if one is wanted.
///
/// ```
/// use tapetum_learn::Features;
///
/// let features = Features::new(&[0.5, -1.0, 0.25, 2.0, 0.0, 1.0], 3)?;
/// assert_eq!((features.rows(), features.cols()), (2, 3));
/// assert!(Features::new(&[0.5, f64::NAN], 2).is_err());
/// # Ok::<(), tapetum_learn::LearnError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Features<'a> {
    values: &'a [f64],
    cols: usize,
}

impl<'a> Features<'a> {
    /// Checks `values`, which are rows of `cols` features.
    ///
    /// # Errors
    /// [`LearnError`] if there is no sample or feature, the last row is incomplete, or a feature
    /// is not finite or too large.
    pub fn new(values: &'a [f64], cols: usize) -> Result<Self> {
        if cols == 0 {
            return Err(LearnError::Empty("features"));
        }
        if values.is_empty() {
            return Err(LearnError::Empty("samples"));
        }
        let in_last = (values.len() - 1) % cols + 1;
        check_equal("features of the last sample", cols, in_last)?;
        for (i, &value) in values.iter().enumerate() {
            let (row, col) = (i / cols, i % cols);
            if !value.is_finite() {
                return Err(LearnError::NotFinite { row, col });
            }
            if value.abs() > MAX_FEATURE {
                return Err(LearnError::TooLarge { row, col, value });
            }
        }
        Ok(Self { values, cols })
    }

    /// The number of samples.
    pub fn rows(&self) -> usize {
        self.values.len() / self.cols
    }

    /// The number of features of a sample.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The samples in order.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = &'a [f64]> + Clone {
        self.values.chunks_exact(self.cols)
    }

    /// The features of sample `row`.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn sample(&self, row: usize) -> &'a [f64] {
        &self.values[row * self.cols..][..self.cols]
    }

    /// The samples `rows`.
    ///
    /// # Panics
    /// If there is none, or no such sample.
    pub fn part(&self, rows: std::ops::Range<usize>) -> Self {
        assert!(!rows.is_empty(), "at least one sample");
        Self {
            values: &self.values[rows.start * self.cols..rows.end * self.cols],
            cols: self.cols,
        }
    }

    /// X v.
    pub(crate) fn times(&self, vector: &[f64]) -> Vec<f64> {
        self.samples().map(|sample| dot(sample, vector)).collect()
    }

    /// X^T v.
    pub(crate) fn transposed_times(&self, vector: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.cols];
        for (sample, &factor) in self.samples().zip(vector) {
            for (s, &x) in sum.iter_mut().zip(sample) {
                *s += factor * x;
            }
        }
        sum
    }

    /// X^T v / m.
    pub(crate) fn mean(&self, vector: &[f64]) -> Vec<f64> {
        let mut mean = self.transposed_times(vector);
        mean.iter_mut().for_each(|x| *x /= self.rows() as f64);
        mean
    }
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_feature_matrix_is_refused() {
        use LearnError as E;
        assert!(matches!(Features::new(&[], 3), Err(E::Empty("samples"))));
        assert!(matches!(
            Features::new(&[1.0], 0),
            Err(E::Empty("features"))
        ));
        assert!(matches!(
            Features::new(&[1.0; 5], 3),
            Err(E::Shape {
                expected: 3,
                found: 2,
                ..
            })
        ));
        assert!(matches!(
            Features::new(&[1.0, 2.0, 3.0, f64::NEG_INFINITY], 2),
            Err(E::NotFinite { row: 1, col: 1 })
        ));
        assert!(matches!(
            Features::new(&[1.0, -1025.0], 2),
            Err(E::TooLarge { row: 0, col: 1, .. })
        ));
        assert!(Features::new(&[MAX_FEATURE, -MAX_FEATURE], 1).is_ok());
    }
}
