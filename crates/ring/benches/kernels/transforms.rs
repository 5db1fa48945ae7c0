//! The number-theoretic transform modulo one prime.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};

use crate::{basis, random};

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ntt");
    for log_n in 13..=16 {
        let values = random(&basis(log_n, 1), 1);
        let coefficients = values.clone().into_coefficients();
        let butterflies = (log_n as u64) << (log_n - 1);
        group.throughput(Throughput::Elements(butterflies));
        // One input at a time, so that it is where a transform normally finds it: in the cache.
        group.bench_function(BenchmarkId::new("forward", log_n), |b| {
            b.iter_batched(
                || coefficients.clone(),
                |poly| poly.into_evaluation(),
                BatchSize::PerIteration,
            );
        });
        group.bench_function(BenchmarkId::new("inverse", log_n), |b| {
            b.iter_batched(
                || values.clone(),
                |poly| poly.into_coefficients(),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}
