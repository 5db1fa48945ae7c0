//! Nesterov's iteration as public arithmetic.

use crate::gradient_descent::steps::Step;

/// Nesterov's iterates as linear combinations of what is encrypted: term 0 is the label moment
/// X^T (y - 1/2), term k the curvature X^T p(X v_k) of iteration k + 1. The coefficients are
/// public, so momentum is arithmetic in the clear.
#[derive(Clone, Debug, Default)]
pub(super) struct Iterates {
    v: Vec<f64>,
    w: Vec<f64>,
}

impl Iterates {
    /// Takes a step for `samples` samples. All but the first bring a new term, the curvature at v.
    pub fn advance(&mut self, step: Step, samples: usize) {
        let rate = step.rate / samples as f64;
        let mut w = self.v.clone();
        match w.first_mut() {
            None => w.push(rate),
            Some(moment) => {
                *moment += rate;
                w.push(-rate);
            }
        }
        let old = self.w.iter().copied().chain(std::iter::repeat(0.0));
        let momentum = step.momentum;
        self.v = w
            .iter()
            .zip(old)
            .map(|(w, old)| (1.0 + momentum) * w - momentum * old)
            .collect();
        self.w = w;
    }

    /// The coefficients of v, the oldest term first.
    pub fn v(&self) -> &[f64] {
        &self.v
    }

    /// The coefficient that the curvature of this step will have in the next v.
    pub fn next_coefficient(step: Step, samples: usize) -> f64 {
        -(1.0 + step.momentum) * step.rate / samples as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient_descent::steps::{LearningRate, steps};

    /// On numbers instead of vectors, with a made-up curvature.
    #[test]
    fn combinations_follow_the_iteration() {
        let curvature = |v: f64| 3.0 * v - v * v * v;
        let moment = 2.5;
        let steps = steps(&LearningRate::InverseTime(4.0), 6);
        let (mut v, mut w) = (0.0, 0.0);
        let mut iterates = Iterates::default();
        let mut terms = vec![moment];
        for (k, &step) in steps.iter().enumerate() {
            if k > 0 {
                terms.push(curvature(v));
            }
            let next = v + step.rate / 10.0 * (moment - curvature(v));
            v = next + step.momentum * (next - w);
            w = next;
            iterates.advance(step, 10);
            let found: f64 = iterates.v().iter().zip(&terms).map(|(c, t)| c * t).sum();
            assert!((found - v).abs() < 1e-12);
            if k > 0 {
                let newest = *iterates.v().last().unwrap();
                assert!((newest - Iterates::next_coefficient(step, 10)).abs() < 1e-15);
            }
        }
        // No momentum at the end.
        assert_eq!(v, w);
    }
}
