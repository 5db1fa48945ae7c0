//! Labels that the server cannot see.

use std::sync::Arc;

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Encryptor, Evaluator};

use super::clear::ClassLabels;
use crate::error::{Result, check_equal};
use crate::layout::Layout;
use crate::matrix::{check_blocks, has_ciphertexts};
use crate::packing;
use crate::progress::{Counter, Listener};
use crate::task::{check_classes, outputs, two_classes};

/// Labels under encryption: a matrix with one column for each output of the model, in blocks of
/// the shape of the features' blocks; zero in rows without a sample.
///
/// Of two classes there is one column of +-1/2, of more there is one a class, of zeros and ones.
/// With P, the number of columns rounded up to a power of two, column j of a block has the labels
/// of class j mod P: they are repeated as often as there is room. So two classes lie replicated
/// over all columns, and ten classes sixteen columns apart. Where a block has fewer than P columns
/// a row of blocks takes more than one ciphertext, like a matrix of that many columns. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct EncryptedLabels {
    pub(super) layout: Layout,
    classes: usize,
    pub(super) vectors: Arc<Vec<Ciphertext>>,
}

has_ciphertexts!(EncryptedLabels, vectors);

impl EncryptedLabels {
    /// Encrypts labels for features in this layout. The level should be that of the features.
    ///
    /// # Errors
    /// [`LearnError`](crate::LearnError) if the number of labels or slots is not the layout's, there is no such
    /// level, or encryption fails.
    pub fn encrypt(
        labels: &ClassLabels,
        layout: Layout,
        level: usize,
        encryptor: &Encryptor,
        progress: &mut Listener<'_>,
    ) -> Result<Self> {
        check_equal("labels", layout.rows(), labels.len())?;
        layout.check_slots(encryptor.parameters())?;
        let targets = labels.targets();
        let chunks = Self::ciphertexts_per_row(&layout, labels.classes());
        let count = layout.grid_rows() * chunks;
        let counter = Counter::new(count, progress);
        let vectors = (0..count)
            .into_par_iter()
            .map(|i| {
                let (grid_row, chunk) = (i / chunks, i % chunks);
                let slots = packing::repeated_columns(&targets, &layout, grid_row, chunk);
                let vector = encryptor.encrypt(&encryptor.encoder().encode(&slots, level)?)?;
                counter.add(1, "encrypting labels");
                Ok(vector)
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            layout,
            classes: labels.classes(),
            vectors: Arc::new(vectors),
        })
    }

    /// Labels from their ciphertexts, in the order of the rows of blocks.
    ///
    /// # Errors
    /// [`LearnError`](crate::LearnError) if their number is not what the layout and the number of classes call for,
    /// or they are not ciphertexts of degree 1 of the same parameters and level, at its canonical
    /// scale.
    pub fn from_vectors(layout: Layout, classes: usize, vectors: Vec<Ciphertext>) -> Result<Self> {
        check_classes(classes)?;
        check_equal(
            "ciphertexts of the labels",
            layout.grid_rows() * Self::ciphertexts_per_row(&layout, classes),
            vectors.len(),
        )?;
        check_blocks("a set of encrypted labels", &vectors, &layout)?;
        Ok(Self {
            layout,
            classes,
            vectors: Arc::new(vectors),
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

    /// The column of two classes, one ciphertext for each row of blocks, brought down to `level`.
    pub(crate) fn column_at(&self, evaluator: &Evaluator, level: usize) -> Result<Vec<Ciphertext>> {
        two_classes("a column of labels", self.classes)?;
        self.vectors_at(evaluator, level)
    }

    /// The labels of all classes, one ciphertext for each row of blocks, brought down to `level`.
    pub(crate) fn vectors_at(
        &self,
        evaluator: &Evaluator,
        level: usize,
    ) -> Result<Vec<Ciphertext>> {
        check_equal(
            "ciphertexts of labels for a row of blocks",
            1,
            Self::ciphertexts_per_row(&self.layout, self.classes),
        )?;
        let lower = |vector| evaluator.lower_to(vector, level);
        Ok(self.vectors.iter().map(lower).collect::<Result<_, _>>()?)
    }
}
