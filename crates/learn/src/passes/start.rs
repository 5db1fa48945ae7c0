//! What a pass begins with.

use serde::{Deserialize, Serialize};
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Ciphertext, Parameters};

use crate::bundle;
use crate::error::{LearnError, Result, check_equal};
use crate::labels::Labels;
use crate::layout::MAX_ROWS;
use crate::matrix::check_vectors;
use crate::origin::Origin;
use crate::samples::{Batch, Samples};
use crate::task::{LabelKind, MAX_CLASSES};

/// What must be known of all samples of a pass before a share of them is computed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Rows of the matrix, some of which hold no sample if it was stacked.
    pub(crate) rows: usize,
    pub(crate) samples: usize,
    pub(crate) classes: usize,
    /// Samples of each class, if labels are in the clear.
    pub(crate) counts: Vec<usize>,
    /// Of features and of labels.
    pub(crate) level: usize,
    /// Of encrypted labels.
    pub(crate) label_level: Option<usize>,
}

impl Totals {
    /// Of these samples.
    ///
    /// # Errors
    /// [`LearnError`] if samples and labels do not fit together.
    pub fn of(batch: &Batch) -> Result<Self> {
        let (features, labels) = batch;
        let evaluator = tapetum_ckks::Evaluator::new(features.parameters());
        Self::of_samples(&Samples::new(&evaluator, features, labels))
    }

    pub(crate) fn of_samples(samples: &Samples<'_>) -> Result<Self> {
        let level = samples.level()?;
        let classes = samples.labels.classes();
        let (counts, label_level) = match samples.labels {
            Labels::Clear(labels) => {
                let counts = (0..classes).map(|class| labels.count(class));
                (counts.collect(), None)
            }
            Labels::Encrypted(labels) => (Vec::new(), Some(labels.level())),
        };
        Ok(Self {
            rows: samples.layout().rows(),
            samples: samples.features.samples(),
            classes,
            counts,
            level,
            label_level,
        })
    }

    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Whether the server sees the labels.
    pub fn labels(&self) -> LabelKind {
        label_kind(&self.counts)
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Whether there is something to learn, as far as anybody sees.
    pub(crate) fn check_trainable(&self) -> Result<()> {
        let mut seen = (0..self.counts.len()).filter(|&class| self.counts[class] > 0);
        match (seen.next(), seen.next()) {
            (Some(only), None) => Err(LearnError::OneClass(only)),
            _ => Ok(()),
        }
    }

    /// Refuses samples below this level.
    pub(crate) fn check_level(&self, needed: usize) -> Result<()> {
        match self.level < needed {
            true => Err(LearnError::LevelExhausted {
                what: "training on a batch",
                needed,
                available: self.level,
            }),
            false => Ok(()),
        }
    }
}

fn label_kind(counts: &[impl Sized]) -> LabelKind {
    match counts.is_empty() {
        true => LabelKind::Encrypted,
        false => LabelKind::Clear,
    }
}

/// What a pass begins with: the same for all shares of the samples. Its numbers are public, its weights are encrypted.
#[derive(Clone, Debug, PartialEq)]
pub struct PassStart {
    shape: Shape,
    weights: Vec<Ciphertext>,
}

/// What the ciphertexts do not say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Shape {
    pass: u32,
    /// At which samples are used.
    level: u8,
    /// Of all shares together.
    rows: u32,
    samples: u32,
    /// Samples of each class, if labels are in the clear.
    counts: Vec<u32>,
}

impl PassStart {
    /// The kind of bundle that holds it.
    pub const KIND: &'static str = "training-pass";

    /// Checked, as it may come from outside.
    fn new(shape: Shape, weights: Vec<Ciphertext>) -> Result<Self> {
        let malformed = |reason| LearnError::Malformed {
            what: "the start of a pass",
            reason,
        };
        let (rows, samples) = (shape.rows as usize, shape.samples as usize);
        if !(1..=MAX_ROWS).contains(&rows) || !(1..=rows).contains(&samples) {
            return Err(malformed("it is of no samples, or of more than 2^24"));
        }
        let counted = shape.counts.iter().map(|&count| u64::from(count));
        if !shape.counts.is_empty()
            && (shape.counts.len() > MAX_CLASSES || counted.sum::<u64>() != samples as u64)
        {
            return Err(malformed("its classes have not as many samples as it says"));
        }
        if !weights.is_empty() {
            check_vectors("the start of a pass", &weights)?;
        }
        Ok(Self { shape, weights })
    }

    /// A pass over these samples, which are used at this level.
    pub(crate) fn of(
        pass: usize,
        level: usize,
        totals: &Totals,
        weights: Vec<Ciphertext>,
    ) -> Result<Self> {
        let shape = Shape {
            pass: pass as u32,
            level: level as u8,
            rows: totals.rows as u32,
            samples: totals.samples as u32,
            counts: totals.counts.iter().map(|&count| count as u32).collect(),
        };
        Self::new(shape, weights)
    }

    /// The number of the pass, from 0 on.
    pub fn pass(&self) -> usize {
        self.shape.pass as usize
    }

    /// The level at which samples are used.
    pub fn level(&self) -> usize {
        self.shape.level.into()
    }

    /// Rows of the matrix of all samples.
    pub fn rows(&self) -> usize {
        self.shape.rows as usize
    }

    /// The number of samples of all shares together.
    pub fn samples(&self) -> usize {
        self.shape.samples as usize
    }

    /// Whether labels are encrypted.
    pub fn labels(&self) -> LabelKind {
        label_kind(&self.shape.counts)
    }

    /// Samples of each class, if labels are in the clear.
    pub(crate) fn counts(&self) -> &[u32] {
        &self.shape.counts
    }

    /// What a gradient is taken at; nothing if that is zero.
    pub(crate) fn weights(&self) -> &[Ciphertext] {
        &self.weights
    }

    /// As a bundle.
    ///
    /// # Errors
    /// [`LearnError::Wire`] if it has more ciphertexts than a bundle may hold.
    pub fn to_bundle(&self, parameters: &Parameters) -> Result<Bundle<'_>> {
        let described = (&self.shape, &Origin::default());
        bundle::write(parameters, Self::KIND, described, &self.weights)
    }

    /// From a bundle.
    ///
    /// # Errors
    /// [`LearnError`] if the bundle holds something else, or its parts do not fit together.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self> {
        let (shape, origin, weights): (Shape, Origin, _) = bundle::read(bundle, Self::KIND)?;
        check_equal("ids of a pass", 0, usize::from(!origin.is_unknown()))?;
        Self::new(shape, weights)
    }
}
