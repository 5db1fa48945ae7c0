//! Training under encryption.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::LogisticRegression;
use super::nesterov::{Iterates, steps};
use super::sigmoid::MonicOdd;
use crate::error::LearnError;
use crate::estimator::{Estimator, check_fit};
use crate::labels::{Labels, two_classes};
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::products::Products;
use crate::progress::{Counter, Listener};

pub(super) fn fit(
    estimator: &LogisticRegression,
    evaluator: &Evaluator,
    matrix: &EncryptedMatrix,
    labels: &Labels,
    progress: &mut Listener<'_>,
) -> Result<LinearModel, LearnError> {
    two_classes(super::NAME, labels.classes())?;
    let needs = estimator.requirements(matrix.layout(), labels.task());
    let start = check_fit(&needs, evaluator, matrix, labels)?;
    let layout = matrix.layout();
    let samples = matrix.samples();
    estimator.check_whole(layout)?;
    let steps = steps(
        &estimator.config().learning_rate,
        estimator.config().iterations,
    );

    let work = estimator.operation_counts(layout, labels.task());
    let counter = Counter::new(work.key_switches, progress);
    let products = Products::new(evaluator, matrix, &counter);

    let mut terms = vec![Term {
        weights: products.twice_label_moment(labels, start)?,
        unit: 2.0,
    }];
    let mut iterates = Iterates::default();
    iterates.advance(steps[0], samples);
    for &step in &steps[1..] {
        let v = combine(evaluator, &terms, iterates.v())?;
        let unit = Iterates::next_coefficient(step, samples);
        let polynomial = estimator.sigmoid().monic(unit / 2.0);
        terms.push(Term {
            weights: twice_curvature(&products, &v, &polynomial)?,
            unit,
        });
        iterates.advance(step, samples);
    }
    let w = combine(evaluator, &terms, iterates.v())?;
    LinearModel::from_ciphertexts(
        layout.cols(),
        layout.block_cols(),
        2,
        w.into_weights(evaluator)?,
        None,
    )
}

/// A vector that iterates are combined from, as `unit` times its true value.
struct Term {
    weights: Vec<Ciphertext>,
    unit: f64,
}

/// A weight vector that still has to be multiplied by a public factor.
struct Scaled {
    weights: Vec<Ciphertext>,
    factor: f64,
}

impl Scaled {
    /// Multiplies, one level lower, if there is something to multiply by.
    fn into_weights(self, evaluator: &Evaluator) -> Result<Vec<Ciphertext>, LearnError> {
        if self.factor == 1.0 {
            return Ok(self.weights);
        }
        let scaled = |c: &Ciphertext| evaluator.lower_scaled(c, c.level() - 1, self.factor);
        Ok(self.weights.iter().map(scaled).collect::<Result<_, _>>()?)
    }
}

/// The linear combination of terms with these coefficients, at the level of the newest term. The
/// others are higher up, so their factors cost nothing; that of the newest is left to the user.
fn combine(
    evaluator: &Evaluator,
    terms: &[Term],
    coefficients: &[f64],
) -> Result<Scaled, LearnError> {
    let newest = terms
        .last()
        .ok_or(LearnError::Empty("terms of an iterate"))?;
    let factors = coefficients
        .iter()
        .zip(terms)
        .map(|(c, term)| c / term.unit);
    let mut factors: Vec<_> = factors.collect();
    // The curvature was computed in the unit in which it enters here: its factor is 1 but for
    // rounding, and only that of a lone label moment is another.
    let factor = match factors.pop() {
        Some(factor) if terms.len() == 1 => factor,
        _ => 1.0,
    };
    let weights = newest
        .weights
        .par_iter()
        .enumerate()
        .map(|(j, newest)| {
            let mut sum = newest.clone();
            for (term, &factor) in terms.iter().zip(&factors) {
                let lowered = evaluator.lower_scaled(&term.weights[j], sum.level(), factor)?;
                evaluator.add_assign(&mut sum, &lowered)?;
            }
            Ok(sum)
        })
        .collect::<Result<_, LearnError>>()?;
    Ok(Scaled { weights, factor })
}

/// 2 X^T q(X v), where q is `polynomial`.
fn twice_curvature(
    products: &Products<'_>,
    v: &Scaled,
    polynomial: &MonicOdd,
) -> Result<Vec<Ciphertext>, LearnError> {
    let scaled = products.twice_times(&v.weights, v.factor * polynomial.scale / 2.0)?;
    let values = scaled
        .par_iter()
        .map(|t| {
            let value = evaluate(products, t, &polynomial.lower)?;
            let relinearizations = polynomial.lower.len() + 1;
            products
                .counter
                .add(relinearizations, "evaluating the sigmoid");
            Ok(value)
        })
        .collect::<Result<Vec<_>, LearnError>>()?;
    products.twice_transposed_times(&values)
}

/// t (b1 + t^2 (b3 + ... + t^2)): one level for each constant and one more.
pub(crate) fn evaluate(
    products: &Products<'_>,
    t: &Ciphertext,
    lower: &[f64],
) -> Result<Ciphertext, LearnError> {
    let evaluator = products.evaluator;
    let times = |a: &Ciphertext, b: &Ciphertext| {
        let b = evaluator.lower_to(b, a.level())?;
        products.relinearized(&evaluator.mul(a, &b)?)
    };
    let square = times(t, t)?;
    let (&first, others) = lower
        .split_first()
        .ok_or(LearnError::Empty("coefficients"))?;
    let mut inner = square.clone();
    for &b in others.iter().rev() {
        inner = times(&evaluator.add_scalar(&inner, b)?, &square)?;
    }
    times(&evaluator.add_scalar(&inner, first)?, t)
}
