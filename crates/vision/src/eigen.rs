//! The eigenvalues and eigenvectors of a symmetric matrix.
//!
//! Householder reflections make it tridiagonal, QL steps with implicit shifts make that diagonal (Golub and Van Loan,
//! Matrix Computations, sections 8.3.1 and 8.3.3; the procedures `tred2` and `tql2` of EISPACK).

/// QL steps for one eigenvalue: two or three are usual.
const MAX_STEPS: usize = 60;

/// Eigenvalues in descending order, and one unit eigenvector for each.
pub(crate) struct Eigen {
    pub values: Vec<f64>,
    /// Row i belongs to value i.
    pub vectors: Vec<Vec<f64>>,
}

impl Eigen {
    /// Of a symmetric matrix of finite numbers, given by its rows.
    pub fn of_symmetric(matrix: Vec<Vec<f64>>) -> Self {
        let (mut diagonal, mut beside, mut rows) = tridiagonal(matrix);
        diagonalize(&mut diagonal, &mut beside, &mut rows);
        let mut pairs: Vec<_> = diagonal.into_iter().zip(rows).collect();
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (values, vectors) = pairs.into_iter().unzip();
        Self { values, vectors }
    }
}

/// T = Q A Q^T: the diagonal of T, its entries beside the diagonal and a zero, and the rows of Q.
fn tridiagonal(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<f64>, Vec<Vec<f64>>) {
    let d = a.len();
    let mut q: Vec<Vec<f64>> = (0..d).map(|i| unit(i, d)).collect();
    let mut beside = vec![0.0; d];
    for k in 0..d.saturating_sub(1) {
        // The reflection 1 - 2 v v^T takes what is below the diagonal in column k to its first entry.
        let mut v: Vec<f64> = (k + 1..d).map(|i| a[i][k]).collect();
        let length = norm(&v);
        let first = if v[0] > 0.0 { -length } else { length };
        beside[k] = first;
        v[0] -= first;
        let norm_v = norm(&v);
        if norm_v == 0.0 {
            continue;
        }
        v.iter_mut().for_each(|x| *x /= norm_v);
        // (1 - 2 v v^T) A (1 - 2 v v^T) = A - v w^T - w v^T with w = 2 A v - 2 (v . A v) v.
        let mut w: Vec<f64> = a[k + 1..]
            .iter()
            .map(|row| dot(&row[k + 1..], &v))
            .collect();
        let along = dot(&w, &v);
        w.iter_mut()
            .zip(&v)
            .for_each(|(w, v)| *w = 2.0 * (*w - along * v));
        for (i, row) in a[k + 1..].iter_mut().enumerate() {
            let (vi, wi) = (v[i], w[i]);
            let pairs = v.iter().zip(&w);
            for (x, (vj, wj)) in row[k + 1..].iter_mut().zip(pairs) {
                *x -= vi * wj + wi * vj;
            }
        }
        let mut projected = vec![0.0; d];
        for (row, v) in q[k + 1..].iter().zip(&v) {
            projected.iter_mut().zip(row).for_each(|(p, x)| *p += v * x);
        }
        for (row, v) in q[k + 1..].iter_mut().zip(&v) {
            row.iter_mut()
                .zip(&projected)
                .for_each(|(x, p)| *x -= 2.0 * v * p);
        }
    }
    ((0..d).map(|i| a[i][i]).collect(), beside, q)
}

/// The diagonal becomes the eigenvalues; `rows` are rotated along.
fn diagonalize(diagonal: &mut [f64], beside: &mut [f64], rows: &mut [Vec<f64>]) {
    let d = diagonal.len();
    for l in 0..d {
        for _ in 0..MAX_STEPS {
            let negligible = |m: &usize| {
                let size = diagonal[*m].abs() + diagonal[*m + 1].abs();
                beside[*m].abs() <= f64::EPSILON * size
            };
            let m = (l..d - 1).find(negligible).unwrap_or(d - 1);
            if m == l {
                break;
            }
            // Wilkinson's shift.
            let half = (diagonal[l + 1] - diagonal[l]) / (2.0 * beside[l]);
            let root = half.hypot(1.0).copysign(half);
            let mut g = diagonal[m] - diagonal[l] + beside[l] / (half + root);
            let (mut sine, mut cosine, mut p) = (1.0, 1.0, 0.0);
            let mut split = false;
            for i in (l..m).rev() {
                let (f, b) = (sine * beside[i], cosine * beside[i]);
                let r = f.hypot(g);
                beside[i + 1] = r;
                if r == 0.0 {
                    diagonal[i + 1] -= p;
                    beside[m] = 0.0;
                    split = true;
                    break;
                }
                (sine, cosine) = (f / r, g / r);
                g = diagonal[i + 1] - p;
                let r = (diagonal[i] - g) * sine + 2.0 * cosine * b;
                p = sine * r;
                diagonal[i + 1] = g + p;
                g = cosine * r - b;
                let (above, below) = rows.split_at_mut(i + 1);
                for (x, y) in above[i].iter_mut().zip(&mut below[0]) {
                    (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
                }
            }
            if !split {
                diagonal[l] -= p;
                beside[l] = g;
                beside[m] = 0.0;
            }
        }
    }
}

fn unit(i: usize, d: usize) -> Vec<f64> {
    let mut row = vec![0.0; d];
    row[i] = 1.0;
    row
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(matrix: Vec<Vec<f64>>) {
        let d = matrix.len();
        let size = matrix
            .iter()
            .flatten()
            .fold(1.0, |m: f64, x| m.max(x.abs()));
        let Eigen { values, vectors } = Eigen::of_symmetric(matrix.clone());
        assert!(values.is_sorted_by(|a, b| a >= b));
        for (i, (value, vector)) in values.iter().zip(&vectors).enumerate() {
            for (row, x) in matrix.iter().zip(vector) {
                assert!((dot(row, vector) - value * x).abs() < 1e-12 * size * d as f64);
            }
            for (j, other) in vectors.iter().enumerate() {
                let expected = f64::from(u8::from(i == j));
                assert!((dot(vector, other) - expected).abs() < 1e-12 * d as f64);
            }
        }
    }

    proptest! {
        #[test]
        fn vectors_are_orthonormal_and_stay_in_their_direction(
            d in 1usize..30,
            rank in 1usize..30,
            seed in prop::collection::vec(-3.0f64..3.0, 900),
        ) {
            // A sum of `rank` squares: deficient where that is below d.
            let mut matrix = vec![vec![0.0; d]; d];
            for x in seed.chunks_exact(d).take(rank) {
                for (row, xi) in matrix.iter_mut().zip(x) {
                    row.iter_mut().zip(x).for_each(|(m, xj)| *m += xi * xj);
                }
            }
            check(matrix);
        }
    }

    #[test]
    fn equal_and_vanishing_eigenvalues() {
        check(vec![vec![0.0; 4]; 4]);
        check((0..5).map(|i| unit(i, 5)).collect());
        check(vec![vec![1.0; 6]; 6]);
        check(vec![vec![2.0, 1.0], vec![1.0, 2.0]]);
        let found = Eigen::of_symmetric(vec![vec![2.0, 1.0], vec![1.0, 2.0]]).values;
        assert!((found[0] - 3.0).abs() < 1e-15 && (found[1] - 1.0).abs() < 1e-15);
    }
}
