//! A training that was interrupted goes on from its last iteration, to the same weights bit for
//! bit: no step is random, and the encrypted state is stored as it is.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tapetum_ckks::Ciphertext;
use tapetum_ckks::wire::Bundle;

use super::Training;
use super::terms::Iterates;
use crate::error::{LearnError, Result, check_equal};
use crate::linear_model::LinearModel;
use crate::matrix::check_vectors;
use crate::mini_batch::{TRAINING_STATE, malformed};
use crate::task::outputs;

/// What the ciphertexts of a checkpoint do not say.
#[derive(Serialize, Deserialize)]
struct State {
    /// Of everything that the training depends on.
    inputs: [u8; 32],
    iteration: u32,
    /// Whether the first ciphertext is the bootstrapped weights, from which v and w are unpacked.
    packed: bool,
    /// The coefficients of the terms in v and w, the unpacked two among them.
    v: Vec<f64>,
    w: Vec<f64>,
}

/// What a checkpoint says, and its ciphertexts.
fn read_state<S: DeserializeOwned>(bundle: Bundle<'_>) -> Result<(S, Vec<Ciphertext>)> {
    let (metadata, ciphertexts) = bundle.into_contents(Training::KIND)?;
    match postcard::take_from_bytes(&metadata) {
        Ok((state, [])) => Ok((state, ciphertexts)),
        _ => Err(malformed()),
    }
}

impl<'a> Training<'a> {
    /// The kind of bundle that holds the state of a training.
    pub const KIND: &'static str = TRAINING_STATE;

    /// Everything needed to go on: the weights after the last bootstrap, packed, and the gradients
    /// since then. `inputs` is a hash of what the result depends on besides: settings, keys,
    /// data.
    ///
    /// # Errors
    /// [`LearnError::Wire`] if it has more ciphertexts than a bundle may hold.
    pub fn checkpoint(&self, inputs: [u8; 32]) -> Result<Bundle<'static>> {
        let terms: Vec<_> = self.iterates.terms().collect();
        let state = State {
            inputs,
            iteration: self.iteration as u32,
            packed: self.packed.is_some(),
            v: terms.iter().map(|&(_, v, _)| v).collect(),
            w: terms.iter().map(|&(_, _, w)| w).collect(),
        };
        let unpacked = self.unpacked_terms();
        let gradients = terms.iter().skip(unpacked).flat_map(|&(term, ..)| term);
        let ciphertexts: Vec<_> = self.packed.iter().chain(gradients).cloned().collect();
        let bytes = postcard::to_allocvec(&state).map_err(|_| malformed())?;
        let parameters = self.gradient.evaluator.parameters();
        Ok(Bundle::new(parameters, Self::KIND, bytes, ciphertexts)?)
    }

    /// Puts a training that has not begun where the checkpoint of one with the same `inputs` and the same
    /// arguments was made.
    ///
    /// # Errors
    /// [`LearnError::OtherInputs`] if the inputs are others, [`LearnError`] if the bundle is not such a
    /// checkpoint.
    pub fn restore(&mut self, inputs: [u8; 32], bundle: Bundle<'_>) -> Result<()> {
        let (state, mut ciphertexts): (State, _) = read_state(bundle)?;
        if state.inputs != inputs {
            return Err(LearnError::OtherInputs);
        }
        let iteration = state.iteration as usize;
        let terms = state.v.len();
        let finite = state.v.iter().chain(&state.w).all(|c| c.is_finite());
        // Coefficients are of standardised steps; a momentum is below 1.
        let fits = iteration <= self.gradient.descent.iterations()
            && terms == state.w.len()
            && finite
            && (terms == 0 || state.v[terms - 1] == 1.0 || (terms == 2 && state.packed));
        if !fits {
            return Err(malformed());
        }
        self.iteration = iteration;
        if state.packed {
            if ciphertexts.is_empty() {
                return Err(malformed());
            }
            let packed = ciphertexts.remove(0);
            check_vectors("a training state", std::slice::from_ref(&packed))?;
            check_equal(
                "the level of a training state",
                self.top + 1,
                packed.level(),
            )?;
            self.packed = Some(packed);
        }
        let unpacked = self.unpacked_terms();
        let count = outputs(self.gradient.task.classes) * self.gradient.layout.grid_cols();
        let gradients = terms.checked_sub(unpacked).ok_or_else(malformed)?;
        check_equal(
            "ciphertexts of a training state",
            gradients * count,
            ciphertexts.len(),
        )?;
        self.iterates = match (&self.packed, self.chunks) {
            (Some(packed), Some(chunks)) => {
                let bound = self.gradient.descent.batches.weight_bound;
                chunks.unpack(&self.gradient.evaluator, packed, bound)?
            }
            (None, _) => Iterates::zero(),
            _ => return Err(malformed()),
        };
        for gradient in ciphertexts.chunks_exact(count) {
            check_gradient(self, gradient)?;
            self.iterates.push(gradient.to_vec());
        }
        self.iterates.set_coefficients(state.v, state.w);
        match self.iterates.level() {
            Some(level) if level < self.lowest_level() => Err(malformed()),
            None if terms > 0 => Err(malformed()),
            _ => Ok(()),
        }
    }

    /// What is left must suffice for the next bootstrap, or for all iterations and a model.
    fn lowest_level(&self) -> usize {
        let (descent, classes) = (&self.gradient.descent, self.gradient.task.classes);
        if let Some(bootstrap) = &self.bootstrap {
            return descent.floor(bootstrap.levels(), classes);
        }
        let iterations = descent.iterations() - self.iteration;
        let scaling = usize::from(outputs(classes) > 1);
        LinearModel::LEVEL + scaling + iterations * descent.iteration_levels()
    }

    /// Terms that come from the packed weights.
    fn unpacked_terms(&self) -> usize {
        if self.packed.is_some() { 2 } else { 0 }
    }
}

/// A gradient lies below everything before it.
fn check_gradient(training: &Training<'_>, gradient: &[Ciphertext]) -> Result<()> {
    check_vectors("a training state", gradient)?;
    if gradient[0].parameters() != training.gradient.evaluator.parameters() {
        return Err(LearnError::Parameters("the training state"));
    }
    let above = training.iterates.level().unwrap_or(training.top);
    match gradient[0].level() < above {
        true => Ok(()),
        false => Err(malformed()),
    }
}
