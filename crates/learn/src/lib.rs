//! Encrypted matrices, and classifiers that train on them and classify them.
//!
//! A contributor makes [`Features`] of images and encrypts an [`EncryptedMatrix`]. A server
//! that holds evaluation keys fits an [`Estimator`] ([`LogisticRegression`], [`LinearMeans`]) to
//! the matrix and to clear or encrypted [`Labels`]. What comes out is an encrypted
//! [`LinearModel`], which turns another encrypted matrix into [`EncryptedScores`]. Only the owner
//! of the secret key can read model or scores: of two classes a sample is positive if its score
//! is, of more it has a score for each and the largest decides.
//!
//! Every estimator has a plaintext reference, [`Estimator::simulate`]: the same steps with the same
//! polynomials in `f64`. What the encrypted run gives beyond that is CKKS noise.
//!
//! * [`Layout`]: how a matrix lies in the slots of ciphertexts, the one packing idea.
//! * [`Requirements`]: levels and keys that a computation needs, known before it starts.
//!
//! ```
//! use tapetum_ckks::*;
//! use tapetum_learn::*;
//!
//! // Four samples of two features, two of each class.
//! let values = [2.0, 1.0, 1.5, -0.5, -2.0, 0.5, -1.0, -1.0];
//! let features = Features::new(&values, 2)?;
//! let labels = ClassLabels::new(vec![true, true, false, false])?;
//!
//! let parameters = Parameters::preset(Preset::N13);
//! let layout = Layout::for_training(4, 2, parameters.slots())?;
//! let estimator = LinearMeans;
//! let needs = estimator
//!     .requirements(&layout, Task::two_classes(LabelKind::Clear))
//!     .then(LinearModel::requirements(&layout, layout.block_cols(), 2)?);
//!
//! // The owner.
//! let secret = SecretKey::generate(&parameters)?;
//! let keys = KeyGenerator::new(&secret)?.evaluation_keys(&needs.key_plan(&parameters))?;
//! let encryptor = Encryptor::with_secret_key(&secret);
//! let matrix = EncryptedMatrix::encrypt(
//!     &features, layout, needs.levels, &encryptor, &mut |_| ())?;
//!
//! // The server.
//! let evaluator = Evaluator::with_keys(keys);
//! let clear = Labels::Clear(labels.clone());
//! let model = estimator.fit(&Samples::new(&evaluator, &matrix, &clear), &mut |_| ())?;
//! let scores = model.decision_function(&evaluator, &matrix, &mut |_| ())?;
//!
//! // The owner.
//! let found = scores.decrypt(&Decryptor::new(&secret))?;
//! let reference = estimator.simulate(&features, &labels)?.model.decision_function(&features)?;
//! for (encrypted, clear) in found.iter().zip(&reference) {
//!     assert!((encrypted - clear).abs() < 1e-3);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bootstrap;
mod bundle;
mod computation;
mod error;
mod estimator;
mod estimator_config;
mod features;
pub mod files;
mod front;
mod gradient_descent;
mod labels;
mod layout;
mod least_squares;
mod linear_means;
mod linear_model;
mod logistic;
mod matrix;
mod memory;
mod metrics;
mod mini_batch;
mod model;
mod one_vs_rest;
mod operation_counts;
mod origin;
mod packing;
mod passes;
mod plain_model;
mod plain_scores;
mod pooled_sums;
mod products;
mod progress;
mod published_scores;
mod publishing;
mod requirements;
mod rounding;
mod samples;
mod score_threshold;
mod scores;
mod session;
mod simulation;
mod slot_diagonals;
mod softmax_regression;
mod task;
mod training;
mod training_spec;
mod two_layer;
mod vectors;

pub use bootstrap::{Bootstrap, BootstrapLevels, SharedBootstrap};
pub use bundle::Contribution;
pub use computation::{Computation, PlainModelSpec};
pub use error::{LearnError, MAX_FEATURE, MissingKeys, Result, Setting};
pub use estimator::Estimator;
pub use estimator_config::EstimatorConfig;
pub use features::Features;
pub use gradient_descent::sigmoid::{Sigmoid, SigmoidDegree};
pub use gradient_descent::steps::LearningRate;
pub use gradient_descent::{GradientDescent, MiniBatches, Training};
pub use labels::{ClassLabels, EncryptedLabels, Labels};
pub use layout::{Layout, MAX_BLOCKS, MAX_COLS, MAX_ROWS, SlotOrder};
pub use least_squares::{
    FisherDiscriminant, LeastSquaresConfig, Ridge, SufficientStatistics, label_kind_of_sums,
};
pub use linear_means::LinearMeans;
pub use linear_model::LinearModel;
pub use logistic::{LogisticRegression, LogisticRegressionConfig};
pub use matrix::EncryptedMatrix;
pub use memory::{ciphertext_bytes, classification_bytes};
pub use metrics::Metrics;
pub use mini_batch::MAX_ITERATIONS;
pub use model::{EncryptedModel, Model, PlainModelFile};
pub use one_vs_rest::OneVsRestLogistic;
pub use operation_counts::OperationCounts;
pub use origin::Origin;
pub use passes::{PartialSums, PassStart, PassWorker, Passes, Totals, shares};
pub use plain_model::{PlainModel, classes_of};
pub use pooled_sums::PooledSums;
pub use progress::Progress;
pub use published_scores::PublishedScores;
pub use publishing::Publishing;
pub use requirements::{Requirements, smallest_parameters};
pub use rounding::{score_error, score_rounding};
pub use samples::{Batch, Samples};
pub use score_threshold::{Cleaning, EncryptedPredictions, ScoreThreshold};
pub use scores::EncryptedScores;
pub use session::{
    Additive, BatchSource, Observer, Phase, Session, SessionStart, Trained, TrainingOptions, train,
};
pub use simulation::{PlainClassifier, RangeOf, RangeReport, Simulation};
pub use softmax_regression::{SoftmaxRegression, SoftmaxRegressionConfig};
pub use tapetum_ckks::{Id, IdError};
pub use task::{LabelKind, MAX_CLASSES, Task};
pub use training_spec::TrainingSpec;
pub use two_layer::{Activation, PlainTwoLayer, TwoLayer, TwoLayerConfig, TwoLayerModel};
