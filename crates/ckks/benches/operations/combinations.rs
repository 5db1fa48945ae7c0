//! 100 linear combinations of 845 ciphertexts, and a share of the same one by one.

use criterion::Criterion;
use tapetum_ckks::{Ciphertext, Evaluator};

use crate::setting::Setting;

const OUTPUTS: usize = 100;
const INPUTS: usize = 845;
/// The products and sums of one output that are also done one by one: of 84,500.
const SHARE: usize = 65;

pub fn bench(criterion: &mut Criterion, setting: &Setting) {
    let mut group = criterion.benchmark_group(setting.name);
    let evaluator = Evaluator::new(&setting.parameters);
    let input = |k| {
        let product = evaluator.mul_integer(&setting.pair[0], k);
        product.expect("the parameters agree")
    };
    let inputs: Vec<_> = (1..=INPUTS as i64).map(input).collect();
    let inputs: Vec<&Ciphertext> = inputs.iter().collect();
    let weight = |m: usize, k: usize| ((m * INPUTS + k) as f64).sin();
    let row = |m| (0..INPUTS).map(|k| weight(m, k)).collect();
    let weights: Vec<Vec<f64>> = (0..OUTPUTS).map(row).collect();
    group.bench_function("combinations_100x845", |b| {
        b.iter(|| evaluator.linear_combinations(&inputs, &weights));
    });
    let whole = |row: &Vec<f64>| row.iter().map(|w| (127.0 * w) as i64).collect();
    let weights: Vec<Vec<i64>> = weights.iter().map(whole).collect();
    group.bench_function("combinations_100x845, 8 bits", |b| {
        b.iter(|| evaluator.integer_combinations(&inputs, &weights));
    });
    group.bench_function("65 of 84,500 products and sums one by one", |b| {
        b.iter(|| {
            let product = |k: usize| evaluator.mul_scalar(inputs[k], weight(0, k));
            (1..SHARE).try_fold(product(0)?, |mut sum, k| {
                evaluator.add_assign(&mut sum, &product(k)?)?;
                Ok::<_, tapetum_ckks::EvaluationError>(sum)
            })
        });
    });
    group.finish();
}
