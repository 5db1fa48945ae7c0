//! What there is to learn from labels, whatever form they have.

use crate::error::{LearnError, Result};

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

pub(crate) fn check_classes(classes: usize) -> Result<()> {
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
pub(crate) fn two_classes(what: &'static str, classes: usize) -> Result<()> {
    match classes {
        2 => Ok(()),
        found => Err(LearnError::Classes { what, found }),
    }
}

/// For estimators that know more than two classes only.
pub(crate) fn at_least_three(what: &'static str, classes: usize) -> Result<()> {
    match classes {
        3.. => Ok(()),
        found => Err(LearnError::FewClasses { what, found }),
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
