//! Step sizes, momentum, and Nesterov's iteration as public arithmetic.

use serde::{Deserialize, Serialize};

use crate::error::{Result, Setting};

/// Largest learning rate.
const MAX_RATE: f64 = 1e3;

/// The learning rates eta of the iterations k = 1, 2, ...; they multiply the mean gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearningRate {
    /// The same in every iteration. The loss is sure to fall below 4 divided by the largest
    /// eigenvalue of X^T X / m; twice that usually does better in few iterations.
    Constant(f64),
    /// This divided by k + 1, as in Kim, Song, Kim, Lee, Cheon, 2018, section 4.
    InverseTime(f64),
    /// These, one for each iteration, without momentum. Steps of very different length, like
    /// those of a Chebyshev iteration, get further in few iterations than equal ones: after a
    /// long step along the flat directions of the loss come short ones along the steep, or the
    /// long one comes last.
    Listed(Vec<f64>),
}

impl LearningRate {
    pub(super) fn check(&self, iterations: usize) -> Result<()> {
        let rates = match self {
            Self::Constant(rate) | Self::InverseTime(rate) => std::slice::from_ref(rate),
            Self::Listed(rates) => rates,
        };
        if let Self::Listed(rates) = self {
            let (count, allowed) = (rates.len(), "that of the iterations");
            Setting::LearningRates.check(count == iterations, count as f64, allowed)?;
        }
        rates.iter().try_for_each(|&rate| {
            let within = rate > 0.0 && rate <= MAX_RATE;
            Setting::LearningRate.check(within, rate, "positive and at most 1000")
        })
    }
}

/// The learning rate eta and the momentum mu of one iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    pub rate: f64,
    pub momentum: f64,
}

/// The steps of this number of iterations. mu_k = (t_k - 1) / t_(k+1) with t_1 = 1 and
/// t_(k+1) = (1 + sqrt(1 + 4 t_k^2)) / 2 (Nesterov, 1983). The last iteration ends in w and not in
/// v, so it has no momentum.
pub(crate) fn steps(schedule: &LearningRate, iterations: usize) -> Vec<Step> {
    let mut t: f64 = 1.0;
    (1..=iterations)
        .map(|k| {
            let next = (1.0 + (1.0 + 4.0 * t * t).sqrt()) / 2.0;
            let momentum = match schedule {
                _ if k == iterations => 0.0,
                LearningRate::Listed(_) => 0.0,
                _ => (t - 1.0) / next,
            };
            t = next;
            let rate = match schedule {
                LearningRate::Constant(rate) => *rate,
                LearningRate::InverseTime(rate) => rate / (k + 1) as f64,
                LearningRate::Listed(rates) => rates[k - 1],
            };
            Step { rate, momentum }
        })
        .collect()
}

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

    #[test]
    fn listed_steps_have_no_momentum() {
        let steps = steps(&LearningRate::Listed(vec![3.0, 2.0, 8.0]), 3);
        let rates: Vec<_> = steps.iter().map(|s| s.rate).collect();
        assert_eq!(rates, [3.0, 2.0, 8.0]);
        assert!(steps.iter().all(|s| s.momentum == 0.0));
    }

    #[test]
    fn momentum_grows_from_zero() {
        let steps = steps(&LearningRate::Constant(0.5), 10);
        assert_eq!(steps[0].momentum, 0.0);
        assert!((steps[1].momentum - 0.2817).abs() < 1e-4);
        assert!(steps[..9].windows(2).all(|s| s[0].momentum < s[1].momentum));
        assert_eq!(steps[9].momentum, 0.0);
        assert!(steps.iter().all(|s| s.rate == 0.5));
    }
}
