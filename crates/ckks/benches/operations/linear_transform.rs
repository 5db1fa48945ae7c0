//! A linear transform by 64 diagonals.

use std::collections::BTreeMap;

use criterion::Criterion;
use tapetum_ckks::{
    Complex64, Encoder, Evaluator, KeyGenerator, KeyPlan, LinearTransform, SlotMatrix,
};

use crate::setting::Setting;

/// The number of diagonals.
const DIAGONALS: i64 = 64;

pub fn bench(criterion: &mut Criterion, setting: &Setting) {
    let mut group = criterion.benchmark_group(setting.name);
    let slots = setting.parameters.slots();
    let diagonal: Vec<_> = setting
        .values
        .iter()
        .copied()
        .map(Complex64::from)
        .collect();
    let diagonals: BTreeMap<_, _> = (0..DIAGONALS).map(|k| (k, diagonal.clone())).collect();
    let matrix = SlotMatrix::from_diagonals(slots, diagonals).expect("as long as there are slots");
    let [x, _] = &setting.pair;
    let encoder = Encoder::new(&setting.parameters);
    group.bench_function("encode 64 diagonals", |b| {
        b.iter(|| LinearTransform::new(&encoder, &matrix, x.level()));
    });
    let transform = LinearTransform::new(&encoder, &matrix, x.level()).expect("a level is left");
    let plan = KeyPlan::new(&setting.parameters).rotations(transform.rotations());
    let keys = KeyGenerator::new(&setting.secret)
        .and_then(|mut generator| generator.evaluation_keys(&plan))
        .expect("presets are secure");
    let evaluator = Evaluator::with_keys(keys);
    group.bench_function("linear_transform_64", |b| {
        b.iter(|| evaluator.linear_transform(x, &transform));
    });
    group.finish();
}
