//! The Cholesky factor of a positive definite matrix (Golub and Van Loan, Matrix Computations, section 4.2).
//!
//! Lower triangles are packed: row i holds i + 1 numbers. The order of operations is part of published features.

/// Where row `i` of a packed lower triangle starts.
pub fn triangle(i: usize) -> usize {
    i * (i + 1) / 2
}

/// In place, the packed lower triangle of a positive definite matrix A becomes L with A = L L^T.
pub fn factorize(a: &mut [f64], d: usize) {
    for i in 0..d {
        let (above, row) = a.split_at_mut(triangle(i));
        for j in 0..i {
            let other = &above[triangle(j)..=triangle(j) + j];
            let dot: f64 = other[..j].iter().zip(&row[..j]).map(|(x, y)| x * y).sum();
            row[j] = (row[j] - dot) / other[j];
        }
        let squares: f64 = row[..i].iter().map(|x| x * x).sum();
        row[i] = (row[i] - squares).sqrt();
    }
}

/// In place, `b` becomes `L^-1 b`.
pub fn solve_lower(factor: &[f64], b: &mut [f64]) {
    for i in 0..b.len() {
        let row = &factor[triangle(i)..=triangle(i) + i];
        let known: f64 = row[..i].iter().zip(&b[..i]).map(|(l, u)| l * u).sum();
        b[i] = (b[i] - known) / row[i];
    }
}

/// In place, `b` becomes the solution of L L^T x = b.
pub fn solve(factor: &[f64], b: &mut [f64]) {
    solve_lower(factor, b);
    for i in (0..b.len()).rev() {
        let known: f64 = (i + 1..b.len())
            .map(|j| factor[triangle(j) + i] * b[j])
            .sum();
        b[i] = (b[i] - known) / factor[triangle(i) + i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        // A = L L^T with L = [[2, 0], [1, 3]].
        let mut a = [4.0, 2.0, 10.0];
        factorize(&mut a, 2);
        assert_eq!(a, [2.0, 1.0, 3.0]);
        // A (1, -1) = (2, -8).
        let mut x = [2.0, -8.0];
        solve(&a, &mut x);
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] + 1.0).abs() < 1e-12);
    }
}
