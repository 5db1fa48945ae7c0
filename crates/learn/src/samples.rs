//! What a training reads: encrypted samples with their labels.

use tapetum_ckks::Evaluator;

use crate::error::{LearnError, Result, check_equal};
use crate::labels::Labels;
use crate::layout::{Layout, SlotOrder};
use crate::matrix::EncryptedMatrix;
use crate::requirements::Requirements;
use crate::task::{LabelKind, Task};

/// Encrypted samples with their labels.
pub type Batch = (EncryptedMatrix, Labels);

/// All that [`Estimator::fit`](crate::Estimator::fit) reads: samples with their labels, and what computes
/// on them.
#[derive(Clone, Copy)]
pub struct Samples<'a> {
    /// With the keys that the estimator [requires](crate::Estimator::requirements).
    pub evaluator: &'a Evaluator,
    /// A row a sample.
    pub features: &'a EncryptedMatrix,
    /// As many labels as there are samples, encrypted for the same layout or in the clear.
    pub labels: &'a Labels,
}

impl<'a> Samples<'a> {
    /// Samples that this evaluator computes on.
    pub fn new(
        evaluator: &'a Evaluator,
        features: &'a EncryptedMatrix,
        labels: &'a Labels,
    ) -> Self {
        Self {
            evaluator,
            features,
            labels,
        }
    }

    /// How the features lie in the slots.
    pub fn layout(&self) -> &'a Layout {
        self.features.layout()
    }

    /// What there is to learn.
    pub fn task(&self) -> Task {
        self.labels.task()
    }

    /// Checks all that `fit` takes, and says at which level to start.
    pub(crate) fn start_level(&self, needs: &Requirements) -> Result<usize> {
        let available = self.level()?;
        (self.layout()).check_order("an encrypted matrix", SlotOrder::Rows)?;
        if let Labels::Clear(labels) = self.labels {
            labels.check_trainable(self.layout().rows())?;
        }
        needs.start_level("training", available, available, self.evaluator)
    }

    /// Checks that they are of the blocks and classes that a training is made for, and fit together, and
    /// says at which level both are.
    pub(crate) fn level_of_batch(&self, layout: &Layout, task: Task) -> Result<usize> {
        let found = self.layout();
        let (width, found_width) = (layout.block_cols(), found.block_cols());
        check_equal("features of a batch", layout.cols(), found.cols())?;
        check_equal("columns of a block of a batch", width, found_width)?;
        found.check_order("a batch", layout.order())?;
        check_equal("classes of a batch", task.classes, self.labels.classes())?;
        self.level()
    }

    /// The same, and that it suffices for a training that was begun for this task.
    pub(crate) fn check_batch(&self, layout: &Layout, task: Task, needed: usize) -> Result<()> {
        let encrypted = self.labels.kind() == LabelKind::Encrypted;
        if encrypted && task.labels != LabelKind::Encrypted {
            return Err(LearnError::Malformed {
                what: "the set of labels",
                reason: "it is encrypted, but the training was begun for clear labels",
            });
        }
        let available = self.level_of_batch(layout, task)?;
        match available < needed {
            true => Err(LearnError::LevelExhausted {
                what: "training on a batch",
                needed,
                available,
            }),
            false => Ok(()),
        }
    }

    /// Checks that samples and labels fit together, and says at which level both are.
    pub(crate) fn level(&self) -> Result<usize> {
        let (parameters, features) = (self.evaluator.parameters(), self.features);
        if features.parameters() != parameters {
            return Err(LearnError::Parameters("the encrypted matrix"));
        }
        match self.labels {
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
}
