//! Training under encryption, one iteration at a time.

use rayon::prelude::*;
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::packed::Chunks;
use super::terms::Iterates;
use super::{BOOTSTRAP_COST, GradientDescent};
use crate::bootstrap::SharedBootstrap;
use crate::error::{LearnError, Result};
use crate::labels::Labels;
use crate::layout::{Layout, SlotOrder};
use crate::linear_model::LinearModel;
use crate::packing;
use crate::products::Products;
use crate::progress::{Counter, Listener};
use crate::samples::{Batch, Samples};
use crate::session::{Session, SessionStart};
use crate::task::{Task, outputs};

/// A training that is going on. Its owner gives it the mini-batches, one for each
/// iteration, and decides what to do in between: write a checkpoint, hand the owner a snapshot, or
/// stop.
///
/// ```no_run
/// # use tapetum_ckks::*; use tapetum_learn::*;
/// # fn read_batch(index: usize) -> Batch { unimplemented!() }
/// # fn run(descent: GradientDescent, evaluator: &Evaluator, layout: Layout,
/// #     bootstrap: &dyn Bootstrap) -> Result<LinearModel> {
/// let task = Task::two_classes(LabelKind::Clear);
/// let batches = 12;
/// let start = SessionStart::new(evaluator, &layout, task, Some(bootstrap));
/// let mut training = Training::begin(descent, start)?;
/// while let Some(batch) = training.next_batch(batches) {
///     training.add(&read_batch(batch), &mut |_| ())?;
/// }
/// training.model()
/// # }
/// ```
pub struct Training<'a> {
    pub(super) descent: GradientDescent,
    pub(super) evaluator: Evaluator,
    pub(super) bootstrap: Option<SharedBootstrap<'a>>,
    pub(super) task: Task,
    /// Of a batch, whatever its number of rows.
    pub(super) layout: Layout,
    /// The level of batches.
    pub(super) top: usize,
    pub(super) chunks: Option<Chunks>,
    pub(super) iteration: usize,
    /// The last bootstrapped weights, from which the first terms of the iterates were unpacked.
    pub(super) packed: Option<Ciphertext>,
    pub(super) iterates: Iterates,
}

impl<'a> Training<'a> {
    /// A training from zero for batches in the shape of the layout, of which the number of rows does
    /// not matter.
    ///
    /// # Errors
    /// [`LearnError`] if keys are missing, or levels do not suffice.
    pub fn begin(descent: GradientDescent, start: SessionStart<'a>) -> Result<Self> {
        let levels = start.bootstrap.as_ref().map(|b| b.levels());
        let (evaluator, layout) = (&start.evaluator, &start.layout);
        let needs = descent.requirements(layout, start.task, levels)?;
        let available = evaluator.parameters().max_level();
        needs.start_level("training", available, 0, evaluator)?;
        let top = descent.batch_level(layout, start.task, levels)?;
        Self::at_level(descent, start, top)
    }

    /// A training that begins at this level.
    pub(crate) fn at_level(
        descent: GradientDescent,
        start: SessionStart<'a>,
        top: usize,
    ) -> Result<Self> {
        let SessionStart {
            evaluator,
            layout,
            task,
            bootstrap,
        } = start;
        layout.check_order("the layout of the samples", SlotOrder::Rows)?;
        descent.sigmoid()?;
        descent.check_classes(task.classes)?;
        let chunks = match &bootstrap {
            Some(_) => Some(descent.chunks(&layout, task.classes)?),
            None => None,
        };
        Ok(Self {
            top,
            chunks,
            descent,
            evaluator,
            bootstrap,
            task,
            layout,
            iteration: 0,
            packed: None,
            iterates: Iterates::zero(),
        })
    }

    /// The method.
    pub fn gradient_descent(&self) -> &GradientDescent {
        &self.descent
    }

    /// How many iterations are done.
    pub fn iteration(&self) -> usize {
        self.iteration
    }

    /// The weights as they are now, as a model: a snapshot, or the result. It is encrypted like
    /// all else, so the owner can look at it and say whether to stop.
    ///
    /// # Errors
    /// [`LearnError`] before the first iteration, or if there is no level left to scale by.
    pub fn model(&self) -> Result<LinearModel> {
        let (evaluator, classes) = (&self.evaluator, self.task.classes);
        let level = self
            .iterates
            .level()
            .ok_or(LearnError::Empty("iterations that are done"))?;
        let spend = |spent: usize| {
            level.checked_sub(spent).ok_or(LearnError::LevelExhausted {
                what: "a snapshot",
                needed: spent,
                available: level,
            })
        };
        let weights = if outputs(classes) == 1 {
            let spent = usize::from(!self.iterates.w_is_v());
            let target = spend(spent)?.min(LinearModel::LEVEL);
            self.iterates.w(evaluator, target)?
        } else {
            self.in_rows(spend(1)?.min(LinearModel::LEVEL))?
        };
        let (features, width) = (self.layout.cols(), self.layout.block_cols());
        LinearModel::from_ciphertexts(features, width, classes, weights, None)
    }

    /// The weights of all classes, row by row as a model has them: one sum of products with masks
    /// for each column of blocks, which hold the coefficients too.
    fn in_rows(&self, level: usize) -> Result<Vec<Ciphertext>> {
        let evaluator = &self.evaluator;
        let outputs = outputs(self.task.classes);
        (0..self.layout.grid_cols())
            .into_par_iter()
            .map(|j| {
                let mut parts = Vec::new();
                for (term, _, w) in self.iterates.terms().filter(|&(_, _, w)| w != 0.0) {
                    for head in 0..outputs {
                        let mask = packing::class_mask(&self.layout, outputs, head, w);
                        let index = head * self.layout.grid_cols() + j;
                        parts.push((
                            evaluator.lower_to(&term[index], level + 1)?,
                            evaluator.encoder().encode(&mask, level + 1)?,
                        ));
                    }
                }
                let pairs: Vec<_> = parts.iter().map(|(term, mask)| (term, mask)).collect();
                Ok(evaluator.rescale(&evaluator.mul_plain_sum(&pairs)?)?)
            })
            .collect()
    }

    /// Whether the levels do not suffice for the next iteration and what comes after it.
    fn needs_bootstrap(&self) -> bool {
        let (Some(bootstrap), Some(level)) = (&self.bootstrap, self.iterates.level()) else {
            return false;
        };
        let floor = self.descent.floor(bootstrap.levels(), self.task.classes);
        level < floor + self.descent.iteration_levels()
    }

    fn bootstrap(&mut self) -> Result<()> {
        let (Some(bootstrap), Some(chunks)) = (&self.bootstrap, self.chunks) else {
            return Ok(());
        };
        let bound = self.descent.batches.weight_bound;
        let packed = chunks.pack(&self.evaluator, &self.iterates, 1.0 / bound)?;
        // Their memory is better used.
        self.iterates = Iterates::zero();
        let packed = bootstrap.bootstrap(&self.evaluator, &packed)?;
        self.iterates = chunks.unpack(&self.evaluator, &packed, bound)?;
        self.packed = Some(packed);
        Ok(())
    }

    fn for_each_output(
        &self,
        gradient: impl Fn(usize) -> Result<Vec<Ciphertext>>,
    ) -> Result<Vec<Ciphertext>> {
        let outputs = (0..outputs(self.task.classes)).map(gradient);
        Ok(outputs.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// `factor` times what the sigmoid less 1/2 is compared with: y - 1/2 for each class.
    fn label_columns(
        &self,
        products: &Products<'_>,
        labels: &Labels,
        factor: f64,
        level: usize,
    ) -> Result<Columns> {
        let outputs = outputs(self.task.classes);
        let centre = if outputs > 1 { 0.5 } else { 0.0 };
        Ok(match labels {
            Labels::Clear(labels) => {
                let mut targets = labels.targets();
                for y in targets.iter_mut().flatten() {
                    *y = factor * (*y - centre);
                }
                Columns::Clear(targets)
            }
            Labels::Encrypted(labels) => {
                let columns = match outputs {
                    1 => vec![
                        labels
                            .vectors()
                            .iter()
                            .map(|vector| self.evaluator.lower_scaled(vector, level, factor))
                            .collect::<Result<_, _>>()?,
                    ],
                    _ => products.label_columns(labels, factor, level)?,
                };
                let shift = -factor * centre;
                let shifted = |column: &Ciphertext| self.evaluator.add_scalar(column, shift);
                let columns = columns
                    .iter()
                    .map(|column: &Vec<Ciphertext>| column.iter().map(shifted).collect());
                Columns::Encrypted(columns.collect::<Result<_, _>>()?)
            }
        })
    }
}

/// Columns of labels, for each class one ciphertext a row of blocks, or all in the clear.
enum Columns {
    Clear(Vec<Vec<f64>>),
    Encrypted(Vec<Vec<Ciphertext>>),
}

impl Columns {
    /// Adds the part of class `head` that belongs to row `i` of the grid.
    fn add_to(
        &self,
        products: &Products<'_>,
        value: &Ciphertext,
        head: usize,
        i: usize,
    ) -> Result<Ciphertext> {
        Ok(match self {
            Self::Clear(columns) => {
                let slots = packing::replicated_column(&columns[head], products.layout, i);
                let column = products.evaluator.encoder().encode(&slots, value.level())?;
                products.evaluator.add_plain(value, &column)?
            }
            Self::Encrypted(columns) => products.evaluator.add(value, &columns[head][i])?,
        })
    }
}

impl Session for Training<'_> {
    fn upcoming(&self, ahead: usize, batches: usize) -> Option<usize> {
        self.descent.upcoming(self.iteration + ahead, batches)
    }

    /// Does one iteration, after a bootstrap if it needs one.
    fn add(&mut self, (features, labels): &Batch, progress: &mut Listener<'_>) -> Result<()> {
        let Some(&step) = self.descent.steps.get(self.iteration) else {
            return Err(LearnError::Empty("iterations left"));
        };
        let samples = Samples::new(&self.evaluator, features, labels);
        samples.check_batch(&self.layout, self.task, self.top)?;
        let bootstrapping = self.needs_bootstrap();
        let bootstrap_cost = match self.chunks {
            Some(chunks) if bootstrapping => BOOTSTRAP_COST + chunks.unpack_key_switches(),
            _ => 0,
        };
        let is_first = self.iterates.is_zero();
        let cost = (self.descent).iteration_key_switches(features.layout(), self.task, is_first);
        let counter = Counter::new(bootstrap_cost + cost, progress);
        if bootstrapping {
            self.bootstrap()?;
            counter.add(bootstrap_cost, "bootstrapping weights");
        }
        let products = Products::new(&self.evaluator, features, &counter);
        let unit = Iterates::newest_coefficient(step, features.samples());
        let gradient = if self.iterates.is_zero() {
            let level = match labels {
                Labels::Clear(_) => self.top,
                Labels::Encrypted(labels) => self.top.min(labels.level() - 1),
            };
            let columns = self.label_columns(&products, labels, unit / 2.0, level)?;
            self.for_each_output(|head| match &columns {
                Columns::Clear(columns) => {
                    products.twice_transposed_times_plain(&columns[head], level)
                }
                Columns::Encrypted(columns) => products.twice_transposed_times(&columns[head]),
            })?
        } else {
            let v = self.iterates.v(&self.evaluator)?;
            let sigmoid = self.descent.sigmoid()?;
            let level = v[0].level() - 2 - sigmoid.levels();
            let columns = self.label_columns(&products, labels, unit / 2.0, level)?;
            let polynomial = sigmoid.monic(-unit / 2.0);
            self.for_each_output(|head| {
                let cols = self.layout.grid_cols();
                let v = &v[head * cols..][..cols];
                let scaled = products.twice_times(v, polynomial.scale / 2.0)?;
                let residual = scaled
                    .par_iter()
                    .enumerate()
                    .map(|(i, t)| {
                        let value = polynomial.evaluate(&products, t)?;
                        columns.add_to(&products, &value, head, i)
                    })
                    .collect::<Result<Vec<_>>>()?;
                products.twice_transposed_times(&residual)
            })?
        };
        self.iterates.advance(step, gradient);
        self.iteration += 1;
        Ok(())
    }

    fn iteration(&self) -> Option<usize> {
        Some(self.iteration)
    }

    fn checkpoint(&self, inputs: [u8; 32]) -> Result<Option<Bundle<'static>>> {
        Self::checkpoint(self, inputs).map(Some)
    }

    fn restore(&mut self, inputs: [u8; 32], state: Bundle<'_>) -> Result<()> {
        Self::restore(self, inputs, state)
    }

    fn model(&self) -> Result<Option<LinearModel>> {
        Self::model(self).map(Some)
    }

    fn finish(self: Box<Self>, _: &mut Listener<'_>) -> Result<LinearModel> {
        Self::model(&self)
    }
}
