//! What all estimators have in common.

use tapetum_ckks::Evaluator;

use crate::error::{LearnError, check_equal};
use crate::features::Features;
use crate::labels::{ClassLabels, Labels, Task};
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::operation_counts::OperationCounts;
use crate::plain_model::Simulation;
use crate::progress::Listener;
use crate::requirements::Requirements;
use crate::session::{Session, SessionStart, fit_whole};

/// A training algorithm that runs on encrypted samples.
pub trait Estimator {
    /// Levels and keys that [`fit`](Self::fit) needs.
    fn requirements(&self, layout: &Layout, task: Task) -> Requirements;

    /// What [`fit`](Self::fit) will have to do; nothing where it would refuse.
    fn operation_counts(&self, layout: &Layout, task: Task) -> OperationCounts;

    /// The plaintext reference of [`fit`](Self::fit): the same steps with the same polynomials and
    /// constants, in `f64`.
    ///
    /// # Errors
    /// [`LearnError`] unless there is a label for each sample, and classes that differ. A range that is left is not
    /// an error here; ask [`RangeReport::check`](crate::RangeReport::check).
    fn simulate(
        &self,
        features: &Features<'_>,
        labels: &ClassLabels,
    ) -> Result<Simulation, LearnError>;

    /// Begins to train under encryption.
    ///
    /// # Errors
    /// [`LearnError`] if the estimator does not know such a task or layout, levels do not suffice, or
    /// a key is missing.
    fn begin<'a>(&self, start: SessionStart<'a>) -> Result<Box<dyn Session + 'a>, LearnError>;

    /// Trains under encryption, on all samples at once.
    ///
    /// The model comes out as many levels below the features (or encrypted labels, or keys, if those
    /// serve lower levels only) as [`requirements`](Self::requirements) says: encrypt no higher than
    /// what is to be done with the model needs. Scores take [`LinearModel::LEVEL`].
    ///
    /// # Errors
    /// [`LearnError`], before any work starts, if labels and features do not fit together, levels
    /// do not suffice, or a key is missing.
    fn fit(
        &self,
        evaluator: &Evaluator,
        features: &EncryptedMatrix,
        labels: &Labels,
        progress: &mut Listener<'_>,
    ) -> Result<LinearModel, LearnError> {
        let (layout, task) = (features.layout(), labels.task());
        let session = self.begin(SessionStart::new(evaluator, layout, task, None))?;
        let total = self.operation_counts(layout, task).key_switches;
        fit_whole(session, total, (features, labels), progress)
    }
}

/// Checks all that `fit` takes, and says at which level to start.
pub(crate) fn check_fit(
    needs: &Requirements,
    evaluator: &Evaluator,
    features: &EncryptedMatrix,
    labels: &Labels,
) -> Result<usize, LearnError> {
    let available = check_inputs(evaluator, features, labels)?;
    if let Labels::Clear(labels) = labels {
        labels.check_trainable(features.layout().rows())?;
    }
    needs.start_level("training", available, available, evaluator)
}

/// Checks that a batch is of the blocks and classes that a training is made for, and that its samples
/// and labels fit together, and says at which level both are.
pub(crate) fn check_batch(
    evaluator: &Evaluator,
    layout: &Layout,
    task: Task,
    features: &EncryptedMatrix,
    labels: &Labels,
) -> Result<usize, LearnError> {
    let found = features.layout();
    let (width, found_width) = (layout.block_cols(), found.block_cols());
    check_equal("features of a batch", layout.cols(), found.cols())?;
    check_equal("columns of a block of a batch", width, found_width)?;
    check_equal("classes of a batch", task.classes, labels.classes())?;
    check_inputs(evaluator, features, labels)
}

/// Checks that samples and labels fit together, and says at which level both are.
pub(crate) fn check_inputs(
    evaluator: &Evaluator,
    features: &EncryptedMatrix,
    labels: &Labels,
) -> Result<usize, LearnError> {
    let parameters = evaluator.parameters();
    if features.parameters() != parameters {
        return Err(LearnError::Parameters("the encrypted matrix"));
    }
    match labels {
        Labels::Clear(labels) => {
            check_equal("labels", features.layout().rows(), labels.len())?;
            Ok(features.level())
        }
        Labels::Encrypted(labels) => {
            if labels.parameters() != parameters {
                return Err(LearnError::Parameters("the set of encrypted labels"));
            }
            if labels.layout() != features.layout() {
                return Err(LearnError::Malformed {
                    what: "the set of encrypted labels",
                    reason: "it was made for features in another layout",
                });
            }
            Ok(features.level().min(labels.level()))
        }
    }
}
