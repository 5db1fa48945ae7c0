//! The gradient of one iteration on blocks in the order of rows: what is computed with samples.

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::GradientDescent;
use super::terms::Iterates;
use crate::error::{LearnError, Result};
use crate::labels::Labels;
use crate::layout::{Layout, SlotOrder};
use crate::packing;
use crate::passes::{Form, PassStart, Summands};
use crate::products::Products;
use crate::progress::Count;
use crate::samples::Samples;
use crate::session::SessionStart;
use crate::task::{LabelKind, Task, outputs};

/// Rows of blocks that share the rotations of their scores.
pub(crate) const ROWS_AT_ONCE: usize = 2;

/// What it takes to compute with samples, without the iterates.
pub(crate) struct RowGradient {
    pub descent: GradientDescent,
    pub evaluator: Evaluator,
    /// Of a batch, whatever its number of rows.
    pub layout: Layout,
    pub task: Task,
}

/// How many levels below the weights residuals are: X v and the mask of its first column, and the polynomial.
pub(crate) fn residual_level(weights: usize, sigmoid_levels: usize) -> Result<usize> {
    let needed = 3 + sigmoid_levels;
    match weights < needed {
        true => Err(LearnError::LevelExhausted {
            what: "an iteration",
            needed,
            available: weights,
        }),
        false => Ok(weights - 2 - sigmoid_levels),
    }
}

/// The sums of `count` products with labels, or with residuals at encrypted weights.
pub(crate) fn gradient_forms(
    start: &PassStart,
    count: usize,
    sigmoid_levels: usize,
) -> Result<Vec<Form>> {
    let form = match (start.weights().first(), start.labels()) {
        (Some(v), _) => Form::product(residual_level(v.level(), sigmoid_levels)?),
        (None, LabelKind::Clear) => Form::plain_product(start.level()),
        (None, LabelKind::Encrypted) => Form::product(start.level()),
    };
    Ok(vec![form; count])
}

impl RowGradient {
    pub fn new(descent: GradientDescent, start: SessionStart<'_>) -> Result<Self> {
        let (layout, task) = (start.layout, start.task);
        layout.check_order("the layout of the samples", SlotOrder::Rows)?;
        descent.sigmoid()?;
        descent.check_classes(task.classes)?;
        Ok(Self {
            descent,
            evaluator: start.evaluator,
            layout,
            task,
        })
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

impl Summands for RowGradient {
    fn setting(&self) -> (&Evaluator, &Layout, Task) {
        (&self.evaluator, &self.layout, self.task)
    }

    fn unit(&self) -> usize {
        ROWS_AT_ONCE
    }

    fn weights(&self, pass: usize) -> usize {
        match pass {
            0 => 0,
            _ => outputs(self.task.classes) * self.layout.grid_cols(),
        }
    }

    fn forms(&self, start: &PassStart) -> Result<Vec<Form>> {
        let count = outputs(self.task.classes) * self.layout.grid_cols();
        gradient_forms(start, count, self.descent.sigmoid_levels())
    }

    /// For each output and each column of blocks the products with labels or residuals.
    fn sums(
        &self,
        start: &PassStart,
        samples: &Samples<'_>,
        counter: &dyn Count,
    ) -> Result<Vec<Ciphertext>> {
        let products = Products::new(&self.evaluator, samples.features, counter);
        let step = self.descent.step(start.pass())?;
        let unit = Iterates::newest_coefficient(step, start.samples());
        let v = start.weights();
        if v.is_empty() {
            let level = start.level();
            let columns = self.label_columns(&products, samples.labels, unit / 2.0, level)?;
            return self.for_each_output(|head| match &columns {
                Columns::Clear(columns) => {
                    products.transposed_products_plain(&columns[head], level)
                }
                Columns::Encrypted(columns) => products.transposed_products(&columns[head]),
            });
        }
        let sigmoid = self.descent.sigmoid()?;
        let level = residual_level(v[0].level(), sigmoid.levels())?;
        let columns = self.label_columns(&products, samples.labels, unit / 2.0, level)?;
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
            products.transposed_products(&residual)
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
