//! Comparison of 2^15 pairs, and the argmax of ten numbers.

use criterion::Criterion;
use tapetum_ckks::{
    ArgmaxPlan, Encoder, Encryptor, Evaluator, KeyGenerator, KeyPlan, Parameters,
    ParametersLiteral, Precision, SecretKey,
};

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("comparison");
    let precision = |bits| Precision::new(bits).expect("a precision that there is");

    let eight = precision(8);
    let (parameters, secret) = ring(eight.levels(), 16);
    let plan = KeyPlan::new(&parameters).relinearization();
    let (encoder, evaluator) = (Encoder::new(&parameters), evaluator(&secret, &plan));
    let encryptor = Encryptor::with_secret_key(&secret);
    let [x, y] = [1.0, 1.7].map(|step| {
        let values: Vec<f64> = (0..parameters.slots())
            .map(|i| 0.5 * (step * i as f64).sin())
            .collect();
        let plain = encoder.encode(&values, parameters.max_level());
        encryptor.encrypt(&plain.expect("the values fit"))
    });
    let [x, y] = [x, y].map(|result| result.expect("the parameters agree"));
    group.bench_function("greater_than, 8 bits, 2^15 pairs", |b| {
        b.iter(|| evaluator.greater_than(&x, &y, eight));
    });

    let plan = ArgmaxPlan::new(10, precision(6)).expect("between 2 and 128");
    let (parameters, secret) = ring(plan.levels(), 15);
    let encoder = Encoder::new(&parameters);
    let keys = KeyPlan::new(&parameters)
        .relinearization()
        .rotations(plan.rotations());
    let evaluator = self::evaluator(&secret, &keys);
    let argmax = plan
        .encode(&encoder, parameters.max_level())
        .expect("the parameters were made for it");
    let x = encoder
        .encode(&[0.1, -0.2, 0.3], parameters.max_level())
        .expect("the values fit");
    let x = Encryptor::with_secret_key(&secret)
        .encrypt(&x)
        .expect("the parameters agree");
    group.bench_function("argmax of 10, 6 bits, 32 groups", |b| {
        b.iter(|| evaluator.argmax(&x, &argmax));
    });
    group.finish();
}

/// As many levels of 40 bits in a ring of degree 2^`log_n`, which holds them.
fn ring(levels: usize, log_n: u32) -> (Parameters, SecretKey) {
    let mut literal = ParametersLiteral::for_levels(levels, 40).expect("few levels");
    literal.log_n = log_n;
    let parameters = Parameters::new(literal).expect("a ring that is large enough");
    let secret = SecretKey::generate(&parameters).expect("the system gives randomness");
    (parameters, secret)
}

fn evaluator(secret: &SecretKey, plan: &KeyPlan) -> Evaluator {
    let keys = KeyGenerator::new(secret)
        .and_then(|mut generator| generator.evaluation_keys(plan))
        .expect("the parameters are secure");
    Evaluator::with_keys(keys)
}
