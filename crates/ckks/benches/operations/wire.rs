//! To and from bytes.

use criterion::{Criterion, Throughput};
use tapetum_ckks::Ciphertext;

use crate::setting::Setting;

pub fn bench(criterion: &mut Criterion, setting: &Setting) {
    let mut group = criterion.benchmark_group(setting.name);
    let [ciphertext, _] = &setting.pair;
    let bytes = ciphertext.to_bytes();
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("ciphertext to bytes", |b| b.iter(|| ciphertext.to_bytes()));
    group.bench_function("ciphertext from bytes", |b| {
        b.iter(|| Ciphertext::from_bytes(&setting.parameters, &bytes));
    });
    group.finish();
}
