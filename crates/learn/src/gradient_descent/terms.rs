//! Nesterov's iterates as public combinations of encrypted terms.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::steps::Step;
use crate::error::{LearnError, Result};

/// Weights and look-ahead point, v and w, as linear combinations of weight vectors that are
/// encrypted, with coefficients that are public. So momentum is arithmetic in the clear, and a
/// vector that is high up is multiplied on its way down.
///
/// The newest term always enters v with coefficient 1: there is nothing to multiply where it would
/// cost a level.
#[derive(Clone, Debug, Default)]
pub(super) struct Iterates {
    terms: Vec<Vec<Ciphertext>>,
    v: Vec<f64>,
    w: Vec<f64>,
}

impl Iterates {
    /// From v and w themselves.
    pub fn of(v: Vec<Ciphertext>, w: Vec<Ciphertext>) -> Self {
        Self {
            terms: vec![v, w],
            v: vec![1.0, 0.0],
            w: vec![0.0, 1.0],
        }
    }

    /// From zero.
    pub fn zero() -> Self {
        Self::default()
    }

    /// Takes a step along a gradient that has been multiplied by
    /// [`newest_coefficient`](Self::newest_coefficient) already.
    pub fn advance(&mut self, step: Step, gradient: Vec<Ciphertext>) {
        let momentum = step.momentum;
        let mut w = self.v.clone();
        w.push(1.0 / (1.0 + momentum));
        self.v = w
            .iter()
            .zip(self.w.iter().chain([&0.0]))
            .map(|(w, old)| (1.0 + momentum) * w - momentum * old)
            .collect();
        // Not by rounding alone.
        *self.v.last_mut().expect("a term was pushed") = 1.0;
        self.w = w;
        self.terms.push(gradient);
    }

    /// Adds a term as a checkpoint has it; [`set_coefficients`](Self::set_coefficients) follows.
    pub fn push(&mut self, gradient: Vec<Ciphertext>) {
        self.terms.push(gradient);
        self.v.push(1.0);
        self.w.push(1.0);
    }

    /// The coefficients of a checkpoint, as many as there are terms.
    pub fn set_coefficients(&mut self, v: Vec<f64>, w: Vec<f64>) {
        self.v = v;
        self.w = w;
    }

    /// What the sum over the samples of a batch is to be multiplied by.
    pub fn newest_coefficient(step: Step, samples: usize) -> f64 {
        (1.0 + step.momentum) * step.rate / samples as f64
    }

    /// Whether nothing has been learned yet.
    pub fn is_zero(&self) -> bool {
        self.terms.is_empty()
    }

    /// The terms, each with its coefficients in v and w.
    pub fn terms(&self) -> impl Iterator<Item = (&[Ciphertext], f64, f64)> {
        let coefficients = self.v.iter().zip(&self.w);
        let terms = self.terms.iter().map(Vec::as_slice);
        terms.zip(coefficients).map(|(term, (&v, &w))| (term, v, w))
    }

    /// The level of the terms that count, which is that of v.
    pub fn level(&self) -> Option<usize> {
        let counts = |(term, v, _): (&[Ciphertext], f64, f64)| (v != 0.0).then(|| term[0].level());
        self.terms().filter_map(counts).min()
    }

    /// v, at its own level.
    pub fn v(&self, evaluator: &Evaluator) -> Result<Vec<Ciphertext>> {
        let level = self
            .level()
            .ok_or(LearnError::Empty("terms of an iterate"))?;
        combine(evaluator, self.terms().map(|(term, v, _)| (term, v)), level)
    }

    /// w at a level that is below that of v, or the same if its newest term enters as it is.
    pub fn w(&self, evaluator: &Evaluator, level: usize) -> Result<Vec<Ciphertext>> {
        combine(evaluator, self.terms().map(|(term, _, w)| (term, w)), level)
    }

    /// Whether w needs no factor at the level of v.
    pub fn w_is_v(&self) -> bool {
        self.v == self.w
    }
}

/// The sum of terms times coefficients. A term at `level` must have coefficient 1.
fn combine<'t>(
    evaluator: &Evaluator,
    terms: impl Iterator<Item = (&'t [Ciphertext], f64)>,
    level: usize,
) -> Result<Vec<Ciphertext>> {
    let terms: Vec<_> = terms.filter(|&(_, factor)| factor != 0.0).collect();
    let &(first, _) = terms
        .first()
        .ok_or(LearnError::Empty("terms of an iterate"))?;
    (0..first.len())
        .into_par_iter()
        .map(|j| {
            let scaled = |&(term, factor): &(&[Ciphertext], f64)| match factor {
                1.0 => evaluator.lower_to(&term[j], level),
                _ => evaluator.lower_scaled(&term[j], level, factor),
            };
            let mut sum = scaled(&terms[0])?;
            for term in &terms[1..] {
                evaluator.add_assign(&mut sum, &scaled(term)?)?;
            }
            Ok(sum)
        })
        .collect()
}
