//! What leaves a basis: conversion, division, decomposition.

use criterion::{BatchSize, Criterion, Throughput};
use tapetum_ring::{BaseConverter, Decomposer, Divider};

use crate::{LOG_N, basis, random};

/// Primes of Q.
const Q: usize = 16;
/// Special primes, which are the primes of a digit as well.
const P: usize = 4;

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bases");
    let whole = basis(LOG_N, Q + P);
    let (q, p) = (whole.prefix(Q), whole.slice(Q..Q + P));

    // With the correction, each of the Q residues is a sum of P + 1 products.
    group.throughput(Throughput::Elements(((Q * (P + 1)) as u64) << LOG_N));
    let converter = BaseConverter::new(&p, &q);
    let coefficients = random(&p, 1).into_coefficients();
    group.bench_function("conversion from 4 to 16 primes", |b| {
        b.iter(|| converter.convert(&coefficients));
    });

    group.throughput(Throughput::Elements((Q as u64) << LOG_N));
    for (name, dropped) in [
        ("rescaling of 16 primes", 1),
        ("mod-down from 20 to 16 primes", P),
    ] {
        let from = whole.prefix(if dropped == 1 { Q } else { Q + P });
        let divider = Divider::new(&from, dropped);
        let poly = random(&from, 2);
        group.bench_function(name, |b| {
            b.iter_batched(
                || poly.clone(),
                |poly| divider.divide(poly),
                BatchSize::PerIteration,
            );
        });
    }

    let decomposer = Decomposer::new(&q, &p, P);
    let poly = random(&q, 3);
    group.bench_function("decomposition of 16 primes into 4 digits", |b| {
        b.iter(|| decomposer.decompose(&poly));
    });
    group.finish();
}
