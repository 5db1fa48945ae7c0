//! Encrypted matrices, and classifiers that train on them and classify them.
//!
//! Whoever has images makes [`Features`] of them and encrypts an [`EncryptedMatrix`]. A server
//! that holds evaluation keys fits an [`Estimator`] ([`LogisticRegression`], [`LinearMeans`]) to
//! the matrix and to clear or encrypted [`Labels`]. What comes out is an encrypted
//! [`LinearModel`], which turns another encrypted matrix into [`EncryptedScores`]. Only the owner
//! of the secret key can read model or scores: of two classes a sample is positive if its score
//! is, of more it has a score for each and the largest decides.
//!
//! Every estimator has a plaintext twin, [`Estimator::simulate`]: the same steps with the same
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
//! let encoder = Encoder::new(&parameters);
//! let encryptor = Encryptor::with_secret_key(&secret);
//! let matrix = EncryptedMatrix::encrypt(
//!     &features, layout, needs.levels, &encoder, &encryptor, &mut |_| ())?;
//!
//! // The server.
//! let evaluator = Evaluator::with_keys(keys);
//! let model = estimator.fit(
//!     &evaluator, &encoder, &matrix, &Labels::Clear(labels.clone()), &mut |_| ())?;
//! let scores = model.decision_function(&evaluator, &encoder, &matrix, &mut |_| ())?;
//!
//! // The owner.
//! let found = scores.decrypt(&Decryptor::new(&secret), &encoder)?;
//! let twin = estimator.simulate(&features, &labels)?.model.decision_function(&features)?;
//! for (encrypted, clear) in found.iter().zip(&twin) {
//!     assert!((encrypted - clear).abs() < 1e-3);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bundle;
mod descent;
mod error;
mod estimator;
mod features;
mod labels;
mod layout;
mod learner;
mod least_squares;
mod linear_means;
mod linear_model;
mod logistic;
mod matrix;
mod metrics;
mod packing;
mod plain_model;
mod plain_scores;
mod products;
mod progress;
mod recipe;
mod refresh;
mod requirements;
mod scores;
mod softmax;
mod vectors;
mod verdict;
mod work;

pub use bundle::Contribution;
pub use descent::{Descent, MiniBatches, Training};
pub use error::{LearnError, MissingKeys};
pub use estimator::Estimator;
pub use features::{Features, MAX_FEATURE};
pub use labels::{ClassLabels, EncryptedLabels, LabelKind, Labels, MAX_CLASSES, Task};
pub use layout::{Layout, MAX_BLOCKS, MAX_COLS, MAX_ROWS};
pub use learner::Learner;
pub use least_squares::{
    Accumulation, FisherDiscriminant, LeastSquaresConfig, LinearRegression, SufficientStatistics,
};
pub use linear_means::LinearMeans;
pub use linear_model::LinearModel;
pub use logistic::{
    LogisticRegression, LogisticRegressionConfig, MAX_ITERATIONS, Sigmoid, SigmoidDegree,
    StepSchedule,
};
pub use matrix::EncryptedMatrix;
pub use metrics::Metrics;
pub use plain_model::{PlainModel, RangeReport, Simulation, classes_of};
pub use progress::Progress;
pub use recipe::Recipe;
pub use refresh::{Refresh, RefreshLevels};
pub use requirements::{Requirements, smallest_parameters};
pub use scores::EncryptedScores;
pub use softmax::SoftmaxRegression;
pub use verdict::{EncryptedVerdicts, Verdict};
pub use work::Work;
