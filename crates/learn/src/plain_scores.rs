//! A plain model on encrypted samples: a provider's model, a client's images.

use rayon::prelude::*;
use tapetum_ckks::{Evaluator, Parameters};

use crate::error::{LearnError, Result, check_equal};
use crate::layout::{Layout, SlotOrder};
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::packing;
use crate::plain_model::PlainModel;
use crate::progress::{Counter, Listener};
use crate::publishing::Publishing;
use crate::requirements::Requirements;
use crate::scores::{EncryptedScores, pack};
use crate::task::{check_classes, outputs};

impl PlainModel {
    /// The level at which samples for a plain model should be encrypted.
    pub fn sample_level(parameters: &Parameters) -> usize {
        match Publishing::of(parameters) {
            Some(_) => Publishing::SAMPLE_LEVEL,
            None => LinearModel::SAMPLE_LEVEL,
        }
    }

    /// The level that keys must serve: products with a plain model need none.
    pub fn key_level(parameters: &Parameters) -> usize {
        Self::sample_level(parameters) - 1
    }

    /// How many classes it tells apart.
    pub fn classes(&self) -> usize {
        self.outputs().max(2)
    }

    /// The number of features of a sample.
    pub fn features(&self) -> usize {
        self.weights.len() / self.outputs().max(1)
    }

    /// The keys that [`score_encrypted`](Self::score_encrypted) takes for samples in this layout:
    /// rotations by powers of two below the width of a block. Nothing is relinearised.
    pub fn key_requirements(parameters: &Parameters, samples: &Layout) -> Requirements {
        Requirements {
            levels: Self::key_level(parameters),
            rotations: samples.feature_rotations().collect(),
            relinearization: false,
            conjugation: false,
        }
    }

    /// The encrypted scores of samples, as
    /// [`LinearModel::decision_function`] gives them for an encrypted model, two levels lower with every
    /// slot that is no score masked to zero. Blocks may be of any width with a row for each class.
    ///
    /// Two products with plaintexts and log2(`block_cols`) rotations at level 1 for each row of
    /// blocks; for more than two classes as often as there are classes, rounded up to a power of
    /// two.
    ///
    /// Anyone who decrypts learns the scores, and the model follows from enough of them. What noise is left
    /// in them depends on the weights as well, so this is no protection of the model.
    ///
    /// # Errors
    /// [`LearnError`], before any work starts, if the samples do not fit the model, are at too low a
    /// level, or a key is missing.
    pub fn score_encrypted(
        &self,
        evaluator: &Evaluator,
        samples: &EncryptedMatrix,
        progress: &mut Listener<'_>,
    ) -> Result<EncryptedScores> {
        self.check(evaluator, samples)?;
        let layout = samples.layout();
        let parameters = evaluator.parameters();
        let level = Self::sample_level(parameters);
        let factors = Publishing::of(parameters).map_or((1.0, 1.0, 1.0), |_| {
            (Publishing::WEIGHTS, Publishing::MASK, Publishing::SCORES)
        });
        let (of_weights, of_mask, of_scores) = factors;
        let outputs = outputs(self.classes());
        // In rotation k a row gets the score of the class k rows below, as with an encrypted model.
        let rotations = outputs.next_power_of_two();
        let weights = (0..rotations * layout.grid_cols())
            .into_par_iter()
            .map(|i| {
                let (rotation, col) = (i / layout.grid_cols(), i % layout.grid_cols());
                let mut slots = self.weights_in_slots(layout, rotation, col);
                slots.iter_mut().for_each(|weight| *weight *= of_weights);
                Ok(evaluator.encoder().encode(&slots, level)?)
            })
            .collect::<Result<Vec<_>>>()?;

        let cost = 1 + layout.feature_rotations().count();
        let counter = Counter::new(layout.grid_rows() * rotations * cost, progress);
        let columns = (0..layout.grid_rows() * rotations)
            .into_par_iter()
            .map(|index| {
                let (i, rotation) = (index / rotations, index % rotations);
                let blocks = samples.blocks_at(evaluator, level, layout.row(i))?;
                let weights = &weights[rotation * layout.grid_cols()..][..layout.grid_cols()];
                let pairs: Vec<_> = blocks.iter().map(AsRef::as_ref).zip(weights).collect();
                let product = evaluator.rescale(&evaluator.mul_plain_sum(&pairs)?)?;
                // The first column gets the sum; others reach into the next row and are masked.
                let sums = evaluator.sum_slots(&product, layout.block_cols(), 1)?;
                let mut mask = packing::score_mask(layout, i, outputs, rotation);
                let intercepts: Vec<_> = mask
                    .iter()
                    .enumerate()
                    .map(|(slot, &shown)| match shown {
                        0.0 => 0.0,
                        _ => {
                            of_scores
                                * self.intercepts
                                    [(slot / layout.block_cols() + rotation) % rotations]
                        }
                    })
                    .collect();
                mask.iter_mut().for_each(|shown| *shown *= of_mask);
                let mask = evaluator.encoder().encode(&mask, sums.level())?;
                let scores = evaluator.rescale(&evaluator.mul_plain(&sums, &mask)?)?;
                let intercepts = evaluator.encoder().encode(&intercepts, scores.level())?;
                counter.add(cost, "scoring");
                Ok(evaluator.add_plain(&scores, &intercepts)?)
            })
            .collect::<Result<Vec<_>, LearnError>>()?;
        let scores = pack(evaluator, *layout, self.classes(), &columns)?;
        Ok(scores.with_origin(*samples.origin()))
    }

    /// In row r the weights of class (r + `rotation`) mod P for one column of blocks, zero if there is no
    /// such class.
    fn weights_in_slots(&self, layout: &Layout, rotation: usize, grid_col: usize) -> Vec<f64> {
        let (cols, outputs) = (self.features(), self.outputs());
        let period = outputs.next_power_of_two();
        let first = grid_col * layout.block_cols();
        let width = layout.block_cols().min(cols - first);
        let mut slots = vec![0.0; layout.slots()];
        for (r, row) in slots.chunks_exact_mut(layout.block_cols()).enumerate() {
            let class = (r + rotation) % period;
            if class < outputs {
                row[..width].copy_from_slice(&self.weights[class * cols + first..][..width]);
            }
        }
        slots
    }

    fn check(&self, evaluator: &Evaluator, samples: &EncryptedMatrix) -> Result<()> {
        let parameters = evaluator.parameters();
        if samples.parameters() != parameters {
            return Err(LearnError::Parameters("the encrypted matrix"));
        }
        if self.outputs() == 0 {
            return Err(LearnError::Empty("intercepts of the model"));
        }
        check_classes(self.classes())?;
        let layout = samples.layout();
        layout.check_order("an encrypted matrix", SlotOrder::Rows)?;
        check_equal(
            "weights of the model",
            self.features() * self.outputs(),
            self.weights.len(),
        )?;
        check_equal("features of the samples", self.features(), layout.cols())?;
        if outputs(self.classes()) != self.outputs() {
            return Err(LearnError::Malformed {
                what: "the model",
                reason: "of two classes there is one score",
            });
        }
        if self.outputs().next_power_of_two() > layout.block_rows() {
            return Err(LearnError::Layout {
                what: "the number of classes",
                found: self.classes(),
                allowed: "at most the number of rows of a block",
            });
        }
        if let Some(publishing) = Publishing::of(parameters) {
            publishing.check_model(self)?;
        }
        let needed = Self::sample_level(parameters);
        if samples.level() < needed {
            return Err(LearnError::LevelExhausted {
                what: "classifying samples",
                needed,
                available: samples.level(),
            });
        }
        let needs = Self::key_requirements(parameters, layout);
        needs.start_level("classifying", Self::key_level(parameters), 0, evaluator)?;
        Ok(())
    }
}
