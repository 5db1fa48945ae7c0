//! Learning rates and momentum.

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
    pub(crate) fn check(&self, iterations: usize) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
