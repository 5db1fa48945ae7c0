//! Labels in the clear.

use crate::error::{LearnError, Result, check_equal};
use crate::task::{check_classes, outputs, two_classes};

/// The classes of samples: two, of which class 1 is the positive one, or many.
///
/// ```
/// use tapetum_learn::ClassLabels;
///
/// let two = ClassLabels::new(vec![true, false, true])?;
/// assert_eq!((two.classes(), two.as_slice()), (2, [1, 0, 1].as_slice()));
/// let many = ClassLabels::of_classes(vec![2, 0, 1, 2], 3)?;
/// assert_eq!((many.classes(), many.count(2)), (3, 2));
/// assert!(ClassLabels::of_classes(vec![3], 3).is_err());
/// # Ok::<(), tapetum_learn::LearnError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassLabels {
    classes: usize,
    pub(super) labels: Vec<u8>,
    /// How many of class 0 are of rows without a sample, in stacked labels. What is said of a row of
    /// zeros does not matter to any product with it.
    pub(super) unused: usize,
}

impl ClassLabels {
    /// Labels of two classes; `true` is the positive one.
    ///
    /// # Errors
    /// [`LearnError::Empty`] without labels.
    pub fn new(labels: Vec<bool>) -> Result<Self> {
        Self::of_classes(labels.into_iter().map(u8::from).collect(), 2)
    }

    /// Labels from 0 to `classes` - 1. Not every class must occur, because whoever contributes
    /// samples may have some of them only.
    ///
    /// # Errors
    /// [`LearnError`] without labels, for fewer than two or more than [`MAX_CLASSES`](crate::MAX_CLASSES) classes, or
    /// if there is no such class.
    pub fn of_classes(labels: Vec<u8>, classes: usize) -> Result<Self> {
        let &largest = labels.iter().max().ok_or(LearnError::Empty("labels"))?;
        check_classes(classes)?;
        if usize::from(largest) >= classes {
            return Err(LearnError::Layout {
                what: "a label",
                found: largest.into(),
                allowed: "less than the number of classes",
            });
        }
        Ok(Self {
            classes,
            labels,
            unused: 0,
        })
    }

    /// The labels of the samples `rows`.
    ///
    /// # Errors
    /// [`LearnError::Empty`] if there is no such sample.
    pub fn part(&self, rows: std::ops::Range<usize>) -> Result<Self> {
        let labels = self.labels.get(rows).unwrap_or_default();
        Self::of_classes(labels.to_vec(), self.classes)
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The classes in the order of the samples.
    pub fn as_slice(&self) -> &[u8] {
        &self.labels
    }

    /// The number of samples.
    #[allow(clippy::len_without_is_empty)] // There is always one at least.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The number of samples, without rows that hold none.
    pub(crate) fn samples(&self) -> usize {
        self.len() - self.unused
    }

    /// The number of samples of a class.
    pub fn count(&self, class: usize) -> usize {
        let is = |&&label: &&u8| usize::from(label) == class;
        let unused = if class == 0 { self.unused } else { 0 };
        self.labels.iter().filter(is).count() - unused
    }

    /// One number a sample for each output of a model. Of two classes there is one, y - 1/2: 1/2
    /// for the positive class and -1/2 for the negative one. Of many there is one a class: 1 for
    /// its samples, 0 for others. Estimators are written in these, because rows without a sample
    /// are then zero as everywhere.
    pub(crate) fn targets(&self) -> Vec<Vec<f64>> {
        let column = |target: &dyn Fn(usize) -> f64| {
            let labels = self.labels.iter();
            labels.map(|&label| target(label.into())).collect()
        };
        match outputs(self.classes) {
            1 => vec![column(&|label| label as f64 - 0.5)],
            many => (0..many)
                .map(|class| column(&|label| f64::from(u8::from(label == class))))
                .collect(),
        }
    }

    /// The target of two classes.
    pub(crate) fn centred(&self, what: &'static str) -> Result<Vec<f64>> {
        two_classes(what, self.classes)?;
        Ok(self.targets().remove(0))
    }

    /// Whether there is something to learn.
    pub(crate) fn check_trainable(&self, samples: usize) -> Result<()> {
        check_equal("labels", samples, self.len())?;
        // The first label is that of a sample.
        let first = self.labels[0].into();
        match self.count(first) < self.samples() {
            true => Ok(()),
            false => Err(LearnError::OneClass(first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_learned_from_is_refused() {
        assert!(matches!(
            ClassLabels::new(vec![]),
            Err(LearnError::Empty("labels"))
        ));
        for class in [true, false] {
            let labels = ClassLabels::new(vec![class; 5]).unwrap();
            assert!(matches!(
                labels.check_trainable(5),
                Err(LearnError::OneClass(c)) if c == usize::from(class)
            ));
        }
        for (labels, classes) in [(vec![0, 1, 3], 3), (vec![0], 1), (vec![0], 257)] {
            assert!(matches!(
                ClassLabels::of_classes(labels, classes),
                Err(LearnError::Layout { .. })
            ));
        }
        let labels = ClassLabels::of_classes(vec![2, 0, 2], 4).unwrap();
        assert!(labels.check_trainable(3).is_ok());
        assert!(labels.check_trainable(4).is_err());
    }

    #[test]
    fn targets_of_two_classes_and_of_many() {
        let two = ClassLabels::new(vec![true, false, true]).unwrap();
        assert_eq!(two.targets(), [[0.5, -0.5, 0.5]]);
        assert_eq!(two.centred("a test").unwrap(), [0.5, -0.5, 0.5]);
        let many = ClassLabels::of_classes(vec![2, 0, 2], 3).unwrap();
        assert_eq!(many.targets(), [[0.0, 1.0, 0.0], [0.0; 3], [1.0, 0.0, 1.0]]);
        assert!(matches!(
            many.centred("a test"),
            Err(LearnError::Classes { found: 3, .. })
        ));
        assert_eq!((two.len(), two.count(1), many.count(2)), (3, 2, 2));
    }
}
