//! Labels of two classes, in the clear or encrypted.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Encoder, Encryptor, Evaluator, Parameters};

use crate::error::{LearnError, check_equal};
use crate::layout::Layout;
use crate::matrix::check_vectors;
use crate::packing;
use crate::progress::{Counter, Listener};

/// Labels of which both kinds occur; `true` is the positive class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassLabels(Vec<bool>);

impl ClassLabels {
    /// Checks that there is something to learn.
    ///
    /// # Errors
    /// [`LearnError::Empty`] without labels, [`LearnError::OneClass`] if all are the same.
    pub fn new(labels: Vec<bool>) -> Result<Self, LearnError> {
        let &first = labels.first().ok_or(LearnError::Empty("labels"))?;
        if labels.iter().all(|&label| label == first) {
            return Err(LearnError::OneClass(first));
        }
        Ok(Self(labels))
    }

    /// The labels in the order of the samples.
    pub fn as_slice(&self) -> &[bool] {
        &self.0
    }

    /// The number of samples.
    #[allow(clippy::len_without_is_empty)] // There are always two at least.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The number of positive samples.
    pub fn positives(&self) -> usize {
        self.0.iter().filter(|&&label| label).count()
    }

    /// y - 1/2: 1/2 for the positive class, -1/2 for the negative one. Estimators are written in
    /// these, because rows without a sample are then zero as everywhere.
    pub(crate) fn centred(&self) -> Vec<f64> {
        let centred = |&label: &bool| if label { 0.5 } else { -0.5 };
        self.0.iter().map(centred).collect()
    }
}

/// Labels under encryption: a column vector of +-1/2, replicated over the columns of the blocks
/// of the features that it belongs to; zero in rows without a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct EncryptedLabels {
    layout: Layout,
    vectors: Vec<Ciphertext>,
}

impl EncryptedLabels {
    /// Encrypts labels for features in this layout, one ciphertext a row of blocks. The level
    /// should be that of the features.
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
        let centred = labels.centred();
        let counter = Counter::new(layout.grid_rows(), progress);
        let vectors = (0..layout.grid_rows())
            .into_par_iter()
            .map(|i| {
                let slots = packing::replicated_column(&centred, &layout, i);
                let vector = encryptor.encrypt(&encoder.encode(&slots, level)?)?;
                counter.add(1, "encrypting labels");
                Ok(vector)
            })
            .collect::<Result<_, LearnError>>()?;
        Ok(Self { layout, vectors })
    }

    /// Labels from their ciphertexts, one for each row of blocks.
    ///
    /// # Errors
    /// [`LearnError`] if their number is not that of the layout, or they are not ciphertexts of
    /// degree 1 of the same parameters and level, at its canonical scale.
    pub fn from_vectors(layout: Layout, vectors: Vec<Ciphertext>) -> Result<Self, LearnError> {
        check_equal(
            "ciphertexts of the labels",
            layout.grid_rows(),
            vectors.len(),
        )?;
        check_vectors("a set of encrypted labels", &vectors)?;
        let slots = vectors[0].parameters().slots();
        check_equal("slots of a block", slots, layout.slots())?;
        Ok(Self { layout, vectors })
    }

    /// The layout of the features that they belong to.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The ciphertexts, one for each row of blocks.
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

    /// The ciphertexts, brought down to `level`.
    pub(crate) fn at_level(
        &self,
        evaluator: &Evaluator,
        level: usize,
    ) -> Result<Vec<Ciphertext>, LearnError> {
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
    /// Which of the two it is.
    pub fn kind(&self) -> LabelKind {
        match self {
            Self::Clear(_) => LabelKind::Clear,
            Self::Encrypted(_) => LabelKind::Encrypted,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_classes_are_needed() {
        assert!(matches!(
            ClassLabels::new(vec![]),
            Err(LearnError::Empty("labels"))
        ));
        for class in [true, false] {
            assert!(matches!(
                ClassLabels::new(vec![class; 5]),
                Err(LearnError::OneClass(c)) if c == class
            ));
        }
        let labels = ClassLabels::new(vec![true, false, true]).unwrap();
        assert_eq!(labels.centred(), [0.5, -0.5, 0.5]);
        assert_eq!((labels.len(), labels.positives()), (3, 2));
    }
}
