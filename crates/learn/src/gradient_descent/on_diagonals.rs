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
//!
//! The [softmax](super::softmax) takes more levels than there are, so it bootstraps in between: the scores of many blocks
//! are gathered in one ciphertext for that.

use rayon::prelude::*;
use tapetum_ckks::Ciphertext;
use tapetum_ckks::wire::Bundle;

use super::diagonal_gradient::DiagonalGradient;
use super::diagonal_levels::MODEL_LEVELS;
use super::softmax::Softmax;
use super::steps::Step;
use super::{BOOTSTRAP_COST, GradientDescent, Link};
use crate::bootstrap::{BootstrapLevels, SharedBootstrap};
use crate::error::{LearnError, Result};
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::mini_batch;
use crate::model::EncryptedModel;
use crate::passes::{InPasses, PassStart, Summands, Totals};
use crate::progress::{Count, Counter, Listener};
use crate::requirements::Requirements;
use crate::samples::{Batch, Samples};
use crate::session::{Session, SessionStart};
use crate::slot_diagonals::SlotDiagonals;
use crate::task::Task;

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
        let needed = self.diagonal_levels(task.classes, levels)?.highest;
        if levels.output < needed {
            return Err(LearnError::LevelExhausted {
                what: "an iteration between two bootstraps",
                needed,
                available: levels.output,
            });
        }
        let mut rotations = shape.rotations();
        if self.link.sigmoid().is_none() {
            rotations.extend(shape.output_rotations());
        }
        Ok(Requirements {
            levels: needed,
            rotations,
            relinearization: true,
            conjugation: true,
        })
    }

    /// How often an iteration bootstraps beside its weights.
    pub(super) fn softmax_bootstraps(&self, layout: &Layout, classes: usize) -> Result<usize> {
        Ok(match &self.link {
            Link::Sigmoid(_) => 0,
            Link::Softmax(_) => SlotDiagonals::new(layout, classes)?.groups(layout.grid_rows()),
        })
    }

    /// Key switches of an iteration on diagonals, without the bootstrap; nothing where it would be refused.
    pub(super) fn diagonal_key_switches(&self, layout: &Layout, task: Task, first: bool) -> usize {
        let Ok(shape) = SlotDiagonals::new(layout, task.classes) else {
            return 0;
        };
        let (blocks, classes) = (layout.grid_rows(), task.classes);
        let pairs = blocks.div_ceil(2);
        let always = pairs * shape.rotating_key_switches() + shape.packing_key_switches();
        if first {
            return always;
        }
        let scores = pairs * shape.scores_key_switches();
        let compared = match &self.link {
            // The parts of a pair are taken apart.
            Link::Sigmoid(sigmoid) => pairs + blocks * sigmoid.levels(),
            &Link::Softmax(interval) => match Softmax::new(interval, classes) {
                Ok(softmax) => {
                    let [before, after] = softmax.key_switches(shape.output_sum_key_switches());
                    shape.groups(blocks) * (1 + before + after)
                        + pairs * shape.scattering_key_switches()
                }
                Err(_) => return 0,
            },
        };
        always + shape.unpacking_key_switches() + scores + compared + MOMENTUM_KEY_SWITCHES
    }
}

/// v beside w and w beside v.
const MOMENTUM_KEY_SWITCHES: usize = 2;

/// A training on diagonals that is going on.
pub(crate) struct DiagonalTraining<'a> {
    gradient: DiagonalGradient<'a>,
    bootstrap: SharedBootstrap<'a>,
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
        let bootstrap = start.bootstrap.clone();
        let levels = bootstrap.as_ref().map(|bootstrap| bootstrap.levels());
        Ok(Self {
            gradient: DiagonalGradient::new(descent, start, levels)?,
            bootstrap: bootstrap.ok_or(LearnError::Empty("bootstraps of weights"))?,
            iteration: 0,
            weights: None,
        })
    }

    /// The weights, bootstrapped and brought to `level`.
    fn bootstrapped(&self, weights: &Ciphertext, level: usize) -> Result<Ciphertext> {
        let fresh = self
            .bootstrap
            .bootstrap(&self.gradient.evaluator, weights)?;
        Ok(self.gradient.evaluator.lower_to(&fresh, level)?)
    }

    fn model(&self) -> Result<LinearModel> {
        let weights = self.weights.as_ref();
        let weights = weights.ok_or(LearnError::Empty("iterations that are done"))?;
        let on_diagonals = self.gradient.on_diagonals();
        let weights = self.bootstrapped(weights, MODEL_LEVELS)?;
        let weights = on_diagonals.w_as_v(&weights)?;
        let diagonals =
            on_diagonals.unpack(&weights, self.gradient.descent.batches.weight_bound)?;
        let rows = on_diagonals.to_rows(&diagonals)?;
        let (features, width) = (
            self.gradient.layout.cols(),
            self.gradient.layout.block_cols(),
        );
        LinearModel::from_ciphertexts(
            features,
            width,
            self.gradient.task.classes,
            vec![rows],
            None,
        )
    }
}

impl Session for DiagonalTraining<'_> {
    fn upcoming(&self, ahead: usize, batches: usize) -> Option<usize> {
        self.gradient
            .descent
            .upcoming(self.iteration + ahead, batches)
    }

    /// Does one iteration, after a bootstrap unless it is the first.
    fn add(&mut self, (features, labels): &Batch, progress: &mut Listener<'_>) -> Result<()> {
        let DiagonalGradient {
            descent,
            evaluator,
            layout,
            task,
            levels,
            ..
        } = &self.gradient;
        if self.iteration == descent.iterations() {
            return Err(LearnError::Empty("iterations left"));
        }
        let evaluator = evaluator.clone();
        let samples = Samples::new(&evaluator, features, labels);
        samples.check_batch(layout, *task, levels.samples)?;
        let totals = Totals::of_samples(&samples)?;
        let first = self.weights.is_none();
        let cost = descent.iteration_key_switches(features.layout(), *task, first);
        let bootstraps = match first {
            true => 0,
            false => 1 + descent.softmax_bootstraps(features.layout(), task.classes)?,
        };
        let counter = Counter::new(cost + bootstraps * BOOTSTRAP_COST, progress);
        self.go_over(self.iteration, (&samples, &totals), &counter)
    }

    fn iteration(&self) -> Option<usize> {
        Some(self.iteration)
    }

    fn checkpoint(&self, inputs: [u8; 32]) -> Result<Option<Bundle<'static>>> {
        let parameters = self.gradient.evaluator.parameters();
        let state = (inputs, self.iteration);
        mini_batch::write_state(parameters, state, self.weights.as_ref()).map(Some)
    }

    fn restore(&mut self, inputs: [u8; 32], state: Bundle<'_>) -> Result<()> {
        let level = self.bootstrap.levels().input;
        let of_training = (
            self.gradient.evaluator.parameters(),
            level,
            self.gradient.descent.iterations(),
        );
        (self.iteration, self.weights) = mini_batch::read_state(state, inputs, of_training)?;
        Ok(())
    }

    fn model(&self) -> Result<Option<EncryptedModel>> {
        Ok(Some(Self::model(self)?.into()))
    }

    fn finish(self: Box<Self>, _: &mut Listener<'_>) -> Result<EncryptedModel> {
        Ok(Self::model(&self)?.into())
    }
}

/// A pass is an iteration.
impl InPasses for DiagonalTraining<'_> {
    fn summands(&self) -> &dyn Summands {
        &self.gradient
    }

    fn total(&self) -> usize {
        self.gradient.descent.iterations()
    }

    fn start(&mut self, pass: usize, totals: &Totals, counter: &dyn Count) -> Result<PassStart> {
        let level = self.gradient.levels.samples;
        totals.check_level(level)?;
        let mut packed = Vec::new();
        if let Some(weights) = &self.weights {
            packed.push(self.bootstrapped(weights, level + SlotDiagonals::UNPACKING)?);
            counter.add(BOOTSTRAP_COST, "bootstrapping weights");
        }
        PassStart::of(pass, level, totals, packed)
    }

    fn advance(
        &mut self,
        start: PassStart,
        sums: Vec<Ciphertext>,
        counter: &dyn Count,
    ) -> Result<()> {
        let gradient = &self.gradient;
        let (on_diagonals, evaluator) = (gradient.on_diagonals(), &gradient.evaluator);
        let Step { rate, momentum } = gradient.descent.step(start.pass())?;
        let products = sums
            .par_iter()
            .map(|product| Ok(evaluator.relinearize_rescale(product)?))
            .collect::<Result<Vec<_>>>()?;
        drop(sums);
        let step = gradient.step_length(rate, start.samples());
        let mut next = on_diagonals.sum_and_pack(&products, (1.0 + momentum) * step, step)?;
        let key_switches = gradient.shape.packing_key_switches();
        counter.add(key_switches, "summing over samples");
        if let Some(packed) = start.weights().first() {
            let packed = evaluator.lower_to(packed, next.level() + 1)?;
            let moved = on_diagonals.advance(&packed, momentum)?;
            evaluator.add_assign(&mut next, &moved)?;
            counter.add(MOMENTUM_KEY_SWITCHES, "adding momentum");
        }
        self.weights = Some(next);
        self.iteration += 1;
        Ok(())
    }

    fn finish(self: Box<Self>, _: &dyn Count) -> Result<LinearModel> {
        Self::model(&self)
    }
}
