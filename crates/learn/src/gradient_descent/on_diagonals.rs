//! The same method for many classes at once, on [diagonals of slots](crate::slot_diagonals).
//!
//! Every iteration begins with a bootstrap of all weights, so batches need few levels, and all work is done low:
//!
//! | step | levels |
//! |---|---|
//! | the diagonals of v from the packed vector of v and w | 2 |
//! | X v | 1 |
//! | sigmoid of degree 3 (5) | 2 (3) |
//! | products with residuals | 1 |
//! | sums over the samples, packed; times the learning rate | 3 |

use serde::{Deserialize, Serialize};
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::checkpoint::{malformed, read_state};
use super::diagonal_gradient::Iteration;
use super::steps::Step;
use super::{BOOTSTRAP_COST, GradientDescent, Training};
use crate::bootstrap::{BootstrapLevels, SharedBootstrap};
use crate::error::{LearnError, Result, check_equal};
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::matrix::check_vectors;
use crate::progress::{Counter, Listener};
use crate::requirements::Requirements;
use crate::samples::{Batch, Samples};
use crate::session::{Session, SessionStart};
use crate::slot_diagonals::{OnDiagonals, SlotDiagonals};
use crate::task::Task;
use crate::vectors::Vectors;

impl GradientDescent {
    /// Levels and keys of training on diagonals, the levels from bootstrapped weights on.
    pub(super) fn diagonal_requirements(
        &self,
        layout: &Layout,
        task: Task,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<Requirements> {
        let shape = SlotDiagonals::new(layout, task.classes)?;
        let levels = bootstrap.ok_or(LearnError::Malformed {
            what: "a training with blocks in the order of columns",
            reason: "it bootstraps its weights after every iteration, so it needs parameters that bootstrap: take the \
                     preset n16-bootstrapping",
        })?;
        let iteration = levels.input
            + SlotDiagonals::PACKING
            + SlotDiagonals::PRODUCT
            + self.sigmoid.levels()
            + SlotDiagonals::PRODUCT
            + SlotDiagonals::UNPACKING;
        let needed = iteration.max(MODEL_LEVELS);
        if levels.output < needed {
            return Err(LearnError::LevelExhausted {
                what: "an iteration between two bootstraps",
                needed,
                available: levels.output,
            });
        }
        Ok(Requirements {
            levels: needed,
            rotations: shape.rotations(),
            relinearization: true,
            conjugation: true,
        })
    }

    /// Key switches of an iteration on diagonals, without the bootstrap; nothing where it would be refused.
    pub(super) fn diagonal_key_switches(&self, layout: &Layout, task: Task, first: bool) -> usize {
        let Ok(shape) = SlotDiagonals::new(layout, task.classes) else {
            return 0;
        };
        let pairs = layout.grid_rows().div_ceil(2);
        let always = pairs * shape.rotating_key_switches() + shape.packing_key_switches();
        match first {
            true => always,
            false => {
                let scores = pairs * shape.scores_key_switches();
                let sigmoids = layout.grid_rows() * self.sigmoid.levels();
                always + shape.unpacking_key_switches() + scores + sigmoids + MOMENTUM_KEY_SWITCHES
            }
        }
    }
}

/// Levels from bootstrapped weights to a model.
const MODEL_LEVELS: usize = LinearModel::LEVEL + SlotDiagonals::ROWS + SlotDiagonals::UNPACKING;

/// v beside w and w beside v.
const MOMENTUM_KEY_SWITCHES: usize = 2;

/// A training on diagonals that is going on.
pub(crate) struct DiagonalTraining<'a> {
    descent: GradientDescent,
    evaluator: Evaluator,
    bootstrap: SharedBootstrap<'a>,
    task: Task,
    /// Of a batch, whatever its number of rows.
    layout: Layout,
    shape: SlotDiagonals,
    /// The level of batches.
    top: usize,
    iteration: usize,
    /// v and w over the bound of the weights, packed, at the level from which they are bootstrapped; none before the
    /// first iteration.
    weights: Option<Ciphertext>,
}

impl<'a> DiagonalTraining<'a> {
    /// A training from zero for batches in the shape of the layout, of which the number of rows does not matter.
    ///
    /// # Errors
    /// [`LearnError`] if there is no bootstrap, keys are missing, or levels do not suffice.
    pub fn begin(descent: GradientDescent, start: SessionStart<'a>) -> Result<Self> {
        let SessionStart {
            evaluator,
            layout,
            task,
            bootstrap,
        } = start;
        descent.check_classes(task.classes)?;
        let levels = bootstrap.as_ref().map(|bootstrap| bootstrap.levels());
        let needs = descent.requirements(&layout, task, levels)?;
        needs.start_level(
            "training",
            evaluator.parameters().max_level(),
            0,
            &evaluator,
        )?;
        let top = descent.batch_level(&layout, task, levels)?;
        let bootstrap = bootstrap.ok_or(LearnError::Empty("bootstraps of weights"))?;
        Ok(Self {
            shape: SlotDiagonals::new(&layout, task.classes)?,
            descent,
            evaluator,
            bootstrap,
            task,
            layout,
            top,
            iteration: 0,
            weights: None,
        })
    }

    fn on_diagonals(&self) -> OnDiagonals<'_> {
        OnDiagonals {
            evaluator: &self.evaluator,
            shape: &self.shape,
        }
    }

    /// The weights, bootstrapped and brought to `level`.
    fn bootstrapped(&self, weights: &Ciphertext, level: usize) -> Result<Ciphertext> {
        let fresh = self.bootstrap.bootstrap(&self.evaluator, weights)?;
        Ok(self.evaluator.lower_to(&fresh, level)?)
    }

    fn model(&self) -> Result<LinearModel> {
        let weights = self.weights.as_ref();
        let weights = weights.ok_or(LearnError::Empty("iterations that are done"))?;
        let on_diagonals = self.on_diagonals();
        let weights = self.bootstrapped(weights, MODEL_LEVELS)?;
        let weights = on_diagonals.w_as_v(&weights)?;
        let diagonals = on_diagonals.unpack(&weights, self.descent.batches.weight_bound)?;
        let rows = on_diagonals.to_rows(&diagonals)?;
        let (features, width) = (self.layout.cols(), self.layout.block_cols());
        LinearModel::from_ciphertexts(features, width, self.task.classes, vec![rows], None)
    }
}

impl Session for DiagonalTraining<'_> {
    fn upcoming(&self, ahead: usize, batches: usize) -> Option<usize> {
        self.descent.upcoming(self.iteration + ahead, batches)
    }

    /// Does one iteration, after a bootstrap unless it is the first.
    fn add(&mut self, (features, labels): &Batch, progress: &mut Listener<'_>) -> Result<()> {
        let Some(&Step { rate, momentum }) = self.descent.steps.get(self.iteration) else {
            return Err(LearnError::Empty("iterations left"));
        };
        let samples = Samples::new(&self.evaluator, features, labels);
        samples.check_batch(&self.layout, self.task, self.top)?;
        let first = self.weights.is_none();
        let cost = (self.descent).iteration_key_switches(features.layout(), self.task, first);
        let counter = Counter::new(cost + if first { 0 } else { BOOTSTRAP_COST }, progress);

        let (on_diagonals, bound) = (self.on_diagonals(), self.descent.batches.weight_bound);
        let polynomial = self.descent.sigmoid.monic(1.0);
        let weights = match &self.weights {
            Some(weights) => {
                let packed = self.bootstrapped(weights, self.top + SlotDiagonals::UNPACKING)?;
                counter.add(BOOTSTRAP_COST, "bootstrapping weights");
                // Real and imaginary parts come out doubled.
                let diagonals = on_diagonals.unpack(&packed, bound * polynomial.scale / 2.0)?;
                counter.add(self.shape.unpacking_key_switches(), "unpacking weights");
                Some((packed, diagonals))
            }
            None => None,
        };
        let iteration = Iteration {
            on_diagonals,
            vectors: Vectors {
                evaluator: &self.evaluator,
                layout: &self.layout,
                counter: &counter,
            },
            sigmoid: polynomial,
            matrix: features,
            labels,
            classes: self.task.classes,
            top: self.top,
            residuals: self.top - SlotDiagonals::PRODUCT - self.descent.sigmoid.levels(),
        };
        let diagonals = weights.as_ref().map(|(_, diagonals)| &diagonals[..]);
        let gradient = iteration.gradient(diagonals)?;
        // The sums of real parts come out doubled.
        let step = -rate / (2.0 * features.samples() as f64 * bound);
        let mut next = on_diagonals.sum_and_pack(&gradient, (1.0 + momentum) * step, step)?;
        counter.add(self.shape.packing_key_switches(), "summing over samples");
        if let Some((packed, _)) = &weights {
            let packed = self.evaluator.lower_to(packed, next.level() + 1)?;
            let moved = on_diagonals.advance(&packed, momentum)?;
            self.evaluator.add_assign(&mut next, &moved)?;
            counter.add(MOMENTUM_KEY_SWITCHES, "adding momentum");
        }
        self.weights = Some(next);
        self.iteration += 1;
        Ok(())
    }

    fn iteration(&self) -> Option<usize> {
        Some(self.iteration)
    }

    fn checkpoint(&self, inputs: [u8; 32]) -> Result<Option<Bundle<'static>>> {
        let state = State {
            inputs,
            iteration: self.iteration as u32,
        };
        let bytes = postcard::to_allocvec(&state).map_err(|_| malformed())?;
        let weights = self.weights.iter().cloned().collect::<Vec<_>>();
        let parameters = self.evaluator.parameters();
        Ok(Some(Bundle::new(
            parameters,
            Training::KIND,
            bytes,
            weights,
        )?))
    }

    fn restore(&mut self, inputs: [u8; 32], state: Bundle<'_>) -> Result<()> {
        let (state, weights): (State, _) = read_state(state)?;
        if state.inputs != inputs {
            return Err(LearnError::OtherInputs);
        }
        let iteration = state.iteration as usize;
        if iteration > self.descent.iterations() {
            return Err(malformed());
        }
        let expected = usize::from(iteration > 0);
        check_equal("ciphertexts of a training state", expected, weights.len())?;
        if let Some(weights) = weights.first() {
            check_vectors("a training state", std::slice::from_ref(weights))?;
            if weights.parameters() != self.evaluator.parameters() {
                return Err(LearnError::Parameters("the training state"));
            }
            let level = self.bootstrap.levels().input;
            check_equal("the level of a training state", level, weights.level())?;
        }
        self.iteration = iteration;
        self.weights = weights.into_iter().next();
        Ok(())
    }

    fn model(&self) -> Result<Option<LinearModel>> {
        Self::model(self).map(Some)
    }

    fn finish(self: Box<Self>, _: &mut Listener<'_>) -> Result<LinearModel> {
        Self::model(&self)
    }
}

/// What the ciphertext of a checkpoint does not say.
#[derive(Serialize, Deserialize)]
struct State {
    /// Of everything that the training depends on.
    inputs: [u8; 32],
    iteration: u32,
}
