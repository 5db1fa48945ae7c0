//! Encrypted scores: what leaves the server.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Decryptor, Evaluator, Parameters};

use crate::error::{LearnError, Result, check_equal};
use crate::layout::{Layout, SlotOrder};
use crate::matrix::check_blocks;
use crate::origin::{Origin, has_origin};
use crate::plain_model::classes_of;
use crate::publishing::Publishing;
use crate::rounding::score_rounding;
use crate::task::{check_classes, outputs};

/// Imaginary parts of scores are noise, far below this part of the largest score.
const IMAGINARY: f64 = 1.0 / 64.0;

/// The scores of samples under encryption, one slot a score and zero in all other slots.
///
/// The scores of up to `block_cols` rows of blocks share a ciphertext. Those of the first lie in
/// the first column, those of the next are moved one slot to the left of it, and so on; with the
/// columns counted cyclically that is the last column of the row above. The rotation to the left
/// is one that every server with a model can do.
///
/// Of more than two classes every row of blocks has P columns of scores instead of one, with P for
/// their number rounded up to a power of two: row r of column k has the score of class
/// (r + k) mod P.
///
/// Of samples in the order of columns up to `block_cols` / P blocks share a ciphertext: with S rows in a block the score of output
/// u of sample i in block q of these is in slot (q P + u) S + i.
#[derive(Clone, Debug, PartialEq)]
pub struct EncryptedScores {
    layout: Layout,
    classes: usize,
    ciphertexts: Vec<Ciphertext>,
    origin: Origin,
}

/// Packs the columns of scores of each row of blocks: ciphertexts with scores in the first column
/// and zeros elsewhere.
pub(crate) fn pack(
    evaluator: &Evaluator,
    layout: Layout,
    classes: usize,
    columns: &[Ciphertext],
) -> Result<EncryptedScores> {
    let ciphertexts = columns
        .par_chunks(layout.block_cols())
        .map(|columns| {
            // Horner's rule: the last column is moved with every other that joins it.
            let (last, others) = columns.split_last().ok_or(LearnError::Empty("scores"))?;
            let mut packed = last.clone();
            for column in others.iter().rev() {
                packed = evaluator.rotate(&packed, 1)?;
                evaluator.add_assign(&mut packed, column)?;
            }
            Ok(packed)
        })
        .collect::<Result<_>>()?;
    Ok(EncryptedScores {
        layout,
        classes,
        ciphertexts,
        origin: Origin::default(),
    })
}

has_origin!(EncryptedScores);

impl EncryptedScores {
    /// Scores from their ciphertexts.
    ///
    /// # Errors
    /// [`LearnError`] if their number is not that of the layout, or they are not ciphertexts of
    /// degree 1 of the same parameters and level, at its canonical scale.
    pub fn from_ciphertexts(
        layout: Layout,
        classes: usize,
        ciphertexts: Vec<Ciphertext>,
    ) -> Result<Self> {
        check_classes(classes)?;
        let expected = match layout.order() {
            SlotOrder::Rows => {
                let columns = layout.grid_rows() * period(classes);
                columns.div_ceil(layout.block_cols())
            }
            SlotOrder::Columns if layout.block_cols() < period(classes) => {
                return Err(LearnError::Layout {
                    what: "the number of columns of a block",
                    found: layout.block_cols(),
                    allowed: "at least the number of classes, in the order of columns",
                });
            }
            SlotOrder::Columns => {
                let together = layout.block_cols() / period(classes);
                layout.grid_rows().div_ceil(together)
            }
        };
        check_equal("ciphertexts of scores", expected, ciphertexts.len())?;
        check_blocks("a set of encrypted scores", &ciphertexts, &layout)?;
        Ok(Self {
            layout,
            classes,
            ciphertexts,
            origin: Origin::default(),
        })
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many scores a sample has: one for two classes, one a class for more.
    pub fn outputs(&self) -> usize {
        outputs(self.classes)
    }

    /// The layout of the samples.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The ciphertexts.
    pub fn ciphertexts(&self) -> &[Ciphertext] {
        &self.ciphertexts
    }

    /// The parameters of all ciphertexts.
    pub fn parameters(&self) -> &Parameters {
        self.ciphertexts[0].parameters()
    }

    /// The scores in the order of the samples, [`outputs`](Self::outputs) a sample, rounded to the step of
    /// [`score_rounding`]; [`classes_of`](crate::classes_of) says what they decide for. For
    /// scores that others see there is [`publish`](Self::publish).
    ///
    /// # Errors
    /// [`LearnError::Decryption`] if the key is of other parameters.
    pub fn decrypt(&self, decryptor: &Decryptor) -> Result<Vec<f64>> {
        let scores = self.decrypt_exact(decryptor)?;
        let rounding = score_rounding(self.parameters());
        Ok(scores.into_iter().map(|s| rounding.round(s)).collect())
    }

    /// The scores with all their digits, **for nobody but the owner**: whoever sees two sets of them, and
    /// the ciphertexts, computes the secret key (Li, Micciancio 2021).
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_exact(&self, decryptor: &Decryptor) -> Result<Vec<f64>> {
        let slots = self
            .ciphertexts
            .iter()
            .map(|ciphertext| Ok(decryptor.encoder().decode(&decryptor.decrypt(ciphertext)?)))
            .collect::<Result<Vec<_>>>()?;
        self.decode(&slots)
    }

    /// The classes that the scores decide for, in the order of the samples, as
    /// [`PlainModel::predict`](crate::PlainModel::predict) gives them in the clear.
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn predict(&self, decryptor: &Decryptor) -> Result<Vec<u8>> {
        Ok(classes_of(&self.decrypt_exact(decryptor)?, self.outputs()))
    }

    /// The decrypted slots of each ciphertext, after a look at what cannot be: scores are real.
    ///
    /// # Errors
    /// [`LearnError::Decryption`] if the key is of other parameters, [`LearnError::OtherKey`] if
    /// imaginary parts are as large as only those of random numbers are.
    pub fn open(&self, decryptor: &Decryptor) -> Result<Vec<Vec<f64>>> {
        let (mut largest, mut imaginary) = (0.0, 0.0);
        let mut slots = Vec::with_capacity(self.ciphertexts.len());
        for ciphertext in &self.ciphertexts {
            let decoded = decryptor
                .encoder()
                .decode_complex(&decryptor.decrypt(ciphertext)?);
            for slot in &decoded {
                largest = f64::max(largest, slot.re.abs());
                imaginary = f64::max(imaginary, slot.im.abs());
            }
            slots.push(decoded.into_iter().map(|slot| slot.re).collect());
        }
        // With another key, real and imaginary parts alike are random and huge.
        match imaginary > IMAGINARY * f64::max(largest, 1.0) {
            true => Err(LearnError::OtherKey),
            false => Ok(slots),
        }
    }

    /// The scores in the order of the samples, from the decrypted slots of each ciphertext.
    ///
    /// # Errors
    /// [`LearnError::Shape`] unless there are as many vectors of slots as ciphertexts, of the
    /// right length.
    pub fn decode(&self, slots: &[Vec<f64>]) -> Result<Vec<f64>> {
        check_equal("ciphertexts of scores", self.ciphertexts.len(), slots.len())?;
        for slots in slots {
            check_equal("slots of a ciphertext", self.layout.slots(), slots.len())?;
        }
        let outputs = self.outputs();
        let factor = Publishing::of(self.parameters()).map_or(1.0, |_| Publishing::SCORES);
        let score = |i| {
            let (ciphertext, slot) = place(&self.layout, self.classes, i / outputs, i % outputs);
            slots[ciphertext][slot] / factor
        };
        Ok((0..self.layout.rows() * outputs).map(score).collect())
    }

    /// For each ciphertext, which of its slots hold no score.
    pub fn unused_slots(&self) -> Vec<Vec<bool>> {
        let mut unused = vec![vec![true; self.layout.slots()]; self.ciphertexts.len()];
        for sample in 0..self.layout.rows() {
            for output in 0..self.outputs() {
                let (ciphertext, slot) = place(&self.layout, self.classes, sample, output);
                unused[ciphertext][slot] = false;
            }
        }
        unused
    }
}

/// Columns of scores of a row of blocks.
fn period(classes: usize) -> usize {
    outputs(classes).next_power_of_two()
}

/// The ciphertext and the slot of a sample's score for an output.
fn place(layout: &Layout, classes: usize, sample: usize, output: usize) -> (usize, usize) {
    let (grid_row, row) = (sample / layout.block_rows(), sample % layout.block_rows());
    let period = period(classes);
    if layout.order() == SlotOrder::Columns {
        let together = layout.block_cols() / period;
        let outer = grid_row % together * period + output;
        return (grid_row / together, outer * layout.block_rows() + row);
    }
    let column = grid_row * period + (output + period - row % period) % period;
    let (ciphertext, moved) = (column / layout.block_cols(), column % layout.block_cols());
    let slots = layout.slots();
    (
        ciphertext,
        (row * layout.block_cols() + slots - moved) % slots,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn every_score_has_a_slot_of_its_own(
            (rows, classes) in (1usize..300, 2usize..9),
            (log_rows, log_cols) in (0usize..4, 0usize..4),
        ) {
            prop_assume!(log_rows + log_cols > 0 && period(classes) <= 1 << log_rows);
            let layout = Layout::new(rows, 5, 1 << log_rows, 1 << log_cols).unwrap();
            let by_columns = layout.with_order(SlotOrder::Columns);
            if period(classes) <= layout.block_cols() {
                let scores = (0..rows).flat_map(|i| (0..outputs(classes)).map(move |k| (i, k)));
                let places: HashSet<_> =
                    scores.map(|(i, k)| place(&by_columns, classes, i, k)).collect();
                prop_assert_eq!(places.len(), rows * outputs(classes));
                let together = layout.block_cols() / period(classes);
                let ciphertexts = layout.grid_rows().div_ceil(together);
                for (ciphertext, slot) in places {
                    prop_assert!(ciphertext < ciphertexts && slot < layout.slots());
                }
            }
            let scores = (0..rows).flat_map(|i| (0..outputs(classes)).map(move |k| (i, k)));
            let places: HashSet<_> = scores.map(|(i, k)| place(&layout, classes, i, k)).collect();
            prop_assert_eq!(places.len(), rows * outputs(classes));
            let columns = layout.grid_rows() * period(classes);
            let ciphertexts = columns.div_ceil(layout.block_cols());
            for (ciphertext, slot) in places {
                prop_assert!(ciphertext < ciphertexts && slot < layout.slots());
            }
        }
    }
}
