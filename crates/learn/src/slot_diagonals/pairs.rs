//! Two blocks of samples as the real and the imaginary part of one vector.

use std::ops::Range;

use tapetum_ckks::{Ciphertext, Complex64, Plaintext};

use super::OnDiagonals;
use crate::error::{LearnError, Result};
use crate::labels::Labels;
use crate::layout::Layout;
use crate::packing;
use crate::task::outputs;

impl OnDiagonals<'_> {
    /// The first, and `sign` i times the second, if there is one.
    pub fn side_by_side(&self, parts: Vec<Ciphertext>, sign: i32) -> Result<Ciphertext> {
        let evaluator = self.evaluator;
        let mut parts = parts.into_iter();
        let mut both = parts.next().ok_or(LearnError::Empty("blocks of a pair"))?;
        for second in parts {
            let second = evaluator.mul_by_i(&second)?;
            match sign {
                1 => evaluator.add_assign(&mut both, &second)?,
                _ => evaluator.sub_assign(&mut both, &second)?,
            }
        }
        Ok(both)
    }

    /// Twice the real and, of two parts, twice the imaginary one: one key switch.
    pub fn apart(&self, both: &Ciphertext, parts: usize) -> Result<Vec<Ciphertext>> {
        let evaluator = self.evaluator;
        let conjugate = evaluator.conjugate(both)?;
        let mut apart = vec![evaluator.add(both, &conjugate)?];
        if parts == 2 {
            apart.push(evaluator.mul_by_i(&evaluator.sub(&conjugate, both)?)?);
        }
        Ok(apart)
    }

    /// Columns of one number a sample for the blocks of a pair, the second times `unit`.
    pub fn constants(
        &self,
        columns: &[Vec<f64>],
        (layout, members): (&Layout, &Range<usize>),
        unit: Complex64,
        level: usize,
    ) -> Result<Plaintext> {
        let mut slots = vec![Complex64::ZERO; layout.slots()];
        for (unit, block) in [Complex64::ONE, unit].into_iter().zip(members.clone()) {
            let of_block = packing::repeated_columns(columns, layout, block, 0);
            for (slot, constant) in slots.iter_mut().zip(of_block) {
                *slot += unit * constant;
            }
        }
        Ok(self.evaluator.encoder().encode_complex(&slots, level)?)
    }
}

/// The labels of a pair of blocks.
pub(crate) struct PairLabels<'a> {
    /// Of all blocks.
    pub labels: &'a Labels,
    pub layout: &'a Layout,
    pub members: &'a Range<usize>,
}

impl PairLabels<'_> {
    /// Values of a pair, the second times - i, with a constant for every sample and less the targets of its label.
    pub fn subtract(
        &self,
        on_diagonals: &OnDiagonals<'_>,
        values: &Ciphertext,
        constant: f64,
    ) -> Result<Ciphertext> {
        let (evaluator, level) = (on_diagonals.evaluator, values.level());
        let outputs = outputs(self.labels.classes());
        let mut constants = vec![vec![constant; self.layout.rows()]; outputs];
        if let Labels::Clear(labels) = self.labels {
            for (constants, targets) in constants.iter_mut().zip(labels.targets()) {
                constants.iter_mut().zip(targets).for_each(|(c, y)| *c -= y);
            }
        }
        let of_pair = (self.layout, self.members);
        let constants = on_diagonals.constants(&constants, of_pair, -Complex64::I, level)?;
        let residuals = evaluator.add_plain(values, &constants)?;
        match self.labels {
            Labels::Clear(_) => Ok(residuals),
            Labels::Encrypted(labels) => {
                let labels = labels.vectors()[self.members.clone()]
                    .iter()
                    .map(|labels| Ok(evaluator.lower_to(labels, level)?))
                    .collect::<Result<Vec<_>>>()?;
                Ok(evaluator.sub(&residuals, &on_diagonals.side_by_side(labels, -1)?)?)
            }
        }
    }
}
