//! Products of matrices of residues.

use criterion::{Criterion, Throughput};
use tapetum_ring::{ResidueMatrix, primes};

/// Rows of the first matrix, terms, and columns of the second.
const SHAPE: [usize; 3] = [256, 1024, 256];

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matrices");
    let [rows, terms, columns] = SHAPE;
    group.throughput(Throughput::Elements((rows * terms * columns) as u64));
    for bits in [36, 40, 49] {
        let modulus = primes::near(2f64.powi(bits), 10).next().expect("a prime");
        let matrix = |columns: usize, count: usize| {
            let entries: Vec<_> = (0..count as i64)
                .map(|i| i.wrapping_mul(0x1e37_79b9_7f4a_7c15))
                .collect();
            ResidueMatrix::new(modulus, columns, &entries)
        };
        let (a, b) = (
            matrix(terms, rows * terms),
            matrix(columns, terms * columns),
        );
        group.bench_function(format!("256 x 1024 x 256, {bits} bits"), |bencher| {
            bencher.iter(|| a.product(&b));
        });
    }
    group.finish();
}
