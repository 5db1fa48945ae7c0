//! To and from bytes.

use criterion::{Criterion, Throughput};
use tapetum_ring::packing::{pack, packed_len, unpack};
use tapetum_ring::{Evaluation, Poly};

use crate::{LOG_N, basis, random};

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("storage");
    let one = basis(LOG_N, 1);
    let poly = random(&one, 1);
    group.throughput(Throughput::Bytes(packed_len(&one) as u64));
    let mut bytes = Vec::new();
    group.bench_function("pack", |b| {
        b.iter(|| {
            bytes.clear();
            pack(&poly, &mut bytes);
        });
    });
    bytes.clear();
    pack(&poly, &mut bytes);
    group.bench_function("unpack", |b| {
        b.iter(|| unpack::<Evaluation>(&one, &bytes).expect("it was packed"));
    });

    let coefficients = poly.clone().into_coefficients();
    group.throughput(Throughput::Elements(1 << LOG_N));
    group.bench_function("to centred numbers", |b| {
        b.iter(|| coefficients.to_centered_f64())
    });
    let small: Vec<_> = (0..1i64 << LOG_N).map(|i| (i - 999) << 30).collect();
    group.bench_function("from signed integers", |b| {
        b.iter(|| Poly::from_coefficients(&one, &small));
    });
    group.finish();
}
