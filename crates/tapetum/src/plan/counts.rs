//! What a plan will cost, counted.

use tapetum_learn::{EncryptedLabels, EstimatorConfig, Layout, OperationCounts, TwoLayer};

use super::Plan;

impl Plan {
    /// Ciphertexts of the encrypted labels of samples in this layout.
    pub fn label_ciphertexts(&self, layout: &Layout) -> usize {
        layout.grid_rows() * EncryptedLabels::ciphertexts_per_row(layout, self.classes)
    }

    /// Classifying samples in this layout: for each row of blocks, as often as there are classes, a
    /// relinearisation and the sum over features. A network is unpacked once and evaluated two rows of blocks at a time.
    pub fn classification_operations(&self, layout: &Layout) -> OperationCounts {
        if let Some(EstimatorConfig::TwoLayer(config)) = self.learner()
            && let Ok(network) = TwoLayer::new(*config)
        {
            return network.classification_counts(layout, self.classes);
        }
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
}
