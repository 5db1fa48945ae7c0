//! The settings of a network and its training.

use serde::{Deserialize, Serialize};

use super::activation::Activation;
use crate::gradient_descent::MiniBatches;

/// Settings as one writes them; [`TwoLayer::new`](crate::TwoLayer::new) checks them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwoLayerConfig {
    /// Hidden units: 32, 64 or 128.
    pub hidden_units: usize,
    /// What becomes of their sums.
    pub activation: Activation,
    /// The number of steps, 1 to [`MAX_ITERATIONS`](crate::MAX_ITERATIONS), each on a mini-batch.
    pub iterations: usize,
    /// The learning rate of the hidden layer: it multiplies the mean gradient.
    pub hidden_rate: f64,
    /// The learning rate of the second layer.
    pub output_rate: f64,
    /// Nesterov's momentum, 0 up to 0.99.
    pub momentum: f64,
    /// The standard deviation of the sum of a hidden unit, for features of variance 1, with which the training begins: the weights
    /// of the hidden layer are drawn with this divided by the root of the number of features, those of the second layer are zero.
    pub initial_scale: f64,
    /// What the weights of the hidden layer are drawn with. They are no secret.
    pub seed: u64,
    /// Samples of a step, and the largest weight.
    pub batches: MiniBatches,
}

impl Default for TwoLayerConfig {
    /// 64 units and 60 steps on mini-batches of 1,024, for whitened features whose largest eigenvalue is 1.
    fn default() -> Self {
        Self {
            hidden_units: 64,
            activation: Activation::Hermite,
            iterations: 60,
            hidden_rate: 2.0,
            output_rate: 0.02,
            momentum: 0.9,
            initial_scale: 1.2,
            seed: 1,
            batches: MiniBatches {
                weight_bound: 2.0,
                ..MiniBatches::default()
            },
        }
    }
}

impl TwoLayerConfig {
    /// The sum of a hidden unit stays within this of zero in a training that does not diverge.
    pub const INTERVAL: f64 = 16.0;
}
