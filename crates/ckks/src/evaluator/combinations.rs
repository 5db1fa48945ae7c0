//! Many linear combinations of the same ciphertexts at once.

use tapetum_ring::{Evaluation, Poly, add_linear_combinations, linear_combinations};

use super::linear::Constant;
use super::{Evaluator, check_degree, check_levels, check_scales};
use crate::ciphertext::Ciphertext;
use crate::evaluator::EvaluationError;

impl Evaluator {
    /// Output m is the sum over k of `weights[m][k] inputs[k]`, slot by slot: a product with a matrix of real
    /// numbers, one row of weights per output. Weights are encoded at the canonical scale of the level, as by
    /// [`mul_scalar`](Self::mul_scalar), so rescale the outputs afterwards.
    ///
    /// Every input is read once for all outputs, which makes this many times faster than products and sums one by
    /// one. An input of degree 2 stays that: outputs have the highest degree among the inputs, and one
    /// relinearisation each is enough.
    ///
    /// The error of an output is the sum of those of its inputs times the weights, and that of the rounded weights:
    /// at most the sum of the magnitudes in the slot over twice the canonical scale.
    ///
    /// # Errors
    /// If there is no input, a row has not one weight per input, a weight is not finite or too large, parameters,
    /// levels or scales differ, or the scale leaves no room under the modulus.
    ///
    /// ```
    /// use tapetum_ckks::*;
    ///
    /// let parameters = Parameters::preset(Preset::N13);
    /// let secret = SecretKey::generate(&parameters)?;
    /// let evaluator = Evaluator::new(&parameters);
    /// let encrypt = |values: &[f64]| -> Result<Ciphertext, Box<dyn std::error::Error>> {
    ///     let plain = evaluator.encoder().encode(values, parameters.max_level())?;
    ///     Ok(Encryptor::with_secret_key(&secret).encrypt(&plain)?)
    /// };
    /// let (x, y) = (encrypt(&[1.0, 2.0])?, encrypt(&[10.0, 20.0])?);
    ///
    /// let weights = [[0.5, 0.25], [-1.0, 1.0], [0.0, 3.0]];
    /// let sums = evaluator.linear_combinations(&[&x, &y], &weights)?;
    /// let last = evaluator.rescale(&sums[1])?;
    /// let found = evaluator.encoder().decode(&Decryptor::new(&secret).decrypt(&last)?);
    /// assert!((found[0] - 9.0).abs() < 1e-4 && (found[1] - 18.0).abs() < 1e-4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn linear_combinations(
        &self,
        inputs: &[&Ciphertext],
        weights: &[impl AsRef<[f64]>],
    ) -> Result<Vec<Ciphertext>, EvaluationError> {
        let first = self.check_inputs(inputs)?;
        let own = self.parameters().scale(first.level());
        let scale = self.checked_scale(first.scale() * own, first.level())?;
        let constant = |weight: &f64| Constant::new(*weight, own);
        let constants = constants(inputs.len(), weights, constant)?;
        self.combinations(inputs, &constants, scale)
    }

    /// Adds [`linear_combinations`](Self::linear_combinations) to what there is: sums of so many terms that they are
    /// not all to be in memory at once.
    ///
    /// # Errors
    /// As [`linear_combinations`](Self::linear_combinations), and if there are not as many rows as sums, or a sum has not
    /// the scale of its terms, or a lower degree.
    pub fn add_linear_combinations(
        &self,
        sums: &mut [Ciphertext],
        inputs: &[&Ciphertext],
        weights: &[impl AsRef<[f64]>],
    ) -> Result<(), EvaluationError> {
        let first = self.check_inputs(inputs)?;
        let own = self.parameters().scale(first.level());
        let scale = self.checked_scale(first.scale() * own, first.level())?;
        if sums.len() != weights.len() {
            return Err(EvaluationError::Inputs {
                found: weights.len(),
                expected: sums.len(),
            });
        }
        for sum in &*sums {
            self.check_own(sum.parameters())?;
            check_levels(sum.level(), first.level())?;
            check_scales(sum.scale(), scale)?;
            // What has a third part goes to sums that have one.
            let input = inputs.iter().find(|input| input.degree() > sum.degree());
            input.map_or(Ok(()), |input| {
                check_degree("adding to sums of degree 1", input, sum.degree())
            })?;
        }
        let constant = |weight: &f64| Constant::new(*weight, own);
        let constants = constants(inputs.len(), weights, constant)?;
        let basis = self.parameters().q(first.level());
        for part in 0..=2 {
            let (indices, polys) = parts(inputs, part);
            if polys.is_empty() {
                continue;
            }
            let mut sums: Vec<_> = sums
                .iter_mut()
                .map(|sum| &mut sum.parts_mut()[part])
                .collect();
            add_linear_combinations(basis, &polys, &mut sums, |m, k, i| {
                constants[m][indices[k]].residue(basis.modulus(i))
            });
        }
        Ok(())
    }

    /// [`linear_combinations`](Self::linear_combinations) with whole numbers: exact, and at no cost of scale or
    /// level. Fastest where weights are small: up to 8 bits or so.
    ///
    /// # Errors
    /// If there is no input, a row has not one weight per input, or parameters, levels or scales differ.
    pub fn integer_combinations(
        &self,
        inputs: &[&Ciphertext],
        weights: &[impl AsRef<[i64]>],
    ) -> Result<Vec<Ciphertext>, EvaluationError> {
        let first = self.check_inputs(inputs)?;
        let constant = |weight: &i64| Ok(Constant::from(*weight));
        let constants = constants(inputs.len(), weights, constant)?;
        self.combinations(inputs, &constants, first.scale())
    }

    /// The first of inputs that fit together.
    fn check_inputs<'a>(
        &self,
        inputs: &[&'a Ciphertext],
    ) -> Result<&'a Ciphertext, EvaluationError> {
        let &first = inputs.first().ok_or(EvaluationError::Empty)?;
        for input in inputs {
            self.check_own(input.parameters())?;
            check_levels(first.level(), input.level())?;
            check_scales(first.scale(), input.scale())?;
        }
        Ok(first)
    }

    fn combinations(
        &self,
        inputs: &[&Ciphertext],
        constants: &[Vec<Constant>],
        scale: f64,
    ) -> Result<Vec<Ciphertext>, EvaluationError> {
        let basis = self.parameters().q(inputs[0].level());
        let mut outputs: Vec<Vec<Poly<Evaluation>>> = vec![Vec::new(); constants.len()];
        let degree = inputs.iter().map(|input| input.degree()).max();
        for part in 0..=degree.unwrap_or(1) {
            let (indices, polys) = parts(inputs, part);
            let sums = linear_combinations(basis, &polys, constants.len(), |m, k, i| {
                constants[m][indices[k]].residue(basis.modulus(i))
            });
            for (output, sum) in outputs.iter_mut().zip(sums) {
                output.push(sum);
            }
        }
        Ok(outputs
            .into_iter()
            .map(|parts| Ciphertext::new(self.parameters(), parts, scale))
            .collect())
    }
}

/// A part of each input, with the input's place; those of degree 1 have no third part.
fn parts<'a>(inputs: &[&'a Ciphertext], part: usize) -> (Vec<usize>, Vec<&'a Poly<Evaluation>>) {
    let inputs = inputs.iter().enumerate();
    inputs
        .filter_map(|(k, input)| Some((k, input.parts().get(part)?)))
        .unzip()
}

/// The weights as integers, once each row has one per input.
fn constants<W>(
    inputs: usize,
    weights: &[impl AsRef<[W]>],
    constant: impl Fn(&W) -> Result<Constant, EvaluationError>,
) -> Result<Vec<Vec<Constant>>, EvaluationError> {
    let row = |(output, row): (usize, &_)| {
        let row: &[W] = AsRef::<[W]>::as_ref(row);
        if row.len() != inputs {
            let found = row.len();
            return Err(EvaluationError::Weights {
                output,
                found,
                inputs,
            });
        }
        row.iter().map(&constant).collect()
    };
    weights.iter().enumerate().map(row).collect()
}
