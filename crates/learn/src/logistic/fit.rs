//! Training under encryption on all samples at once: the moment of the labels in the first pass, then a pass for each
//! curvature.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::iterates::Iterates;
use crate::error::{LearnError, Result};
use crate::gradient_descent::row_gradient::{ROWS_AT_ONCE, gradient_forms};
use crate::gradient_descent::sigmoid::Sigmoid;
use crate::gradient_descent::steps::Step;
use crate::layout::{Layout, SlotOrder};
use crate::linear_model::LinearModel;
use crate::passes::{Form, InPasses, PassStart, Summands, Totals};
use crate::products::Products;
use crate::progress::Count;
use crate::requirements::Requirements;
use crate::samples::Samples;
use crate::session::SessionStart;
use crate::task::Task;
use crate::vectors::Vectors;

/// What is computed with samples.
pub(super) struct WholeGradient {
    sigmoid: Sigmoid,
    steps: Vec<Step>,
    evaluator: Evaluator,
    layout: Layout,
    task: Task,
}

impl WholeGradient {
    pub fn new(sigmoid: Sigmoid, steps: Vec<Step>, start: SessionStart<'_>) -> Result<Self> {
        (start.layout).check_order("an encrypted matrix", SlotOrder::Rows)?;
        Ok(Self {
            sigmoid,
            steps,
            evaluator: start.evaluator,
            layout: start.layout,
            task: start.task,
        })
    }

    fn step(&self, pass: usize) -> Result<Step> {
        let step = self.steps.get(pass).copied();
        step.ok_or(LearnError::Empty("iterations left"))
    }

    /// What the weights of a pass are still to be multiplied by: the moment of the labels has a factor left while it is
    /// alone.
    fn factor(&self, pass: usize, samples: usize) -> Result<f64> {
        if pass != 1 {
            return Ok(1.0);
        }
        let mut iterates = Iterates::default();
        iterates.advance(self.step(0)?, samples);
        Ok(iterates.v()[0] / MOMENT_UNIT)
    }
}

/// The moment comes out doubled.
const MOMENT_UNIT: f64 = 2.0;

impl Summands for WholeGradient {
    fn setting(&self) -> (&Evaluator, &Layout, Task) {
        (&self.evaluator, &self.layout, self.task)
    }

    fn unit(&self) -> usize {
        ROWS_AT_ONCE
    }

    fn weights(&self, pass: usize) -> usize {
        match pass {
            0 => 0,
            _ => self.layout.grid_cols(),
        }
    }

    fn forms(&self, start: &PassStart) -> Result<Vec<Form>> {
        gradient_forms(start, self.layout.grid_cols(), self.sigmoid.levels())
    }

    /// For each column of blocks the products with labels, or with q(X v), where q is the polynomial.
    fn sums(
        &self,
        start: &PassStart,
        samples: &Samples<'_>,
        counter: &dyn Count,
    ) -> Result<Vec<Ciphertext>> {
        let products = Products::new(&self.evaluator, samples.features, counter);
        let v = start.weights();
        if v.is_empty() {
            return products.label_products(samples.labels, start.level());
        }
        let (pass, samples) = (start.pass(), start.samples());
        let unit = Iterates::next_coefficient(self.step(pass)?, samples);
        let polynomial = self.sigmoid.monic(unit / 2.0);
        let factor = self.factor(pass, samples)?;
        let scaled = products.twice_times(v, factor * polynomial.scale / 2.0)?;
        let values = scaled
            .par_iter()
            .map(|t| polynomial.evaluate(&products, t))
            .collect::<Result<Vec<_>>>()?;
        products.transposed_products(&values)
    }
}

/// A training that is going on.
pub(super) struct WholeTraining {
    gradient: WholeGradient,
    level: usize,
    terms: Vec<Term>,
    iterates: Iterates,
}

impl WholeTraining {
    pub fn begin(gradient: WholeGradient, needs: &Requirements, totals: &Totals) -> Result<Self> {
        totals.check_trainable()?;
        let level =
            needs.start_level("training", totals.level, totals.level, &gradient.evaluator)?;
        Ok(Self {
            gradient,
            level,
            terms: Vec::new(),
            iterates: Iterates::default(),
        })
    }
}

impl InPasses for WholeTraining {
    fn summands(&self) -> &dyn Summands {
        &self.gradient
    }

    fn total(&self) -> usize {
        self.gradient.steps.len()
    }

    fn start(&mut self, pass: usize, totals: &Totals, _: &dyn Count) -> Result<PassStart> {
        totals.check_level(self.level)?;
        if self.terms.is_empty() {
            return PassStart::of(pass, self.level, totals, Vec::new());
        }
        let v = combine(&self.gradient.evaluator, &self.terms, self.iterates.v())?;
        PassStart::of(pass, v.weights[0].level(), totals, v.weights)
    }

    fn advance(
        &mut self,
        start: PassStart,
        sums: Vec<Ciphertext>,
        counter: &dyn Count,
    ) -> Result<()> {
        let WholeGradient {
            evaluator, layout, ..
        } = &self.gradient;
        let vectors = Vectors {
            evaluator,
            layout,
            counter,
        };
        let step = self.gradient.step(start.pass())?;
        let unit = match self.terms.is_empty() {
            true => MOMENT_UNIT,
            false => Iterates::next_coefficient(step, start.samples()),
        };
        self.terms.push(Term {
            weights: vectors.twice_over_samples(&sums)?,
            unit,
        });
        self.iterates.advance(step, start.samples());
        Ok(())
    }

    fn finish(self: Box<Self>, _: &dyn Count) -> Result<LinearModel> {
        let WholeGradient {
            evaluator, layout, ..
        } = &self.gradient;
        let w = combine(evaluator, &self.terms, self.iterates.v())?;
        LinearModel::from_ciphertexts(
            layout.cols(),
            layout.block_cols(),
            2,
            w.into_weights(evaluator)?,
            None,
        )
    }
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
