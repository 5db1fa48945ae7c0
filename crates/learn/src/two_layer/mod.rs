//! A network with one hidden layer, trained under encryption.
//!
//! d features, H hidden units with an [activation](Activation) of degree 2, and a score for each class, by stochastic gradient
//! descent on the squares of scores less labels, with Nesterov's momentum. All of it is sums and products, so the reference in the
//! clear has the same arithmetic, and nothing is approximated. Weights and momentum are the real and the imaginary part of *one*
//! ciphertext, which is bootstrapped before every step:
//!
//! | step | levels |
//! |---|---|
//! | the diagonals of both layers from the packed vector | 2 |
//! | hidden layer, square, second layer | 3 |
//! | residuals back through the second layer; times the derivative; times the samples | 3 |
//! | gradients summed over the samples and packed | 2 |
//!
//! `docs/learning.md` derives the packing. Training on encrypted images with a hidden layer without the owner in the loop:
//! compare ReBoot (2025, 2506.19693).

mod activation;
mod config;
mod estimator;
mod model;
mod plain;
mod reference;
mod shape;
mod step;
mod training;
mod weights;

pub use self::activation::Activation;
pub use self::config::TwoLayerConfig;
pub use self::estimator::TwoLayer;
pub use self::model::TwoLayerModel;
pub use self::plain::PlainTwoLayer;
pub(crate) use self::shape::TwoLayerShape;
