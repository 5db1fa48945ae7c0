//! What works residue by residue: sums, products, inner products, automorphisms.

use criterion::{Criterion, Throughput};
use tapetum_ring::{Automorphism, GaloisElement, inner_product};

use crate::{LOG_N, basis, random};

/// Digits of the inner product.
const DIGITS: usize = 8;
/// Primes of its operands: what it touches is larger than a core's caches, as in a key switch.
const PRIMES: usize = 9;

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pointwise");
    group.throughput(Throughput::Elements(1 << LOG_N));
    let one = basis(LOG_N, 1);
    let (mut x, y) = (random(&one, 1), random(&one, 2));
    group.bench_function("add", |b| b.iter(|| x.add_assign(&y)));
    group.bench_function("sub", |b| b.iter(|| x.sub_assign(&y)));
    group.bench_function("neg", |b| b.iter(|| x.neg_assign()));
    group.bench_function("mul", |b| b.iter(|| x.mul_assign(&y)));
    let factor = one.modulus(0).reduce(1 << 40);
    group.bench_function("scale", |b| b.iter(|| x.scale_assign(|_| factor)));

    let rotation = Automorphism::new(GaloisElement::rotation(1, LOG_N));
    group.bench_function("automorphism of values", |b| b.iter(|| rotation.apply(&y)));
    let coefficients = y.clone().into_coefficients();
    group.bench_function("automorphism of coefficients", |b| {
        b.iter(|| rotation.apply_to_coefficients(&coefficients));
    });

    group.throughput(Throughput::Elements(((DIGITS * PRIMES) as u64) << LOG_N));
    let many = basis(LOG_N, PRIMES);
    let digits: Vec<_> = (0..DIGITS as u8).map(|i| random(&many, i)).collect();
    let key: Vec<_> = (0..DIGITS as u8).map(|i| random(&many, 100 + i)).collect();
    let pairs: Vec<_> = digits.iter().zip(&key).collect();
    group.bench_function("inner product of 8 digits", |b| {
        b.iter(|| inner_product(&pairs))
    });
    group.finish();
}
