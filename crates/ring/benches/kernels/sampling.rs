//! Random polynomials.

use criterion::{Criterion, Throughput};
use tapetum_ring::sampling::{SecretRng, Seed, uniform};

use crate::{LOG_N, basis};

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sampling");
    let degree = 1 << LOG_N;
    group.throughput(Throughput::Elements(degree as u64));
    let one = basis(LOG_N, 1);
    group.bench_function("uniform", |b| {
        b.iter(|| uniform(&one, Seed::from_bytes([7; 32])));
    });
    let mut rng = SecretRng::insecure_from_key([8; 32]);
    group.bench_function("ternary", |b| b.iter(|| rng.ternary(degree)));
    group.bench_function("gaussian", |b| b.iter(|| rng.gaussian(degree)));
    group.bench_function("wide gaussian of 2^30", |b| {
        b.iter(|| rng.wide_gaussian(degree, 30))
    });
    group.finish();
}
