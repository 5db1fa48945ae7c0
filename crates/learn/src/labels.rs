//! Labels, in the clear or encrypted.

mod clear;
mod encrypted;

use std::sync::Arc;

use crate::error::{LearnError, Result, check_equal};
use crate::layout::Layout;
use crate::task::{LabelKind, Task};

pub use self::clear::ClassLabels;
pub use self::encrypted::EncryptedLabels;

/// What the server gets to train with.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// The server sees the labels.
    Clear(ClassLabels),
    /// The server does not. It costs one multiplication of ciphertexts more.
    Encrypted(EncryptedLabels),
}

impl Labels {
    /// The labels of matrices of several contributors, as
    /// [`EncryptedMatrix::stack`](crate::EncryptedMatrix::stack) stacks these: `layouts` are theirs.
    ///
    /// # Errors
    /// [`LearnError`] if labels are not those of the layouts, some are in the clear and others are not,
    /// or they have different numbers of classes, parameters or levels.
    pub fn stack(parts: Vec<Self>, layouts: &[Layout]) -> Result<Self> {
        check_equal("sets of labels", layouts.len(), parts.len())?;
        let layout = Layout::stacked(layouts)?;
        let classes = parts.first().ok_or(LearnError::Empty("labels"))?.classes();
        let (mut clear, mut vectors) = (Vec::new(), Vec::new());
        let mut samples = 0;
        for (part, layout) in parts.into_iter().zip(layouts) {
            check_equal("classes of stacked labels", classes, part.classes())?;
            match part {
                Self::Clear(labels) => {
                    check_equal("labels", layout.rows(), labels.len())?;
                    clear.push(labels.labels);
                }
                Self::Encrypted(labels) => {
                    check_equal("labels", layout.rows(), labels.layout.rows())?;
                    vectors.extend(Arc::unwrap_or_clone(labels.vectors));
                }
            }
            samples += layout.rows();
        }
        match (clear.is_empty(), vectors.is_empty()) {
            (true, false) => Ok(Self::Encrypted(EncryptedLabels::from_vectors(
                layout, classes, vectors,
            )?)),
            (false, true) => {
                let mut labels = Vec::with_capacity(layout.rows());
                for part in clear {
                    labels.resize(labels.len().next_multiple_of(layout.block_rows()), 0);
                    labels.extend(part);
                }
                let unused = labels.len() - samples;
                let mut labels = ClassLabels::of_classes(labels, classes)?;
                labels.unused = unused;
                Ok(Self::Clear(labels))
            }
            _ => Err(LearnError::Malformed {
                what: "the set of labels of several contributors",
                reason: "some are encrypted and others in the clear",
            }),
        }
    }

    /// Which of the two it is.
    pub fn kind(&self) -> LabelKind {
        match self {
            Self::Clear(_) => LabelKind::Clear,
            Self::Encrypted(_) => LabelKind::Encrypted,
        }
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        match self {
            Self::Clear(labels) => labels.classes(),
            Self::Encrypted(labels) => labels.classes(),
        }
    }

    /// What there is to learn from them.
    pub fn task(&self) -> Task {
        Task {
            classes: self.classes(),
            labels: self.kind(),
        }
    }
}
