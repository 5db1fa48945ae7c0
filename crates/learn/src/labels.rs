//! Labels, in the clear or encrypted.

mod clear;
mod encrypted;

use std::sync::Arc;

use crate::error::{LearnError, check_equal};
use crate::layout::Layout;

pub use self::clear::ClassLabels;
pub use self::encrypted::EncryptedLabels;

/// Most classes of a set of labels.
pub const MAX_CLASSES: usize = 256;

/// How many scores a model of so many classes has: one for two classes, whose sign decides, and
/// one a class for more, of which the largest decides.
pub(crate) fn outputs(classes: usize) -> usize {
    match classes {
        2 => 1,
        many => many,
    }
}

pub(crate) fn check_classes(classes: usize) -> Result<(), LearnError> {
    match (2..=MAX_CLASSES).contains(&classes) {
        true => Ok(()),
        false => Err(LearnError::Layout {
            what: "the number of classes",
            found: classes,
            allowed: "2 to 256",
        }),
    }
}

/// For estimators that know two classes only.
pub(crate) fn two_classes(what: &'static str, classes: usize) -> Result<(), LearnError> {
    match classes {
        2 => Ok(()),
        found => Err(LearnError::Classes { what, found }),
    }
}

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
    pub fn stack(parts: Vec<Self>, layouts: &[Layout]) -> Result<Self, LearnError> {
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

/// Whether the server sees the labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LabelKind {
    /// It sees them.
    Clear,
    /// It gets them encrypted.
    Encrypted,
}

/// What is to be learned, as far as it decides which levels and keys that takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    /// The number of classes, at least two.
    pub classes: usize,
    /// Whether the server sees the labels.
    pub labels: LabelKind,
}

impl Task {
    /// One class against the rest.
    pub fn two_classes(labels: LabelKind) -> Self {
        Self { classes: 2, labels }
    }
}
