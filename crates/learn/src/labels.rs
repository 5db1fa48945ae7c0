//! Labels of two classes, in the clear or encrypted.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Encoder, Encryptor, Evaluator, Parameters};

use crate::error::{LearnError, check_equal};
use crate::layout::Layout;
use crate::matrix::check_vectors;
use crate::packing;
use crate::progress::{Counter, Listener};

/// Most classes of a set of labels.
pub const MAX_CLASSES: usize = 256;

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
    labels: Vec<u8>,
    /// How many of class 0 are of rows without a sample, in stacked labels. What is said of a row of
    /// zeros does not matter to any product with it.
    vacant: usize,
}

impl ClassLabels {
    /// Labels of two classes; `true` is the positive one.
    ///
    /// # Errors
    /// [`LearnError::Empty`] without labels.
    pub fn new(labels: Vec<bool>) -> Result<Self, LearnError> {
        Self::of_classes(labels.into_iter().map(u8::from).collect(), 2)
    }

    /// Labels from 0 to `classes` - 1. Not every class must occur, because whoever contributes
    /// samples may have some of them only.
    ///
    /// # Errors
    /// [`LearnError`] without labels, for fewer than two or more than [`MAX_CLASSES`] classes, or
    /// if there is no such class.
    pub fn of_classes(labels: Vec<u8>, classes: usize) -> Result<Self, LearnError> {
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
            vacant: 0,
        })
    }

    /// The labels of the samples `rows`.
    ///
    /// # Errors
    /// [`LearnError::Empty`] if there is no such sample.
    pub fn part(&self, rows: std::ops::Range<usize>) -> Result<Self, LearnError> {
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
        self.len() - self.vacant
    }

    /// The number of samples of a class.
    pub fn count(&self, class: usize) -> usize {
        let is = |&&label: &&u8| usize::from(label) == class;
        let vacant = if class == 0 { self.vacant } else { 0 };
        self.labels.iter().filter(is).count() - vacant
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
    pub(crate) fn centred(&self, what: &'static str) -> Result<Vec<f64>, LearnError> {
        two_classes(what, self.classes)?;
        Ok(self.targets().remove(0))
    }

    /// Whether there is something to learn.
    pub(crate) fn check_trainable(&self, samples: usize) -> Result<(), LearnError> {
        check_equal("labels", samples, self.len())?;
        // The first label is that of a sample.
        let first = self.labels[0].into();
        match self.count(first) < self.samples() {
            true => Ok(()),
            false => Err(LearnError::OneClass(first)),
        }
    }
}

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

/// Labels under encryption: a matrix with one column for each output of the model, in blocks of
/// the shape of the features' blocks; zero in rows without a sample.
///
/// Of two classes there is one column of +-1/2, of more there is one a class, of zeros and ones.
/// With P, the number of columns rounded up to a power of two, column j of a block has the labels
/// of class j mod P: they are repeated as often as there is room. So two classes lie replicated
/// over all columns, and ten classes sixteen columns apart. Where a block has fewer than P columns
/// a row of blocks takes more than one ciphertext, like a matrix of that many columns.
#[derive(Clone, Debug, PartialEq)]
pub struct EncryptedLabels {
    layout: Layout,
    classes: usize,
    vectors: Vec<Ciphertext>,
}

impl EncryptedLabels {
    /// Encrypts labels for features in this layout. The level should be that of the features.
    ///
    /// # Errors
    /// [`LearnError`] if the number of labels or slots is not the layout's, there is no such
    /// level, or encryption fails.
    pub fn encrypt(
        labels: &ClassLabels,
        layout: Layout,
        level: usize,
        encoder: &Encoder,
        encryptor: &Encryptor,
        progress: &mut Listener<'_>,
    ) -> Result<Self, LearnError> {
        check_equal("labels", layout.rows(), labels.len())?;
        check_equal(
            "slots of a block",
            encoder.parameters().slots(),
            layout.slots(),
        )?;
        let targets = labels.targets();
        let chunks = Self::ciphertexts_per_row(&layout, labels.classes());
        let count = layout.grid_rows() * chunks;
        let counter = Counter::new(count, progress);
        let vectors = (0..count)
            .into_par_iter()
            .map(|i| {
                let (grid_row, chunk) = (i / chunks, i % chunks);
                let slots = packing::repeated_columns(&targets, &layout, grid_row, chunk);
                let vector = encryptor.encrypt(&encoder.encode(&slots, level)?)?;
                counter.add(1, "encrypting labels");
                Ok(vector)
            })
            .collect::<Result<_, LearnError>>()?;
        Ok(Self {
            layout,
            classes: labels.classes(),
            vectors,
        })
    }

    /// Labels from their ciphertexts, in the order of the rows of blocks.
    ///
    /// # Errors
    /// [`LearnError`] if their number is not what the layout and the number of classes call for,
    /// or they are not ciphertexts of degree 1 of the same parameters and level, at its canonical
    /// scale.
    pub fn from_vectors(
        layout: Layout,
        classes: usize,
        vectors: Vec<Ciphertext>,
    ) -> Result<Self, LearnError> {
        check_classes(classes)?;
        check_equal(
            "ciphertexts of the labels",
            layout.grid_rows() * Self::ciphertexts_per_row(&layout, classes),
            vectors.len(),
        )?;
        check_vectors("a set of encrypted labels", &vectors)?;
        let slots = vectors[0].parameters().slots();
        check_equal("slots of a block", slots, layout.slots())?;
        Ok(Self {
            layout,
            classes,
            vectors,
        })
    }

    /// How many ciphertexts there are for a row of blocks.
    pub fn ciphertexts_per_row(layout: &Layout, classes: usize) -> usize {
        outputs(classes).div_ceil(layout.block_cols())
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The layout of the features that they belong to.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The ciphertexts, [`ciphertexts_per_row`](Self::ciphertexts_per_row) for each row of blocks.
    pub fn vectors(&self) -> &[Ciphertext] {
        &self.vectors
    }

    /// The level of all ciphertexts.
    pub fn level(&self) -> usize {
        self.vectors[0].level()
    }

    /// The parameters of all ciphertexts.
    pub fn parameters(&self) -> &Parameters {
        self.vectors[0].parameters()
    }

    /// The column of two classes, one ciphertext for each row of blocks, brought down to `level`.
    pub(crate) fn column_at(
        &self,
        evaluator: &Evaluator,
        level: usize,
    ) -> Result<Vec<Ciphertext>, LearnError> {
        two_classes("a column of labels", self.classes)?;
        self.vectors_at(evaluator, level)
    }

    /// The labels of all classes, one ciphertext for each row of blocks, brought down to `level`.
    pub(crate) fn vectors_at(
        &self,
        evaluator: &Evaluator,
        level: usize,
    ) -> Result<Vec<Ciphertext>, LearnError> {
        check_equal(
            "ciphertexts of labels for a row of blocks",
            1,
            Self::ciphertexts_per_row(&self.layout, self.classes),
        )?;
        let lower = |vector| evaluator.lower_to(vector, level);
        Ok(self.vectors.iter().map(lower).collect::<Result<_, _>>()?)
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
                    vectors.extend(labels.vectors);
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
                let vacant = labels.len() - samples;
                Ok(Self::Clear(ClassLabels {
                    vacant,
                    ..ClassLabels::of_classes(labels, classes)?
                }))
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
