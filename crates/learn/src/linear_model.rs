//! The encrypted model that all estimators give, and classification with it.

use std::borrow::Cow;

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Decryptor, Encoder, Evaluator, Parameters};

use crate::error::{LearnError, check_equal};
use crate::layout::{Layout, MAX_COLS};
use crate::matrix::{EncryptedMatrix, check_vectors};
use crate::packing;
use crate::plain_model::PlainModel;
use crate::products::Products;
use crate::progress::{Counter, Listener};
use crate::requirements::Requirements;
use crate::scores::{EncryptedScores, pack};

/// An encrypted linear classifier: score = weights . x + offset, and a sample is positive if its
/// score is.
///
/// There is one ciphertext of weights for each column of blocks of the training data. Slot i of it
/// holds the weight of feature i mod `block_cols` of that column: all rows are equal. All slots of
/// the offset are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearModel {
    features: usize,
    block_cols: usize,
    weights: Vec<Ciphertext>,
    offset: Option<Ciphertext>,
}

impl LinearModel {
    /// The level at which a model can classify samples in every layout.
    pub const LEVEL: usize = 3;

    /// The level at which samples that are only to be classified should be encrypted.
    pub const SAMPLE_LEVEL: usize = 2;

    /// A model from its ciphertexts.
    ///
    /// # Errors
    /// [`LearnError`] if `block_cols` is not a power of two below the number of slots, the number
    /// of ciphertexts is not that of the columns of blocks, or they are not ciphertexts of degree
    /// 1 of the same parameters and level (the offset may be at another), at its canonical scale.
    pub fn from_ciphertexts(
        features: usize,
        block_cols: usize,
        weights: Vec<Ciphertext>,
        offset: Option<Ciphertext>,
    ) -> Result<Self, LearnError> {
        if features > MAX_COLS {
            return Err(LearnError::Layout {
                what: "the number of features",
                found: features,
                allowed: "1 to 2^16",
            });
        }
        check_vectors("an encrypted model", &weights)?;
        // A layout of one sample has the model's shape, and its checks.
        let slots = weights[0].parameters().slots();
        let shape = Layout::new(1, features, slots / block_cols.clamp(1, slots), block_cols)?;
        check_equal("slots of the model", slots, shape.slots())?;
        check_equal("ciphertexts of weights", shape.grid_cols(), weights.len())?;
        if let Some(offset) = &offset {
            check_vectors("the offset of a model", std::slice::from_ref(offset))?;
            if offset.parameters() != weights[0].parameters() {
                return Err(LearnError::Parameters("the offset of a model"));
            }
        }
        Ok(Self {
            features,
            block_cols,
            weights,
            offset,
        })
    }

    /// The number of features of a sample.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The width of the blocks that the weights lie in.
    pub fn block_cols(&self) -> usize {
        self.block_cols
    }

    /// The ciphertexts of weights.
    pub fn weights(&self) -> &[Ciphertext] {
        &self.weights
    }

    /// What is added to every score.
    pub fn offset(&self) -> Option<&Ciphertext> {
        self.offset.as_ref()
    }

    /// The level of the weights.
    pub fn level(&self) -> usize {
        self.weights[0].level()
    }

    /// The parameters of all ciphertexts.
    pub fn parameters(&self) -> &Parameters {
        self.weights[0].parameters()
    }

    /// The largest magnitude of a score that these parameters can give back, half the first prime
    /// over the scale: scores leave the server at level 0. Compare with the scores of the twin.
    pub fn largest_score(parameters: &Parameters) -> f64 {
        parameters.log_q(0).exp2() / parameters.scale(0) / 2.0
    }

    /// What classifying samples in this layout needs: two levels for samples and model, a third
    /// for a model whose blocks are narrower; rotations by powers of two that training needs as
    /// well, or up to half the width of the samples' blocks.
    ///
    /// # Errors
    /// [`LearnError::Shape`] unless the blocks of the samples are as wide as those of the model
    /// (`model_block_cols`) or a power of two wider.
    pub fn requirements(
        samples: &Layout,
        model_block_cols: usize,
    ) -> Result<Requirements, LearnError> {
        let wide = samples.block_cols();
        if model_block_cols == 0 || !wide.is_multiple_of(model_block_cols) {
            return Err(LearnError::Shape {
                what: "columns of the samples' blocks, which must be those of the model or a power \
                       of two times as many",
                expected: model_block_cols,
                found: wide,
            });
        }
        Ok(Requirements {
            levels: Self::SAMPLE_LEVEL + usize::from(wide > model_block_cols),
            rotations: samples.feature_rotations().collect(),
            relinearization: true,
            conjugation: false,
        })
    }

    /// The encrypted scores of samples, one or many: weights . x + offset, at level 0, with every
    /// slot that is no score masked to zero.
    ///
    /// One relinearisation and log2(`block_cols`) rotations at level 1 for each row of blocks.
    ///
    /// # Errors
    /// [`LearnError`], before any work starts, if the samples do not fit the model, samples or
    /// model have too few levels, or a key is missing.
    pub fn decision_function(
        &self,
        evaluator: &Evaluator,
        encoder: &Encoder,
        samples: &EncryptedMatrix,
        progress: &mut Listener<'_>,
    ) -> Result<EncryptedScores, LearnError> {
        self.check_samples(evaluator, encoder, samples)?;
        let layout = samples.layout();
        let weights = self.weights_in_blocks_of(layout.block_cols(), evaluator, encoder)?;
        let offset = self.offset.as_ref();
        let offset = offset
            .map(|offset| evaluator.lower_to(offset, 1))
            .transpose()?;

        let cost = 1 + layout.feature_rotations().count();
        let counter = Counter::new(layout.grid_rows() * cost, progress);
        let products = Products {
            evaluator,
            encoder,
            matrix: samples,
            counter: &counter,
        };
        let columns = (0..layout.grid_rows())
            .into_par_iter()
            .map(|i| {
                let mut scores = products.row_times(i, &weights)?;
                if let Some(offset) = &offset {
                    evaluator.add_assign(&mut scores, offset)?;
                }
                let mask = encoder.encode(&packing::sample_mask(layout, i), scores.level())?;
                let scores = evaluator.rescale(&evaluator.mul_plain(&scores, &mask)?)?;
                counter.add(cost, "scoring");
                Ok(scores)
            })
            .collect::<Result<Vec<_>, LearnError>>()?;
        pack(evaluator, *layout, &columns)
    }

    fn check_samples(
        &self,
        evaluator: &Evaluator,
        encoder: &Encoder,
        samples: &EncryptedMatrix,
    ) -> Result<(), LearnError> {
        let parameters = evaluator.parameters();
        if encoder.parameters() != parameters {
            return Err(LearnError::Parameters("the encoder"));
        }
        if self.parameters() != parameters {
            return Err(LearnError::Parameters("the model"));
        }
        if samples.parameters() != parameters {
            return Err(LearnError::Parameters("the encrypted matrix"));
        }
        check_equal(
            "features of the samples",
            self.features,
            samples.layout().cols(),
        )?;
        let exhausted = |what, needed, available| match available < needed {
            true => Err(LearnError::LevelExhausted {
                what,
                needed,
                available,
            }),
            false => Ok(()),
        };
        let needs = Self::requirements(samples.layout(), self.block_cols)?;
        exhausted("classifying samples", Self::SAMPLE_LEVEL, samples.level())?;
        exhausted(
            "classifying in this layout with a model",
            needs.levels,
            self.level(),
        )?;
        if let Some(offset) = &self.offset {
            exhausted("classifying with the offset of a model", 1, offset.level())?;
        }
        let keys = Requirements {
            levels: Self::SAMPLE_LEVEL,
            ..needs
        };
        keys.start_level("classifying", Self::SAMPLE_LEVEL, 0, evaluator)?;
        Ok(())
    }

    /// The weights at [`SAMPLE_LEVEL`](Self::SAMPLE_LEVEL), repeated with another period: since
    /// all rows are equal, a chunk of the wider row is a masked copy of a narrower ciphertext. No
    /// rotation is needed.
    fn weights_in_blocks_of(
        &self,
        wide: usize,
        evaluator: &Evaluator,
        encoder: &Encoder,
    ) -> Result<Vec<Ciphertext>, LearnError> {
        let lower = |level| {
            let lower = |weights| evaluator.lower_to(weights, level);
            self.weights
                .iter()
                .map(lower)
                .collect::<Result<Vec<_>, _>>()
        };
        if wide == self.block_cols {
            return Ok(lower(Self::SAMPLE_LEVEL)?);
        }
        let level = Self::SAMPLE_LEVEL + 1;
        let narrow = lower(level)?;
        let slots = self.parameters().slots();
        let masks = (0..wide / self.block_cols)
            .map(|chunk| {
                let mask = packing::chunk_mask(slots, wide, self.block_cols, chunk);
                encoder.encode(&mask, level)
            })
            .collect::<Result<Vec<_>, _>>()?;
        narrow
            .chunks(masks.len())
            .map(|chunks| {
                let pairs: Vec<_> = chunks.iter().zip(&masks).collect();
                Ok(evaluator.rescale(&evaluator.mul_plain_sum(&pairs)?)?)
            })
            .collect()
    }

    /// The model in the clear, for the owner.
    ///
    /// # Errors
    /// [`LearnError::Decryption`] if the key is of other parameters.
    pub fn decrypt(
        &self,
        decryptor: &Decryptor,
        encoder: &Encoder,
    ) -> Result<PlainModel, LearnError> {
        let slots = |ciphertext: &Ciphertext| -> Result<Vec<f64>, LearnError> {
            Ok(encoder.decode(&decryptor.decrypt(ciphertext)?))
        };
        let mut weights = Vec::with_capacity(self.weights.len() * self.block_cols);
        for ciphertext in &self.weights {
            weights.extend_from_slice(&slots(ciphertext)?[..self.block_cols]);
        }
        weights.truncate(self.features);
        let offset = match &self.offset {
            Some(offset) => slots(offset)?[0],
            None => 0.0,
        };
        Ok(PlainModel { weights, offset })
    }

    /// Weights, then the offset if there is one.
    pub(crate) fn ciphertexts(&self) -> Cow<'_, [Ciphertext]> {
        match &self.offset {
            None => Cow::Borrowed(&self.weights),
            Some(offset) => self.weights.iter().chain([offset]).cloned().collect(),
        }
    }
}
