//! A plain linear model for many classes, as its provider trains it in the clear: ridge regression on
//! one-hot targets.

use rayon::prelude::*;
use tapetum_vision::Features;

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
        let mut gram: Vec<f64> = gram.iter().map(|s| s / rows as f64).collect();
        // Features may have any scale; the intercept is not shrunk.
        let trace: f64 = (0..cols).map(|j| gram[j * width + j]).sum();
        (0..cols).for_each(|j| gram[j * width + j] += RIDGE * trace / cols as f64);
        gram[width * width - 1] += f64::EPSILON;
        cholesky(&mut gram, width);
        let solved = targets.chunks(width).map(|target| {
            let target = target.iter().map(|t| t / rows as f64).collect();
            solve(&gram, width, target)
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

/// The lower triangle of a positive definite matrix becomes L with A = L L^T.
fn cholesky(a: &mut [f64], n: usize) {
    for i in 0..n {
        let (above, rest) = a.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..=i {
            let other = if j < i { &above[j * n..][..j] } else { &[] };
            let dot: f64 = match j < i {
                true => row[..j].iter().zip(other).map(|(x, y)| x * y).sum(),
                false => row[..j].iter().map(|x| x * x).sum(),
            };
            row[j] = match j < i {
                true => (row[j] - dot) / above[j * n + j],
                false => (row[j] - dot).sqrt(),
            };
        }
    }
}

/// The solution of L L^T x = b.
fn solve(l: &[f64], n: usize, mut b: Vec<f64>) -> Vec<f64> {
    for i in 0..n {
        let dot: f64 = l[i * n..][..i].iter().zip(&b).map(|(l, x)| l * x).sum();
        b[i] = (b[i] - dot) / l[i * n + i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|j| l[j * n + i] * b[j]).sum();
        b[i] = (b[i] - dot) / l[i * n + i];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        // A = L L^T with L = [[2, 0], [1, 3]].
        let mut a = vec![4.0, 0.0, 2.0, 10.0];
        cholesky(&mut a, 2);
        assert_eq!((a[0], a[2], a[3]), (2.0, 1.0, 3.0));
        // A (1, -1) = (2, -8).
        let x = solve(&a, 2, vec![2.0, -8.0]);
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] + 1.0).abs() < 1e-12);
    }

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
