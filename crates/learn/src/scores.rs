//! Encrypted scores: what leaves the server.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Decryptor, Encoder, Evaluator, Parameters};

use crate::error::{LearnError, check_equal};
use crate::layout::Layout;
use crate::matrix::check_vectors;

/// The scores of samples under encryption, one slot a sample and zero in all other slots.
///
/// The scores of up to `block_cols` rows of blocks share a ciphertext. Those of the first lie in
/// the first column, those of the next are moved one slot to the left of it, and so on; with the
/// columns counted cyclically that is the last column of the row above. The rotation to the left
/// is one that every server with a model can do.
#[derive(Clone, Debug, PartialEq)]
pub struct EncryptedScores {
    layout: Layout,
    ciphertexts: Vec<Ciphertext>,
}

/// Packs one ciphertext for each row of blocks, with scores in the first column and zeros
/// elsewhere.
pub(crate) fn pack(
    evaluator: &Evaluator,
    layout: Layout,
    columns: &[Ciphertext],
) -> Result<EncryptedScores, LearnError> {
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
        .collect::<Result<_, LearnError>>()?;
    Ok(EncryptedScores {
        layout,
        ciphertexts,
    })
}

impl EncryptedScores {
    /// Scores from their ciphertexts.
    ///
    /// # Errors
    /// [`LearnError`] if their number is not that of the layout, or they are not ciphertexts of
    /// degree 1 of the same parameters and level, at its canonical scale.
    pub fn from_ciphertexts(
        layout: Layout,
        ciphertexts: Vec<Ciphertext>,
    ) -> Result<Self, LearnError> {
        let expected = layout.grid_rows().div_ceil(layout.block_cols());
        check_equal("ciphertexts of scores", expected, ciphertexts.len())?;
        check_vectors("a set of encrypted scores", &ciphertexts)?;
        let slots = ciphertexts[0].parameters().slots();
        check_equal("slots of a block", slots, layout.slots())?;
        Ok(Self {
            layout,
            ciphertexts,
        })
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

    /// The scores in the order of the samples, for the owner. They are for nobody else: to pass
    /// scores on, decrypt the [`ciphertexts`](Self::ciphertexts) with noise flooding and
    /// [`decode`](Self::decode).
    ///
    /// # Errors
    /// [`LearnError::Decryption`] if the key is of other parameters.
    pub fn decrypt(
        &self,
        decryptor: &Decryptor,
        encoder: &Encoder,
    ) -> Result<Vec<f64>, LearnError> {
        let slots = self
            .ciphertexts
            .iter()
            .map(|ciphertext| Ok(encoder.decode(&decryptor.decrypt(ciphertext)?)))
            .collect::<Result<Vec<_>, LearnError>>()?;
        self.decode(&slots)
    }

    /// The scores in the order of the samples, from the decrypted slots of each ciphertext.
    ///
    /// # Errors
    /// [`LearnError::Shape`] unless there are as many vectors of slots as ciphertexts, of the
    /// right length.
    pub fn decode(&self, slots: &[Vec<f64>]) -> Result<Vec<f64>, LearnError> {
        check_equal("ciphertexts of scores", self.ciphertexts.len(), slots.len())?;
        for slots in slots {
            check_equal("slots of a ciphertext", self.layout.slots(), slots.len())?;
        }
        let place = |sample| {
            let (ciphertext, slot) = place(&self.layout, sample);
            slots[ciphertext][slot]
        };
        Ok((0..self.layout.rows()).map(place).collect())
    }
}

/// The ciphertext and the slot of a sample's score.
fn place(layout: &Layout, sample: usize) -> (usize, usize) {
    let (grid_row, row) = (sample / layout.block_rows(), sample % layout.block_rows());
    let (ciphertext, moved) = (
        grid_row / layout.block_cols(),
        grid_row % layout.block_cols(),
    );
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
            rows in 1usize..300,
            log_rows in 0usize..4,
            log_cols in 0usize..4,
        ) {
            prop_assume!(log_rows + log_cols > 0);
            let layout = Layout::new(rows, 5, 1 << log_rows, 1 << log_cols).unwrap();
            let places: HashSet<_> = (0..rows).map(|sample| place(&layout, sample)).collect();
            prop_assert_eq!(places.len(), rows);
            let ciphertexts = layout.grid_rows().div_ceil(layout.block_cols());
            for (ciphertext, slot) in places {
                prop_assert!(ciphertext < ciphertexts && slot < layout.slots());
            }
        }
    }
}
