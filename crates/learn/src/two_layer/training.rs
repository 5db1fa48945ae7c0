//! Training under encryption, one step at a time.

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Ciphertext, Complex64, Evaluator};

use super::config::TwoLayerConfig;
use super::model::TwoLayerModel;
use super::shape::{TwoLayerLevels, TwoLayerShape};
use super::step::Network;
use super::weights::{Weights, initial};
use crate::bootstrap::SharedBootstrap;
use crate::error::{LearnError, Result};
use crate::gradient_descent::BOOTSTRAP_COST;
use crate::layout::Layout;
use crate::mini_batch;
use crate::model::EncryptedModel;
use crate::progress::{Counter, Listener};
use crate::samples::{Batch, Samples};
use crate::session::{Session, SessionStart};
use crate::slot_diagonals::OnDiagonals;
use crate::task::Task;

/// A training that is going on.
pub(super) struct TwoLayerTraining<'a> {
    config: TwoLayerConfig,
    evaluator: Evaluator,
    bootstrap: SharedBootstrap<'a>,
    task: Task,
    /// Of a batch, whatever its number of rows.
    layout: Layout,
    shape: TwoLayerShape,
    levels: TwoLayerLevels,
    iteration: usize,
    /// Weights and i times momentum, packed, at the level from which they are bootstrapped; none before the first step.
    packed: Option<Ciphertext>,
}

impl<'a> TwoLayerTraining<'a> {
    /// # Errors
    /// [`LearnError`] if there is no bootstrap, keys are missing, or levels do not suffice.
    pub fn begin(config: TwoLayerConfig, start: SessionStart<'a>) -> Result<Self> {
        let SessionStart {
            evaluator,
            layout,
            task,
            bootstrap,
        } = start;
        let between = bootstrap.as_ref().map(|bootstrap| bootstrap.levels());
        let shape = TwoLayerShape::new(&layout, config.hidden_units, task.classes)?;
        let needs = shape.training_requirements(between)?;
        let available = evaluator.parameters().max_level();
        needs.start_level("training", available, 0, &evaluator)?;
        let bootstrap = bootstrap.ok_or(LearnError::Empty("bootstraps of weights"))?;
        Ok(Self {
            shape,
            levels: TwoLayerLevels::of_training(bootstrap.levels()),
            config,
            evaluator,
            bootstrap,
            task,
            layout,
            iteration: 0,
            packed: None,
        })
    }

    fn on_diagonals(&self) -> OnDiagonals<'_> {
        OnDiagonals {
            evaluator: &self.evaluator,
            shape: &self.shape.hidden,
        }
    }

    /// What the training begins with.
    fn initial(&self) -> Weights {
        let TwoLayerConfig {
            hidden_units,
            initial_scale,
            seed,
            batches,
            ..
        } = self.config;
        let mut hidden = initial(seed, (hidden_units, self.layout.cols()), initial_scale);
        hidden.iter_mut().for_each(|w| *w /= batches.weight_bound);
        Weights::from_rows(&self.shape, &hidden, &[])
    }

    /// The packed vector after a bootstrap, at `level`.
    fn bootstrapped(&self, packed: &Ciphertext, level: usize) -> Result<Ciphertext> {
        let fresh = self.bootstrap.bootstrap(&self.evaluator, packed)?;
        Ok(self.evaluator.lower_to(&fresh, level)?)
    }

    /// The diagonals that a step multiplies with, from the bootstrapped vector or, in the first step, from what the training
    /// begins with: then they are no secret, and added to a `zero`.
    fn diagonals(&self, packed: Option<&Ciphertext>, zero: &Ciphertext) -> Result<Vec<Ciphertext>> {
        let (evaluator, bound) = (&self.evaluator, self.config.batches.weight_bound);
        if let Some(packed) = packed {
            let twice = evaluator.add(packed, &evaluator.conjugate(packed)?)?;
            let factor = TwoLayerModel::unpacking_factor(bound);
            return (self.on_diagonals()).take_apart(&self.shape.positions, &twice, factor);
        }
        let initial = self.initial();
        (0..self.shape.positions.diagonals)
            .map(|number| {
                let diagonal = initial.diagonal(&self.shape, number).into_iter();
                let samples = self.shape.hidden.samples;
                let slots: Vec<_> = diagonal
                    .flat_map(|w| std::iter::repeat_n(bound / 2.0 * w, samples))
                    .collect();
                let slots = evaluator.encoder().encode(&slots, zero.level())?;
                Ok(evaluator.add_plain(zero, &slots)?)
            })
            .collect()
    }

    /// The packed vector before the gradient is added to it, `zero` being of its level: with v for the weights and m for the
    /// momentum times 1 + mu, v + mu^2 / (1 + mu) m and mu m.
    fn advanced(&self, packed: Option<&Ciphertext>, zero: &Ciphertext) -> Result<Ciphertext> {
        let (evaluator, slots) = (&self.evaluator, self.shape.hidden.slots());
        let Some(packed) = packed else {
            let initial = self.initial().pack(&self.shape);
            let initial = evaluator.encoder().encode(&initial, zero.level())?;
            return Ok(evaluator.add_plain(zero, &initial)?);
        };
        let mu = self.config.momentum;
        let ahead = mu * mu / (1.0 + mu);
        let packed = evaluator.lower_to(packed, zero.level() + 1)?;
        let conjugate = evaluator.conjugate(&packed)?;
        // v = (p + p') / 2 and m = (p - p') / 2i.
        let turned = Complex64::new(mu / 2.0, -ahead / 2.0);
        let constant = |value: Complex64| {
            let slots = vec![value; slots];
            evaluator.encoder().encode_complex(&slots, packed.level())
        };
        let half = Complex64::new(0.5, 0.0);
        let (of_it, of_conjugate) = (constant(half + turned)?, constant(half - turned)?);
        let terms = [(&packed, &of_it), (&conjugate, &of_conjugate)];
        Ok(evaluator.rescale(&evaluator.mul_plain_sum(&terms)?)?)
    }

    fn trained(&self) -> Result<TwoLayerModel> {
        let packed = self.packed.as_ref();
        let packed = packed.ok_or(LearnError::Empty("iterations that are done"))?;
        let packed = self.bootstrapped(packed, TwoLayerModel::LEVEL)?;
        let twice = self
            .evaluator
            .add(&packed, &self.evaluator.conjugate(&packed)?)?;
        TwoLayerModel::from_ciphertext(
            TwoLayerModel::shape_of(&self.config, &self.layout, self.task.classes),
            twice,
        )
    }
}

impl Session for TwoLayerTraining<'_> {
    fn upcoming(&self, ahead: usize, batches: usize) -> Option<usize> {
        mini_batch::upcoming(self.iteration + ahead, self.config.iterations, batches)
    }

    /// Does one step, after a bootstrap unless it is the first.
    fn add(&mut self, (features, labels): &Batch, progress: &mut Listener<'_>) -> Result<()> {
        if self.iteration >= self.config.iterations {
            return Err(LearnError::Empty("iterations left"));
        }
        let evaluator = &self.evaluator;
        let samples = Samples::new(evaluator, features, labels);
        samples.check_batch(&self.layout, self.task, self.levels.samples)?;
        if features.samples() != features.layout().rows() {
            return Err(LearnError::Malformed {
                what: "a batch for a network",
                reason: "it is stacked from several, and each must be added by itself",
            });
        }
        let unpacking = self.shape.unpacking_key_switches() + 2 * BOOTSTRAP_COST;
        let mut cost = self.shape.step_key_switches(features.layout());
        cost += if self.packed.is_some() { unpacking } else { 0 };
        let counter = Counter::new(cost, progress);

        let any = evaluator.lower_to(&features.blocks()[0], self.levels.samples)?;
        let zero = evaluator.sub(&any, &any)?;
        let packed = match &self.packed {
            Some(packed) => Some(self.bootstrapped(packed, self.levels.weights)?),
            None => None,
        };
        let diagonals = self.diagonals(packed.as_ref(), &zero)?;
        if packed.is_some() {
            counter.add(unpacking, "unpacking weights");
        }
        let network = Network {
            evaluator,
            shape: &self.shape,
            activation: self.config.activation,
            diagonals,
            counter: &counter,
        };
        let gradient = network.gradient(features, labels, self.levels.samples)?;
        drop(network);

        let TwoLayerConfig {
            hidden_rate,
            output_rate,
            momentum,
            ..
        } = self.config;
        let factor = self.config.activation.factor();
        // Real parts come out doubled. Of the second layer twice the factor is packed.
        let bound = self.config.batches.weight_bound;
        let step = -(1.0 + momentum) / (features.samples() as f64 * bound);
        let of_hidden = step * hidden_rate / 2.0;
        let of_output = step * output_rate * factor * factor;
        let hidden_groups = self.shape.units() / self.shape.positions.group;
        let sums = self
            .on_diagonals()
            .put_together(&self.shape.positions, &gradient, |group| {
                if group < hidden_groups {
                    of_hidden
                } else {
                    of_output
                }
            })?;
        drop(gradient);
        let sums = evaluator.add(&sums, &evaluator.conjugate(&sums)?)?;
        counter.add(self.shape.packing_key_switches(), "summing over samples");
        let zero = evaluator.lower_to(&zero, sums.level())?;
        let mut next = self.advanced(packed.as_ref(), &zero)?;
        // The same for weights and momentum.
        evaluator.add_assign(&mut next, &sums)?;
        evaluator.add_assign(&mut next, &evaluator.mul_by_i(&sums)?)?;
        self.packed = Some(next);
        self.iteration += 1;
        Ok(())
    }

    fn iteration(&self) -> Option<usize> {
        Some(self.iteration)
    }

    fn checkpoint(&self, inputs: [u8; 32]) -> Result<Option<Bundle<'static>>> {
        let parameters = self.evaluator.parameters();
        let state = (inputs, self.iteration);
        mini_batch::write_state(parameters, state, self.packed.as_ref()).map(Some)
    }

    fn restore(&mut self, inputs: [u8; 32], state: Bundle<'_>) -> Result<()> {
        let level = self.bootstrap.levels().input;
        let of_training = (self.evaluator.parameters(), level, self.config.iterations);
        (self.iteration, self.packed) = mini_batch::read_state(state, inputs, of_training)?;
        Ok(())
    }

    fn model(&self) -> Result<Option<EncryptedModel>> {
        Ok(Some(self.trained()?.into()))
    }

    fn finish(self: Box<Self>, _: &mut Listener<'_>) -> Result<EncryptedModel> {
        Ok(self.trained()?.into())
    }
}
