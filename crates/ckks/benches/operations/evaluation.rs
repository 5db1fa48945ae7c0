//! What a server computes.

use criterion::Criterion;
use tapetum_ckks::Evaluator;

use crate::setting::{ROTATIONS, Setting};

pub fn bench(criterion: &mut Criterion, setting: &Setting) {
    let mut group = criterion.benchmark_group(setting.name);
    let evaluator = Evaluator::with_keys(setting.keys.clone());
    let [x, y] = &setting.pair;
    let plain = &setting.plain;
    group.bench_function("add", |b| b.iter(|| evaluator.add(x, y)));
    group.bench_function("add_plain", |b| b.iter(|| evaluator.add_plain(x, plain)));
    group.bench_function("mul_plain", |b| b.iter(|| evaluator.mul_plain(x, plain)));
    group.bench_function("mul_scalar", |b| b.iter(|| evaluator.mul_scalar(x, 0.3)));
    group.bench_function("mul", |b| b.iter(|| evaluator.mul(x, y)));
    let product = evaluator.mul(x, y).expect("a level is left");
    group.bench_function("relinearize", |b| {
        b.iter(|| evaluator.relinearize(&product))
    });
    group.bench_function("mul_relin", |b| b.iter(|| evaluator.mul_relin(x, y)));
    let pairs = [(x, y); 8];
    group.bench_function("inner_product_8", |b| {
        b.iter(|| evaluator.inner_product(&pairs))
    });
    let product = evaluator.relinearize(&product).expect("the key is there");
    group.bench_function("rescale", |b| b.iter(|| evaluator.rescale(&product)));
    group.bench_function("lower_to", |b| {
        b.iter(|| evaluator.lower_to(x, x.level() - 1))
    });
    group.bench_function("rotate", |b| b.iter(|| evaluator.rotate(x, ROTATIONS[0])));
    group.bench_function("rotate_hoisted_8", |b| {
        b.iter(|| evaluator.rotate_hoisted(x, &ROTATIONS));
    });
    group.bench_function("conjugate", |b| b.iter(|| evaluator.conjugate(x)));
    group.finish();
}
