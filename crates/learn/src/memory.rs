//! How much memory a training takes beside its keys.

use tapetum_ckks::Parameters;

use crate::error::{LearnError, Result};
use crate::estimator_config::EstimatorConfig;
use crate::files::SampleShape;
use crate::layout::{Layout, SlotOrder};
use crate::task::outputs;
use crate::training_spec::TrainingSpec;

/// Bytes of a residue in memory.
const RESIDUE: u64 = 8;

/// Bytes of a ciphertext of degree 1 in memory.
pub fn ciphertext_bytes(parameters: &Parameters, level: usize) -> u64 {
    2 * (level as u64 + 1) * RESIDUE * parameters.degree() as u64
}

impl TrainingSpec {
    /// About how many bytes training takes at most beside its keys, if so many bytes of samples and labels are in memory
    /// at a time.
    ///
    /// # Errors
    /// [`LearnError`] if settings are out of range or shapes cannot be packed.
    pub fn training_bytes(&self, parameters: &Parameters, samples: u64) -> Result<u64> {
        let layout = self.batch_layout(parameters)?;
        let copies = self.copies(&layout) as u64 * ciphertext_bytes(parameters, self.levels);
        let bootstrapping = match self.bootstrapping(parameters)? {
            Some(plan) => {
                let estimate = plan.estimate();
                let estimate =
                    estimate.map_err(|_| LearnError::Parameters("the bootstrapping of weights"))?;
                estimate.matrix_bytes + estimate.scratch_bytes
            }
            None => 0,
        };
        Ok(samples.saturating_add(copies + bootstrapping))
    }

    /// About how many bytes classification takes at most beside its keys, for samples of this shape.
    pub fn classification_bytes(&self, parameters: &Parameters, samples: &SampleShape) -> u64 {
        let of_scores = classification_bytes(parameters, samples, self.classes);
        let Some(units) = self.learner.hidden_units() else {
            return of_scores;
        };
        // The diagonals of a network; what they are taken from, two levels higher; and for each thread two blocks, rotated.
        let diagonals = units + outputs(self.classes).next_power_of_two();
        let copies = 2 * diagonals + 24 * rayon::current_num_threads();
        let network = copies as u64 * ciphertext_bytes(parameters, samples.level);
        of_scores.saturating_add(network)
    }

    /// Ciphertexts that training holds at a time beside samples and labels.
    fn copies(&self, layout: &Layout) -> usize {
        let computing = 8 * rayon::current_num_threads();
        let rows = self.batch_rows().ok().flatten().unwrap_or(1);
        let pairs = rows.div_ceil(2 * layout.block_rows());
        computing
            + match &self.learner {
                // Diagonals and, lower, their gradients; for every two blocks 16 rotations.
                EstimatorConfig::TwoLayer(config) => {
                    let outputs = outputs(self.classes).next_power_of_two();
                    3 * (config.hidden_units + outputs) / 2 + 16 * pairs
                }
                // Diagonals, of three parts until they are relinearised, and four rotated blocks.
                EstimatorConfig::Fisher(_) | EstimatorConfig::Ridge(_) => {
                    let root = (layout.cols() as f64).sqrt().ceil() as usize;
                    layout.cols() * 3 / 2 + 4 * 2 * root
                }
                // Diagonals, their gradients and the products before them, of three parts; for every two blocks 8 rotations.
                EstimatorConfig::OneVsRest(_) | EstimatorConfig::Softmax(_)
                    if layout.order() == SlotOrder::Columns =>
                {
                    4 * outputs(self.classes).next_power_of_two() + 8 * pairs
                }
                EstimatorConfig::Logistic(config) | EstimatorConfig::OneVsRest(config) => {
                    outputs(self.classes) * layout.grid_cols() * (2 + config.iterations.min(4))
                }
                EstimatorConfig::LinearMeans | EstimatorConfig::Softmax(_) => {
                    4 * layout.grid_cols()
                }
            }
    }
}

/// About how many bytes classification takes at most beside its keys, for samples of this shape and a model of so many
/// classes.
pub fn classification_bytes(parameters: &Parameters, samples: &SampleShape, classes: usize) -> u64 {
    let layout = &samples.layout;
    let model = outputs(classes) * layout.grid_cols();
    let scores = outputs(classes) * layout.grid_rows();
    let computing = 8 * rayon::current_num_threads();
    let working = (model + scores + computing) as u64 * ciphertext_bytes(parameters, samples.level);
    samples.expanded_bytes.saturating_add(working)
}
