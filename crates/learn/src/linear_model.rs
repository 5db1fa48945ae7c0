//! The encrypted model that all estimators give, and classification with it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Decryptor, Evaluator, Parameters};

use crate::error::{LearnError, Result, check_equal};
use crate::layout::{Layout, MAX_COLS, SlotOrder};
use crate::matrix::{EncryptedMatrix, check_vectors, has_ciphertexts};
use crate::origin::{Origin, has_origin};
use crate::packing;
use crate::plain_model::PlainModel;
use crate::products::Products;
use crate::progress::{Counter, Listener};
use crate::publishing::Publishing;
use crate::requirements::Requirements;
use crate::scores::{EncryptedScores, pack};
use crate::task::{check_classes, outputs};

/// An encrypted linear classifier: score = weights . x + intercept. A model of two classes has one
/// score, and a sample is positive if its score is; one of more classes has a score for each, and
/// the largest decides.
///
/// There is one ciphertext of weights for each column of blocks of the training data. In rows of
/// `block_cols` slots, column j holds weights of feature j of that column of blocks. The weights of
/// two classes are the same in all rows. For more, with P for their number rounded up to a power
/// of two, row r holds the weights of class r mod P, zero if there is no such class. The intercept,
/// one ciphertext, lies in the rows alike, equal in all columns.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearModel {
    features: usize,
    block_cols: usize,
    classes: usize,
    weights: Vec<Ciphertext>,
    intercept: Option<Ciphertext>,
    origin: Origin,
}

has_origin!(LinearModel);
has_ciphertexts!(LinearModel, weights);

impl LinearModel {
    /// The level at which a model can classify samples in every layout.
    pub const LEVEL: usize = 3;

    /// The level at which samples that are only to be classified should be encrypted.
    pub const SAMPLE_LEVEL: usize = 2;

    /// A model from its ciphertexts.
    ///
    /// # Errors
    /// [`LearnError`] if `block_cols` is not a power of two below the number of slots, there are
    /// more classes than rows for them, the number of ciphertexts is not that of the columns of
    /// blocks, or they are not ciphertexts of degree 1 of the same parameters and level (the
    /// intercept may be at another), at its canonical scale.
    pub fn from_ciphertexts(
        features: usize,
        block_cols: usize,
        classes: usize,
        weights: Vec<Ciphertext>,
        intercept: Option<Ciphertext>,
    ) -> Result<Self> {
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
        check_classes(classes)?;
        check_room(classes, &shape)?;
        check_equal("ciphertexts of weights", shape.grid_cols(), weights.len())?;
        if let Some(intercept) = &intercept {
            check_vectors("the intercept of a model", std::slice::from_ref(intercept))?;
            if intercept.parameters() != weights[0].parameters() {
                return Err(LearnError::Parameters("the intercept of a model"));
            }
        }
        Ok(Self {
            features,
            block_cols,
            classes,
            weights,
            intercept,
            origin: Origin::default(),
        })
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
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
    pub fn intercept(&self) -> Option<&Ciphertext> {
        self.intercept.as_ref()
    }

    /// The largest magnitude of a score that these parameters can give back, half the modulus
    /// over the scale: scores leave the server at level 0, or at level 1 if they are to be published. Compare with
    /// the scores of the reference.
    pub fn largest_score(parameters: &Parameters) -> f64 {
        let (level, factor) = match Publishing::of(parameters) {
            Some(_) => (Publishing::SCORE_LEVEL, Publishing::SCORES),
            None => (0, 1.0),
        };
        parameters.log_q(level).exp2() / parameters.scale(level) / 2.0 / factor
    }

    /// What classifying samples in this layout needs: two levels for samples and model, a third
    /// for a model whose blocks are narrower; rotations by powers of two that training needs as
    /// well, or up to half the width of the samples' blocks, and for more than two classes one by
    /// a row.
    ///
    /// # Errors
    /// [`LearnError::Shape`] unless the blocks of the samples are as wide as those of the model
    /// (`model_block_cols`) or a power of two wider, [`LearnError::Layout`] if they have fewer
    /// rows than there are classes.
    pub fn requirements(
        samples: &Layout,
        model_block_cols: usize,
        classes: usize,
    ) -> Result<Requirements> {
        let wide = samples.block_cols();
        if model_block_cols == 0 || !wide.is_multiple_of(model_block_cols) {
            return Err(LearnError::Shape {
                what: "columns of the samples' blocks, which must be those of the model or a power \
                       of two times as many",
                expected: model_block_cols,
                found: wide,
            });
        }
        check_classes(classes)?;
        check_room(classes, samples)?;
        let mut rotations: BTreeSet<_> = samples.feature_rotations().collect();
        if outputs(classes) > 1 {
            rotations.extend([model_block_cols as i64, wide as i64]);
        }
        Ok(Requirements {
            levels: Self::SAMPLE_LEVEL + usize::from(wide > model_block_cols),
            rotations,
            relinearization: true,
            conjugation: false,
        })
    }

    /// The encrypted scores of samples, one or many: weights . x + intercept, at level 0, with every
    /// slot that is no score masked to zero.
    ///
    /// One relinearisation and log2(`block_cols`) rotations at level 1 for each row of blocks; for
    /// more than two classes as often as there are rows of them in the model, and as many
    /// rotations of the weights at level 2.
    ///
    /// # Errors
    /// [`LearnError`], before any work starts, if the samples do not fit the model, samples or
    /// model have too few levels, or a key is missing.
    pub fn decision_function(
        &self,
        evaluator: &Evaluator,
        samples: &EncryptedMatrix,
        progress: &mut Listener<'_>,
    ) -> Result<EncryptedScores> {
        self.scaled_scores(0, 1.0, evaluator, samples, progress)
    }

    /// `factor` times the scores, at level `end`: everything happens so much higher.
    pub(crate) fn scaled_scores(
        &self,
        end: usize,
        factor: f64,
        evaluator: &Evaluator,
        samples: &EncryptedMatrix,
        progress: &mut Listener<'_>,
    ) -> Result<EncryptedScores> {
        self.check_samples(end, evaluator, samples)?;
        let layout = samples.layout();
        let weights = self.weights_in_blocks_of(layout.block_cols(), end, evaluator)?;
        let intercept = self.intercept_in_blocks_of(layout.block_cols(), end, evaluator)?;

        // In rotation k every row meets the weights of the class k rows below.
        let rotations = self.period();
        let by_a_row = |vectors: &[Ciphertext]| {
            turned(evaluator, vectors, rotations, layout.block_cols() as i64)
        };
        let weights = by_a_row(&weights)?;
        let intercept = by_a_row(intercept.as_slice())?;

        let cost = 1 + layout.feature_rotations().count();
        let counter = Counter::new(layout.grid_rows() * rotations * cost, progress);
        let products = Products::new(evaluator, samples, &counter);
        let columns = (0..layout.grid_rows() * rotations)
            .into_par_iter()
            .map(|index| {
                let (i, rotation) = (index / rotations, index % rotations);
                let mut scores = products.row_times(i, &weights[rotation])?;
                for intercept in &intercept[rotation] {
                    evaluator.add_assign(&mut scores, intercept)?;
                }
                let mut mask = packing::score_mask(layout, i, outputs(self.classes), rotation);
                mask.iter_mut().for_each(|slot| *slot *= factor);
                let mask = evaluator.encoder().encode(&mask, scores.level())?;
                let scores = evaluator.rescale(&evaluator.mul_plain(&scores, &mask)?)?;
                counter.add(cost, "scoring");
                Ok(scores)
            })
            .collect::<Result<Vec<_>, LearnError>>()?;
        let scores = pack(evaluator, *layout, self.classes, &columns)?;
        Ok(scores.with_origin(*samples.origin()))
    }

    /// Rows of a model after which the classes repeat.
    fn period(&self) -> usize {
        outputs(self.classes).next_power_of_two()
    }

    fn check_samples(
        &self,
        end: usize,
        evaluator: &Evaluator,
        samples: &EncryptedMatrix,
    ) -> Result<()> {
        let parameters = evaluator.parameters();
        if self.parameters() != parameters {
            return Err(LearnError::Parameters("the model"));
        }
        if samples.parameters() != parameters {
            return Err(LearnError::Parameters("the encrypted matrix"));
        }
        samples.origin().check(&self.origin, "the model")?;
        (samples.layout()).check_order("an encrypted matrix", SlotOrder::Rows)?;
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
        let needs = Self::requirements(samples.layout(), self.block_cols, self.classes)?;
        exhausted(
            "classifying samples",
            Self::SAMPLE_LEVEL + end,
            samples.level(),
        )?;
        exhausted(
            "classifying in this layout with a model",
            needs.levels + end,
            self.level(),
        )?;
        if let Some(intercept) = &self.intercept {
            let needed = end + 1 + usize::from(self.moves_offset(samples.layout().block_cols()));
            exhausted(
                "classifying with the intercept of a model",
                needed,
                intercept.level(),
            )?;
        }
        // The level above is for wider rows, which are rotated there only if there are several.
        let levels = end
            + match outputs(self.classes) {
                1 => Self::SAMPLE_LEVEL,
                _ => needs.levels,
            };
        let keys = Requirements { levels, ..needs };
        keys.start_level("classifying", levels, 0, evaluator)?;
        Ok(())
    }

    /// The weights at [`SAMPLE_LEVEL`](Self::SAMPLE_LEVEL) above `end`, in rows of `wide` columns.
    fn weights_in_blocks_of(
        &self,
        wide: usize,
        end: usize,
        evaluator: &Evaluator,
    ) -> Result<Vec<Ciphertext>> {
        let level = end + Self::SAMPLE_LEVEL + usize::from(wide > self.block_cols);
        let lower = |weights| evaluator.lower_to(weights, level);
        let weights = self.weights.iter().map(lower);
        let weights = weights.collect::<Result<Vec<_>, _>>()?;
        match wide == self.block_cols {
            true => Ok(weights),
            false => self.widened(&weights, wide, wide / self.block_cols, evaluator),
        }
    }

    /// The intercept at level 1 above `end`, in rows of `wide` columns, of which the first one counts.
    fn intercept_in_blocks_of(
        &self,
        wide: usize,
        end: usize,
        evaluator: &Evaluator,
    ) -> Result<Option<Ciphertext>> {
        let Some(intercept) = &self.intercept else {
            return Ok(None);
        };
        let above = usize::from(self.moves_offset(wide));
        let intercept = evaluator.lower_to(intercept, end + 1 + above)?;
        match above {
            0 => Ok(Some(intercept)),
            _ => Ok(self.widened(&[intercept], wide, 1, evaluator)?.pop()),
        }
    }

    /// Whether the intercept lies otherwise in rows of `wide` columns: never if all rows are equal.
    fn moves_offset(&self, wide: usize) -> bool {
        wide > self.block_cols && self.period() > 1
    }

    /// Narrow rows as the first `chunks` chunks of rows of `wide` columns, one level lower. Each
    /// chunk is a masked copy of another ciphertext, because its rows are equal or, with more
    /// classes than two, equal to those some rows below: then it takes as many masked copies as
    /// there are classes, rotated row by row.
    fn widened(
        &self,
        narrow: &[Ciphertext],
        wide: usize,
        chunks: usize,
        evaluator: &Evaluator,
    ) -> Result<Vec<Ciphertext>> {
        let (level, period) = (narrow[0].level(), self.period());
        let turned = turned(evaluator, narrow, period, self.block_cols as i64)?;
        let slots = self.parameters().slots();
        let masks = (0..period * chunks)
            .map(|i| {
                let (rotation, chunk) = (i / chunks, i % chunks);
                let mask =
                    packing::chunk_mask(slots, wide, self.block_cols, chunk, period, rotation);
                Ok(evaluator.encoder().encode(&mask, level)?)
            })
            .collect::<Result<Vec<_>>>()?;
        (0..narrow.len())
            .step_by(chunks)
            .map(|first| {
                let pairs: Vec<_> = turned
                    .iter()
                    .zip(masks.chunks(chunks))
                    .flat_map(|(turned, masks)| turned[first..].iter().zip(masks))
                    .collect();
                Ok(evaluator.rescale(&evaluator.mul_plain_sum(&pairs)?)?)
            })
            .collect()
    }

    /// The model in the clear, [rounded](PlainModel::rounded).
    ///
    /// # Errors
    /// [`LearnError::Decryption`] if the key is of other parameters.
    pub fn decrypt(&self, decryptor: &Decryptor) -> Result<PlainModel> {
        Ok(self.decrypt_exact(decryptor)?.rounded())
    }

    /// The model with all its digits, **for nobody but the owner**: they tell about the secret key
    /// (Li, Micciancio 2021).
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_exact(&self, decryptor: &Decryptor) -> Result<PlainModel> {
        let slots = |ciphertext: &Ciphertext| -> Result<Vec<f64>> {
            Ok(decryptor.encoder().decode(&decryptor.decrypt(ciphertext)?))
        };
        let blocks = self.weights.iter().map(slots);
        let blocks = blocks.collect::<Result<Vec<_>, _>>()?;
        let intercept = self.intercept.as_ref().map(slots).transpose()?;
        let mut model = PlainModel {
            weights: Vec::new(),
            intercepts: Vec::new(),
        };
        for class in 0..outputs(self.classes) {
            let row = class * self.block_cols;
            let weights = blocks
                .iter()
                .flat_map(|block| &block[row..][..self.block_cols]);
            model.weights.extend(weights.take(self.features));
            model
                .intercepts
                .push(intercept.as_ref().map_or(0.0, |slots| slots[row]));
        }
        Ok(model)
    }

    /// Weights, then the intercept if there is one.
    pub(crate) fn ciphertexts(&self) -> Cow<'_, [Ciphertext]> {
        match &self.intercept {
            None => Cow::Borrowed(&self.weights),
            Some(intercept) => self.weights.iter().chain([intercept]).cloned().collect(),
        }
    }
}

/// Ciphertexts rotated by 0, 1, ..., `rotations` - 1 times `stride`.
fn turned(
    evaluator: &Evaluator,
    vectors: &[Ciphertext],
    rotations: usize,
    stride: i64,
) -> Result<Vec<Vec<Ciphertext>>> {
    let mut all = vec![vectors.to_vec()];
    for rotation in 1..rotations {
        let next = all[rotation - 1]
            .par_iter()
            .map(|v| evaluator.rotate(v, stride));
        all.push(next.collect::<Result<_, _>>()?);
    }
    Ok(all)
}

/// Whether a block has a row for each class.
fn check_room(classes: usize, layout: &Layout) -> Result<()> {
    let outputs = outputs(classes);
    match outputs.next_power_of_two() <= layout.block_rows() {
        true => Ok(()),
        false => Err(LearnError::Layout {
            what: "the number of classes",
            found: classes,
            allowed: "at most the number of rows of a block",
        }),
    }
}
