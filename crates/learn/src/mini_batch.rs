//! What methods that train in mini-batches have in common.

use serde::{Deserialize, Serialize};
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Ciphertext, Parameters, SlotKind};

use crate::bootstrap::BootstrapLevels;
use crate::error::{LearnError, Result, check_equal};
use crate::layout::Layout;
use crate::matrix::check_vectors;
use crate::requirements::Requirements;
use crate::task::Task;

/// Most gradient steps of a training.
pub const MAX_ITERATIONS: usize = 1 << 16;

/// The kind of bundle that holds the state of a training.
pub(crate) const TRAINING_STATE: &str = "training-state";

/// A method that reads one mini-batch for each of its iterations, as a plan sees it.
pub(crate) trait MiniBatchMethod {
    /// Samples of a mini-batch.
    fn batch_rows(&self) -> usize;

    /// What training needs on batches in this layout, and a model that can classify.
    fn requirements(
        &self,
        layout: &Layout,
        task: Task,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<Requirements>;

    /// The level at which batches and their labels are to be encrypted.
    fn batch_level(
        &self,
        layout: &Layout,
        task: Task,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<usize>;

    /// Slots after which a bootstrapped vector repeats, and what is in them.
    fn packed(&self, layout: &Layout, classes: usize) -> Result<(usize, SlotKind)>;

    /// Key switches that take as long as all bootstraps.
    fn bootstrapping_key_switches(
        &self,
        layout: &Layout,
        levels: BootstrapLevels,
        classes: usize,
    ) -> Result<usize>;

    /// Key switches of all iterations, without bootstraps.
    fn key_switches(&self, layout: &Layout, task: Task) -> usize;
}

/// The batch that an iteration reads, of `iterations` and of so many batches; none after the last.
pub(crate) fn upcoming(iteration: usize, iterations: usize, batches: usize) -> Option<usize> {
    (iteration < iterations).then(|| iteration % batches.max(1))
}

/// What the ciphertext of a checkpoint does not say, of a training whose weights are in one.
#[derive(Serialize, Deserialize)]
struct State {
    /// Of everything that the training depends on.
    inputs: [u8; 32],
    iteration: u32,
}

/// A checkpoint: the packed weights, if an iteration is done.
pub(crate) fn write_state(
    parameters: &Parameters,
    (inputs, iteration): ([u8; 32], usize),
    packed: Option<&Ciphertext>,
) -> Result<Bundle<'static>> {
    let state = State {
        inputs,
        iteration: iteration as u32,
    };
    let bytes = postcard::to_allocvec(&state).map_err(|_| malformed())?;
    let packed: Vec<_> = packed.cloned().into_iter().collect();
    Ok(Bundle::new(parameters, TRAINING_STATE, bytes, packed)?)
}

/// Iterations and weights of a checkpoint that was made for a training with these parameters, at this level, of so many
/// iterations.
pub(crate) fn read_state(
    bundle: Bundle<'_>,
    inputs: [u8; 32],
    (parameters, level, iterations): (&Parameters, usize, usize),
) -> Result<(usize, Option<Ciphertext>)> {
    let (metadata, weights) = bundle.into_contents(TRAINING_STATE)?;
    let Ok((state, [])) = postcard::take_from_bytes::<State>(&metadata) else {
        return Err(malformed());
    };
    if state.inputs != inputs {
        return Err(LearnError::OtherInputs);
    }
    let iteration = state.iteration as usize;
    if iteration > iterations {
        return Err(malformed());
    }
    let expected = usize::from(iteration > 0);
    check_equal("ciphertexts of a training state", expected, weights.len())?;
    if let Some(weights) = weights.first() {
        check_vectors("a training state", std::slice::from_ref(weights))?;
        if weights.parameters() != parameters {
            return Err(LearnError::Parameters("the training state"));
        }
        check_equal("the level of a training state", level, weights.level())?;
    }
    Ok((iteration, weights.into_iter().next()))
}

pub(crate) fn malformed() -> LearnError {
    LearnError::Malformed {
        what: "a training state",
        reason: "its parts do not fit together",
    }
}
