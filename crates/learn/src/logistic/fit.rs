//! Training under encryption.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::iterates::Iterates;
use crate::error::{LearnError, Result};
use crate::gradient_descent::sigmoid::{MonicOdd, Sigmoid};
use crate::gradient_descent::steps::Step;
use crate::labels::Labels;
use crate::linear_model::LinearModel;
use crate::products::Products;

pub(super) fn fit(
    sigmoid: &Sigmoid,
    steps: &[Step],
    products: &Products<'_>,
    labels: &Labels,
    start: usize,
) -> Result<LinearModel> {
    let (evaluator, layout) = (products.evaluator, products.layout);
    let samples = products.matrix.samples();
    let mut terms = vec![Term {
        weights: products.twice_label_moment(labels, start)?,
        unit: 2.0,
    }];
    let mut iterates = Iterates::default();
    iterates.advance(steps[0], samples);
    for &step in &steps[1..] {
        let v = combine(evaluator, &terms, iterates.v())?;
        let unit = Iterates::next_coefficient(step, samples);
        let polynomial = sigmoid.monic(unit / 2.0);
        terms.push(Term {
            weights: twice_curvature(products, &v, &polynomial)?,
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
    fn into_weights(self, evaluator: &Evaluator) -> Result<Vec<Ciphertext>> {
        if self.factor == 1.0 {
            return Ok(self.weights);
        }
        let scaled = |c: &Ciphertext| evaluator.lower_scaled(c, c.level() - 1, self.factor);
        Ok(self.weights.iter().map(scaled).collect::<Result<_, _>>()?)
    }
}

/// The linear combination of terms with these coefficients, at the level of the newest term. The
/// others are higher up, so their factors cost nothing; that of the newest is left to the user.
fn combine(evaluator: &Evaluator, terms: &[Term], coefficients: &[f64]) -> Result<Scaled> {
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
        .collect::<Result<_>>()?;
    Ok(Scaled { weights, factor })
}

/// 2 X^T q(X v), where q is `polynomial`.
fn twice_curvature(
    products: &Products<'_>,
    v: &Scaled,
    polynomial: &MonicOdd,
) -> Result<Vec<Ciphertext>> {
    let scaled = products.twice_times(&v.weights, v.factor * polynomial.scale / 2.0)?;
    let values = scaled
        .par_iter()
        .map(|t| polynomial.evaluate(products, t))
        .collect::<Result<Vec<_>>>()?;
    products.twice_transposed_times(&values)
}
