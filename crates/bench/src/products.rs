//! Sums of products with matrices: many ciphertexts at once, and residues alone.

use tapetum::Result;
use tapetum_ckks::{Ciphertext, Evaluator, ResidueMatrix};

use super::operations::Rows;

/// Outputs and inputs of the combinations.
const OUTPUTS: usize = 16;
const INPUTS: usize = 16;

/// A prime of 40 bits: 2^40 - 87.
const PRIME: u64 = (1 << 40) - 87;
/// Rows of the first matrix, terms, and columns of the second.
const SHAPE: [usize; 3] = [256, 1024, 256];

impl Rows<'_> {
    /// 16 outputs of 16 ciphertexts, with real weights and with weights of 8 bits.
    pub(super) fn combinations(&mut self, a: &Ciphertext) -> Result<()> {
        let evaluator = Evaluator::new(self.parameters());
        let step = self.step("linear combinations");
        let inputs = (1..=INPUTS as i64)
            .map(|k| Ok(evaluator.mul_integer(a, k)?))
            .collect::<Result<Vec<_>>>()?;
        let inputs: Vec<_> = inputs.iter().collect();
        let weight = |m: usize, k: usize| (m * INPUTS + k) as f64;
        let row = |m| (0..INPUTS).map(move |k| weight(m, k).sin()).collect();
        let weights: Vec<Vec<f64>> = (0..OUTPUTS).map(row).collect();
        let real = || Ok(evaluator.linear_combinations(&inputs, &weights)?);
        self.time("combinations_16x16", real)?;
        let whole = |row: &Vec<f64>| row.iter().map(|w| (127.0 * w) as i64).collect();
        let weights: Vec<Vec<i64>> = weights.iter().map(whole).collect();
        let exact = || Ok(evaluator.integer_combinations(&inputs, &weights)?);
        self.time("combinations_8_bit", exact)?;
        step.finish();
        Ok(())
    }

    /// The same whatever the parameters.
    pub(super) fn residue_product(&mut self) -> Result<()> {
        let [rows, terms, columns] = SHAPE;
        let entries = |count: usize, step: i64| -> Vec<i64> {
            (0..count as i64).map(|i| i.wrapping_mul(step)).collect()
        };
        let error = |error| tapetum::Error::input(format!("{error}"));
        let a = entries(rows * terms, 0x5851_f42d_4c95_7f2d);
        let a = ResidueMatrix::new(PRIME, terms, &a).map_err(error)?;
        let b = entries(terms * columns, 0x1e37_79b9_7f4a_7c15);
        let b = ResidueMatrix::new(PRIME, columns, &b).map_err(error)?;
        let product = |()| a.product(&b).map_err(error);
        self.time_on("residue_matrices", 1, || (), product)
    }
}
