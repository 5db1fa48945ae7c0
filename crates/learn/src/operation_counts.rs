//! What a training costs, counted before anything is spent.

use crate::layout::{Layout, paired_key_switches};
use crate::least_squares::Diagonals;
use crate::task::{LabelKind, Task, outputs};

/// Operations on ciphertexts that take nearly all of the time of a training. What one takes depends
/// on level and machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationCounts {
    /// Relinearisations, rotations and conjugations.
    pub key_switches: usize,
    /// Products of ciphertexts that are added up before they are relinearised.
    pub products: usize,
}

impl OperationCounts {
    /// Of key switches alone.
    pub(crate) fn key_switches(key_switches: usize) -> Self {
        Self {
            key_switches,
            products: 0,
        }
    }

    /// Of the Gram matrix of samples in this layout, and of the moments of labels in as many columns
    /// as `moments` says, or of the outputs if none; then of `steps` steps of the solution.
    pub(crate) fn least_squares(
        layout: &Layout,
        task: Task,
        moments: Moments,
        steps: usize,
    ) -> Self {
        // A layout that does not do is refused when it is used.
        let Ok(shape) = Diagonals::new(layout, task.classes) else {
            return Self::default();
        };
        let outputs = outputs(task.classes);
        let summing =
            |vectors: usize| vectors + paired_key_switches(vectors, layout.column_rotations());
        // Moments are summed over the rows with the diagonals, means apart from them.
        let (with_bands, apart, solved) = match (moments, task.labels) {
            (Moments::ClassMeans, _) => (0, 2 * layout.transposed_times_key_switches(), 1),
            (Moments::Outputs, LabelKind::Encrypted) if outputs > 1 => {
                (2 * outputs.next_power_of_two(), 0, outputs)
            }
            (Moments::Outputs, _) => (outputs, 0, outputs),
        };
        let rotations = shape.babies + shape.giants;
        let a_step = 3 * rotations;
        Self {
            key_switches: layout.grid_rows() * rotations
                + summing(shape.count() + with_bands)
                + apart
                + solved.div_ceil(2) * (steps - 1) * a_step,
            products: layout.grid_rows() * shape.count(),
        }
    }
}

/// What least squares needs of the labels.
#[derive(Clone, Copy)]
pub(crate) enum Moments {
    /// The means of two classes.
    ClassMeans,
    /// A column for each output.
    Outputs,
}
