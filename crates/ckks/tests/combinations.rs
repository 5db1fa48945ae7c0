//! Many linear combinations at once, against decrypted truth and against products and sums one by one.

mod common;

use common::{Scheme, uneven};
use tapetum_ckks::{Ciphertext, Complex64, EvaluationError, Evaluator, Parameters, Preset};

/// Rows of weights: ordinary ones, edge values, zeros. The smallest parameters leave room for sums up to 4.
const WEIGHTS: [[f64; 5]; 4] = [
    [0.3, -0.7, 0.5, 0.015, -0.6],
    [1.0, -1.0, 0.0, 1e-5, 0.0],
    [0.0; 5],
    [-0.4, -0.4, -0.4, -0.4, -0.4],
];
const INTEGERS: [[i64; 5]; 3] = [[1, -1, 0, 127, -128], [0; 5], [3, 1 << 9, -(1 << 9), 5, 7]];

fn scheme(parameters: Parameters) -> Scheme {
    Scheme::new(parameters, |plan| plan)
}

fn parameter_sets() -> Vec<Parameters> {
    let presets = [Preset::N12, Preset::N13, Preset::N14];
    let presets = presets.map(Parameters::preset);
    presets.into_iter().chain([uneven()]).collect()
}

/// N / scale, the size of the error of an encryption.
fn grain(s: &Scheme) -> f64 {
    s.parameters.degree() as f64 / 2f64.powi(s.parameters.literal().log_scale as i32)
}

/// Random messages, the last one at the edge of its range, and their encryptions.
fn inputs(s: &Scheme) -> (Vec<Vec<Complex64>>, Vec<Ciphertext>) {
    let mut messages: Vec<_> = (1..5).map(|seed| s.random(seed)).collect();
    messages.push(vec![Complex64::new(-1.0, 1.0); s.parameters.slots()]);
    let encrypted = messages.iter().map(|m| s.encrypt(m)).collect();
    (messages, encrypted)
}

fn expected(messages: &[Vec<Complex64>], weights: &[f64]) -> Vec<Complex64> {
    let slot = |i| messages.iter().zip(weights).map(|(m, &w)| m[i] * w).sum();
    (0..messages[0].len()).map(slot).collect()
}

fn magnitude(weights: &[f64]) -> f64 {
    weights.iter().map(|w| w.abs()).sum()
}

fn sum(e: &Evaluator, mut terms: impl Iterator<Item = Ciphertext>) -> Ciphertext {
    let first = terms.next().unwrap();
    terms.fold(first, |sum, term| e.add(&sum, &term).unwrap())
}

#[test]
fn real_combinations_are_those_of_the_slots() {
    for s in parameter_sets().into_iter().map(scheme) {
        let (messages, encrypted) = inputs(&s);
        let inputs: Vec<_> = encrypted.iter().collect();
        let e = &s.evaluator;
        let found = e.linear_combinations(&inputs, &WEIGHTS).unwrap();
        assert_eq!(found.len(), WEIGHTS.len());
        for (found, weights) in found.iter().zip(&WEIGHTS) {
            assert_eq!(
                (found.degree(), found.level()),
                (1, s.parameters.max_level())
            );
            // Errors of encryption times weights, rounded weights, and one rescaling.
            let bound = (2.0 * magnitude(weights) + 5.0) * grain(&s);
            let rescaled = e.rescale(found).unwrap();
            s.check(&rescaled, &expected(&messages, weights), bound);

            let terms = inputs.iter().zip(weights);
            let terms = terms.map(|(a, &w)| e.mul_scalar(a, w).unwrap());
            assert!(*found == sum(e, terms), "not the same as one by one");
        }
    }
}

#[test]
fn sums_are_made_a_part_at_a_time() {
    let s = scheme(Parameters::preset(Preset::N13));
    let (_, encrypted) = inputs(&s);
    let e = &s.evaluator;
    let product = e.mul(&encrypted[0], &encrypted[1]).unwrap();
    let product = e.rescale(&product).unwrap();
    let lowered = |a| e.lower_to(a, product.level()).unwrap();
    let mut inputs: Vec<_> = encrypted.iter().map(lowered).collect();
    inputs[0] = product;
    let inputs: Vec<_> = inputs.iter().collect();
    let part = |range: std::ops::Range<usize>| WEIGHTS.map(|row| row[range.clone()].to_vec());
    let mut sums = e.linear_combinations(&inputs[..2], &part(0..2)).unwrap();
    e.add_linear_combinations(&mut sums, &inputs[2..], &part(2..5))
        .unwrap();
    assert!(sums == e.linear_combinations(&inputs, &WEIGHTS).unwrap());

    let refused = e.add_linear_combinations(&mut sums[..3], &inputs[2..], &part(2..5));
    assert!(matches!(refused, Err(EvaluationError::Inputs { .. })));
    let mut sums = e.linear_combinations(&inputs[2..], &part(2..5)).unwrap();
    let refused = e.add_linear_combinations(&mut sums, &inputs[..2], &part(0..2));
    assert!(matches!(refused, Err(EvaluationError::Degree { .. })));
}

#[test]
fn integer_combinations_are_exact() {
    for s in parameter_sets().into_iter().map(scheme) {
        let (messages, encrypted) = inputs(&s);
        let inputs: Vec<_> = encrypted.iter().collect();
        let e = &s.evaluator;
        let found = e.integer_combinations(&inputs, &INTEGERS).unwrap();
        for (found, weights) in found.iter().zip(&INTEGERS) {
            assert_eq!(found.scale(), inputs[0].scale());
            let real = weights.map(|w| w as f64);
            let bound = 2.0 * (magnitude(&real) + 1.0) * grain(&s);
            s.check(found, &expected(&messages, &real), bound);

            let terms = inputs.iter().zip(weights);
            let terms = terms.map(|(a, &w)| e.mul_integer(a, w).unwrap());
            assert!(*found == sum(e, terms), "not the same as one by one");
        }
    }
}

#[test]
fn products_of_degree_2_stay_that() {
    for s in [Preset::N13, Preset::N14]
        .map(Parameters::preset)
        .map(scheme)
    {
        let (messages, encrypted) = inputs(&s);
        let e = &s.evaluator;
        let product = e.mul(&encrypted[0], &encrypted[1]).unwrap();
        let product = e.rescale(&product).unwrap();
        let lower = e.lower_to(&encrypted[2], product.level()).unwrap();
        let other = e.mul(&encrypted[3], &encrypted[4]).unwrap();
        let other = e.rescale(&other).unwrap();
        let multiply = |a: usize, b: usize| -> Vec<_> {
            let pairs = messages[a].iter().zip(&messages[b]);
            pairs.map(|(x, y)| x * y).collect()
        };
        let truth = [multiply(0, 1), messages[2].clone(), multiply(3, 4)];
        let inputs = [&product, &lower, &other];
        let rows = [[0.5, -2.0, 1.0], [0.0, 1.0, 0.0]];
        // The rounding of a product of degree 2 is multiplied with the square of the secret, whose values are
        // distributed exponentially: up to nine times their mean, 2 N / 3, in one of so many slots.
        let error = 6.0 * grain(&s) * (s.parameters.degree() as f64).sqrt();
        for (found, row) in e
            .linear_combinations(&inputs, &rows)
            .unwrap()
            .iter()
            .zip(&rows)
        {
            assert_eq!(found.degree(), 2);
            let found = e.rescale(found).unwrap();
            s.check(
                &found,
                &expected(&truth, row),
                (magnitude(row) + 1.0) * error,
            );
        }
        let found = e.integer_combinations(&inputs, &[[2, -1, 3]]).unwrap();
        assert_eq!(found[0].degree(), 2);
        s.check(&found[0], &expected(&truth, &[2.0, -1.0, 3.0]), 7.0 * error);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let s = scheme(Parameters::preset(Preset::N13));
    let e = &s.evaluator;
    let a = s.encrypt(&s.random(1));
    let lower = e.lower_to(&a, 1).unwrap();
    let product = e.mul_scalar(&a, 0.5).unwrap();
    let foreign = scheme(Parameters::preset(Preset::N12));
    let foreign = foreign.encrypt(&foreign.random(1));
    let refused = |inputs: &[&Ciphertext], weights: &[&[f64]]| {
        let real = e.linear_combinations(inputs, weights).unwrap_err();
        let whole = |row: &&[f64]| row.iter().map(|&w| w as i64).collect::<Vec<_>>();
        let whole: Vec<_> = weights.iter().map(whole).collect();
        assert_eq!(e.integer_combinations(inputs, &whole).unwrap_err(), real);
        real
    };
    assert_eq!(refused(&[], &[&[]]), EvaluationError::Empty);
    let error = refused(&[&a, &a], &[&[1.0, 2.0], &[1.0]]);
    assert_eq!(
        error.to_string(),
        "output 1 has 1 weights for 2 ciphertexts: give one weight for each"
    );
    let row: &[&[f64]] = &[&[1.0, 1.0]];
    assert_eq!(refused(&[&a, &foreign], row), EvaluationError::Parameters);
    let levels = EvaluationError::Levels { left: 3, right: 1 };
    assert_eq!(refused(&[&a, &lower], row), levels);
    let error = refused(&[&a, &product], row);
    assert!(matches!(error, EvaluationError::Scales { .. }));

    for bad in [f64::NAN, f64::INFINITY, 1e40] {
        let error = e.linear_combinations(&[&a], &[[bad]]).unwrap_err();
        assert!(matches!(error, EvaluationError::Scalar(_)), "{bad}");
    }
    let bottom = e.lower_to(&a, 0).unwrap();
    let error = e.linear_combinations(&[&bottom], &[[1.0]]).unwrap_err();
    assert!(matches!(error, EvaluationError::ScaleTooLarge { .. }));
    let none: [[f64; 1]; 0] = [];
    assert!(e.linear_combinations(&[&a], &none).unwrap().is_empty());
}
