//! A plain linear model for many classes, as its provider trains it in the clear: ridge regression on
//! one-hot targets.

use rayon::prelude::*;
use tapetum_vision::Features;
use tapetum_vision::cholesky::{factorize, solve, triangle};

/// What is added to the diagonal of the normal equations, relative to features of unit variance.
const RIDGE: f64 = 0.01;

/// For each class a weight for each feature, and an intercept.
pub struct Model {
    /// One row for each class.
    pub weights: Vec<Vec<f64>>,
    /// One for each class.
    pub intercepts: Vec<f64>,
}

impl Model {
    /// Solves (X^T X / m + ridge) w = X^T y / m for each class, X with a column of ones.
    pub fn fit(features: &Features, labels: &[usize], classes: usize) -> Self {
        let (rows, cols) = (features.rows(), features.cols());
        let width = cols + 1;
        let row = |i: usize| {
            let row = features.row(i).expect("a row for each label");
            row.iter().copied().chain([1.0])
        };
        // The lower triangle of X^T X, and X^T y below it.
        let height = width + classes;
        let sums = (0..rows)
            .into_par_iter()
            .fold(
                || vec![0.0; height * width],
                |mut sums, i| {
                    let x: Vec<f64> = row(i).collect();
                    for (j, &xj) in x.iter().enumerate() {
                        let line = &mut sums[j * width..][..=j];
                        line.iter_mut().zip(&x).for_each(|(s, &xk)| *s += xj * xk);
                    }
                    let line = &mut sums[(width + labels[i]) * width..][..width];
                    line.iter_mut().zip(&x).for_each(|(s, &xk)| *s += xk);
                    sums
                },
            )
            .reduce(
                || vec![0.0; height * width],
                |mut a, b| {
                    a.iter_mut().zip(&b).for_each(|(a, b)| *a += b);
                    a
                },
            );
        let (gram, targets) = sums.split_at(width * width);
        let rows_of_gram = gram.chunks(width).enumerate();
        let mut gram: Vec<f64> = rows_of_gram
            .flat_map(|(i, row)| row[..=i].iter().map(|s| s / rows as f64))
            .collect();
        // Features may have any scale; the intercept is not shrunk.
        let trace: f64 = (0..cols).map(|j| gram[triangle(j) + j]).sum();
        (0..cols).for_each(|j| gram[triangle(j) + j] += RIDGE * trace / cols as f64);
        gram[triangle(cols) + cols] += f64::EPSILON;
        factorize(&mut gram, width);
        let solved = targets.chunks(width).map(|target| {
            let mut target: Vec<f64> = target.iter().map(|t| t / rows as f64).collect();
            solve(&gram, &mut target);
            target
        });
        let (mut weights, mut intercepts) = (Vec::new(), Vec::new());
        for mut solution in solved {
            intercepts.push(solution.pop().expect("a weight of the ones"));
            weights.push(solution);
        }
        Self {
            weights,
            intercepts,
        }
    }

    /// The scores of one sample.
    pub fn scores<'a>(&'a self, sample: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let score = move |(weights, intercept): (&Vec<f64>, &f64)| {
            weights.iter().zip(sample).map(|(w, x)| w * x).sum::<f64>() + intercept
        };
        self.weights.iter().zip(&self.intercepts).map(score)
    }

    /// With all scores divided by the same number: the largest one stays where it is.
    pub fn divided(mut self, divisor: f64) -> Self {
        let all = self
            .weights
            .iter_mut()
            .flatten()
            .chain(&mut self.intercepts);
        all.for_each(|w| *w /= divisor);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_apart_are_told_apart() {
        let values = [
            1.0, 0.1, 0.9, -0.1, -1.0, 0.0, -1.1, 0.1, 0.0, 1.0, 0.1, 1.2,
        ];
        let labels = [0, 0, 1, 1, 2, 2];
        let features = Features::new(6, 2, values.to_vec()).unwrap();
        let model = Model::fit(&features, &labels, 3).divided(4.0);
        for (i, &label) in labels.iter().enumerate() {
            let scores: Vec<f64> = model.scores(features.row(i).unwrap()).collect();
            let best = (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            assert_eq!(best, Some(label));
        }
    }
}
