//! What a plan will cost, counted.

use tapetum_ckks::Parameters;
use tapetum_learn::{EncryptedLabels, EstimatorConfig, Layout, OperationCounts};

use super::Plan;
use crate::error::Result;

impl Plan {
    /// Ciphertexts of the encrypted labels of samples in this layout.
    pub fn label_ciphertexts(&self, layout: &Layout) -> usize {
        layout.grid_rows() * EncryptedLabels::ciphertexts_per_row(layout, self.classes)
    }

    /// Classifying samples in this layout: for each row of blocks, as often as there are classes, a
    /// relinearisation and the sum over features.
    pub fn classification_operations(&self, layout: &Layout) -> OperationCounts {
        let turns = match self.classes {
            2 => 1,
            many => many.next_power_of_two(),
        };
        let sum = 1 + layout.block_cols().ilog2() as usize;
        OperationCounts {
            key_switches: layout.grid_rows() * turns * sum,
            products: layout.blocks() * turns,
        }
    }

    /// Ciphertexts that training holds at a time beside samples and labels.
    pub fn copies(&self, layout: &Layout) -> usize {
        let outputs = match self.classes {
            2 => 1,
            many => many,
        };
        let computing = 8 * rayon::current_num_threads();
        computing
            + match self.learner() {
                // Diagonals, of three parts until they are relinearised, and four rotated blocks.
                Some(EstimatorConfig::Fisher(_) | EstimatorConfig::Ridge(_)) => {
                    let root = (layout.cols() as f64).sqrt().ceil() as usize;
                    layout.cols() * 3 / 2 + 4 * 2 * root
                }
                Some(EstimatorConfig::Logistic(config) | EstimatorConfig::OneVsRest(config)) => {
                    outputs * layout.grid_cols() * (2 + config.iterations.min(4))
                }
                _ => 4 * layout.grid_cols(),
            }
    }

    /// Bytes that bootstrapping takes beside its keys.
    pub fn bootstrapping_memory(&self, parameters: &Parameters) -> Result<u64> {
        Ok(match self.training_spec()?.bootstrapping(parameters)? {
            Some(plan) => {
                let estimate = plan.estimate()?;
                estimate.matrix_bytes + estimate.scratch_bytes
            }
            None => 0,
        })
    }
}
