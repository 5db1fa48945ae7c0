//! The gradient of one iteration on [diagonals of slots](crate::slot_diagonals).

use std::ops::Range;

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Evaluator};

use super::diagonal_levels::DiagonalLevels;
use super::sigmoid::MonicOdd;
use super::softmax::Softmax;
use super::{BOOTSTRAP_COST, GradientDescent, Link};
use crate::bootstrap::{Bootstrap, BootstrapLevels, SharedBootstrap};
use crate::error::{LearnError, Result, check_equal};
use crate::labels::Labels;
use crate::layout::Layout;
use crate::matrix::EncryptedMatrix;
use crate::passes::{Form, PassStart, Summands};
use crate::progress::Count;
use crate::samples::Samples;
use crate::session::SessionStart;
use crate::slot_diagonals::{OnDiagonals, PairLabels, SlotDiagonals};
use crate::task::{Task, outputs};
use crate::vectors::Vectors;

/// What is computed with samples: a gradient, without the weights from which it steps.
pub(super) struct DiagonalGradient<'a> {
    pub descent: GradientDescent,
    pub evaluator: Evaluator,
    /// Of the exponentials of the softmax; the sigmoid needs none.
    bootstrap: Option<SharedBootstrap<'a>>,
    pub task: Task,
    /// Of a batch, whatever its number of rows.
    pub layout: Layout,
    pub shape: SlotDiagonals,
    pub levels: DiagonalLevels,
}

impl<'a> DiagonalGradient<'a> {
    /// # Errors
    /// [`LearnError`] if levels do not suffice between bootstraps at these levels, or keys are missing.
    pub fn new(
        descent: GradientDescent,
        start: SessionStart<'a>,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<Self> {
        let SessionStart {
            evaluator,
            layout,
            task,
            ..
        } = start;
        descent.check_classes(task.classes)?;
        let needs = descent.requirements(&layout, task, bootstrap)?;
        needs.start_level(
            "training",
            evaluator.parameters().max_level(),
            0,
            &evaluator,
        )?;
        let levels = bootstrap.ok_or(LearnError::Empty("bootstraps of weights"))?;
        Ok(Self {
            shape: SlotDiagonals::new(&layout, task.classes)?,
            levels: descent.diagonal_levels(task.classes, levels)?,
            descent,
            evaluator,
            bootstrap: start.bootstrap,
            task,
            layout,
        })
    }

    pub fn on_diagonals(&self) -> OnDiagonals<'_> {
        OnDiagonals {
            evaluator: &self.evaluator,
            shape: &self.shape,
        }
    }

    /// The step length, for sums of real parts that come out doubled.
    pub fn step_length(&self, rate: f64, samples: usize) -> f64 {
        -rate / (2.0 * samples as f64 * self.descent.batches.weight_bound)
    }
}

impl Summands for DiagonalGradient<'_> {
    fn setting(&self) -> (&Evaluator, &Layout, Task) {
        (&self.evaluator, &self.layout, self.task)
    }

    /// Two blocks are a pair, and scores of many go through the softmax together.
    fn unit(&self) -> usize {
        match &self.descent.link {
            Link::Sigmoid(_) => 2,
            Link::Softmax(_) => self.shape.gathered().max(2),
        }
    }

    fn weights(&self, pass: usize) -> usize {
        usize::from(pass > 0)
    }

    fn forms(&self, start: &PassStart) -> Result<Vec<Form>> {
        if let Some(packed) = start.weights().first() {
            let level = self.levels.samples + SlotDiagonals::UNPACKING;
            check_equal("the level of packed weights", level, packed.level())?;
        }
        let form = Form::product(self.levels.residuals);
        Ok(vec![form; self.shape.outputs])
    }

    /// For each diagonal the products with residuals.
    fn sums(
        &self,
        start: &PassStart,
        samples: &Samples<'_>,
        counter: &dyn Count,
    ) -> Result<Vec<Ciphertext>> {
        let (on_diagonals, classes) = (self.on_diagonals(), self.task.classes);
        let (comparison, factor) = match &self.descent.link {
            Link::Sigmoid(sigmoid) => {
                let polynomial = sigmoid.monic(1.0);
                // Real and imaginary parts come out doubled.
                let factor = polynomial.scale / 2.0;
                (Comparison::Sigmoid(polynomial), factor)
            }
            &Link::Softmax(interval) => {
                let softmax = Softmax::new(interval, classes)?;
                let bootstrap = self.bootstrap.as_deref();
                let bootstrap = bootstrap.ok_or(LearnError::Empty("bootstraps of exponentials"))?;
                let comparison = Comparison::Softmax(Box::new(softmax), bootstrap);
                (comparison, 1.0 / interval)
            }
        };
        let diagonals = match start.weights().first() {
            Some(packed) => {
                let bound = self.descent.batches.weight_bound;
                let diagonals = on_diagonals.unpack(packed, bound * factor)?;
                counter.add(self.shape.unpacking_key_switches(), "unpacking weights");
                Some(diagonals)
            }
            None => None,
        };
        let iteration = Iteration {
            on_diagonals,
            vectors: Vectors {
                evaluator: &self.evaluator,
                layout: &self.layout,
                counter,
            },
            comparison,
            matrix: samples.features,
            labels: samples.labels,
            classes,
            levels: self.levels,
        };
        iteration.products(diagonals.as_deref())
    }
}

/// How scores become residuals.
enum Comparison<'a> {
    /// Block by block.
    Sigmoid(MonicOdd),
    /// Many blocks at once, with a bootstrap in between.
    Softmax(Box<Softmax>, &'a dyn Bootstrap),
}

/// What an iteration computes with.
struct Iteration<'a> {
    on_diagonals: OnDiagonals<'a>,
    vectors: Vectors<'a>,
    comparison: Comparison<'a>,
    matrix: &'a EncryptedMatrix,
    labels: &'a Labels,
    classes: usize,
    levels: DiagonalLevels,
}

/// Two blocks of samples side by side.
struct Pair {
    members: Range<usize>,
    /// The samples, rotated, at the level of the residuals.
    rotated: Vec<Ciphertext>,
    /// None in the first iteration, in which they are zero.
    scores: Option<Ciphertext>,
}

impl Iteration<'_> {
    /// The products of features with probabilities less labels, added up over the blocks, for each diagonal: two blocks at
    /// a time. They are neither relinearised nor summed over the samples of a block.
    fn products(&self, weights: Option<&[Ciphertext]>) -> Result<Vec<Ciphertext>> {
        let blocks = self.matrix.layout().grid_rows();
        let pairs = (0..blocks.div_ceil(2))
            .into_par_iter()
            .map(|pair| self.pair(2 * pair..(2 * pair + 2).min(blocks), weights))
            .collect::<Result<Vec<_>>>()?;
        let residuals = match &self.comparison {
            Comparison::Sigmoid(sigmoid) => pairs
                .par_iter()
                .map(|pair| self.of_sigmoid(sigmoid, pair))
                .collect::<Result<Vec<_>>>()?,
            Comparison::Softmax(softmax, bootstrap) => {
                self.of_softmax(softmax, *bootstrap, &pairs)?
            }
        };
        let factors = pairs
            .into_par_iter()
            .zip(residuals)
            .map(|(pair, residuals)| {
                let residuals = self.on_diagonals.turned_back(&residuals)?;
                let key_switches = self.on_diagonals.shape.rotating_key_switches();
                self.vectors
                    .counter
                    .add(key_switches, "comparing scores with labels");
                Ok((pair.rotated, residuals))
            })
            .collect::<Result<Vec<_>>>()?;
        self.on_diagonals.gradient_products(&factors)
    }

    /// Two blocks, or the last one, and their scores.
    fn pair(&self, members: Range<usize>, weights: Option<&[Ciphertext]>) -> Result<Pair> {
        let evaluator = self.on_diagonals.evaluator;
        let top = self.levels.samples;
        let samples = (self.matrix).blocks_at(evaluator, top, members.clone())?;
        let samples: Vec<_> = samples
            .into_iter()
            .map(|block| block.into_owned())
            .collect();
        let rotated = self
            .on_diagonals
            .rotated(&self.on_diagonals.side_by_side(samples, 1)?)?;
        let scores = match weights {
            Some(weights) => {
                let scores = self.on_diagonals.scores(&rotated, weights)?;
                let key_switches = self.on_diagonals.shape.scores_key_switches();
                self.vectors.counter.add(key_switches, "scoring samples");
                Some(scores)
            }
            None => None,
        };
        let rotated = rotated
            .iter()
            .map(|x| Ok(evaluator.lower_to(x, self.levels.residuals)?))
            .collect::<Result<Vec<_>>>()?;
        Ok(Pair {
            members,
            rotated,
            scores,
        })
    }

    /// A vector of zeros at the level of the residuals.
    fn zero(&self, pair: &Pair) -> Result<Ciphertext> {
        let any = &pair.rotated[0];
        Ok(self.on_diagonals.evaluator.sub(any, any)?)
    }

    /// sigma(z) - y for the samples of a pair, the second times - i. In outputs that there are not they are zero, as weights are.
    fn of_sigmoid(&self, sigmoid: &MonicOdd, pair: &Pair) -> Result<Ciphertext> {
        let blocks = pair.members.len();
        let values = match &pair.scores {
            Some(scores) => {
                let apart = self.on_diagonals.apart(scores, blocks)?;
                self.vectors.counter.add(1, "scoring samples");
                apart
                    .iter()
                    .map(|scores| sigmoid.evaluate(&self.vectors, scores))
                    .collect::<Result<Vec<_>>>()?
            }
            None => vec![self.zero(pair)?; blocks],
        };
        // The polynomial has no constant term.
        self.less_labels(
            self.on_diagonals.side_by_side(values, -1)?,
            &pair.members,
            0.5,
        )
    }

    /// The softmax less labels, for the samples of each pair, the second times - i.
    fn of_softmax(
        &self,
        softmax: &Softmax,
        bootstrap: &dyn Bootstrap,
        pairs: &[Pair],
    ) -> Result<Vec<Ciphertext>> {
        let OnDiagonals { evaluator, shape } = self.on_diagonals;
        let counter = self.vectors.counter;
        let scores: Option<Vec<_>> = pairs.iter().map(|pair| pair.scores.clone()).collect();
        let Some(scores) = scores else {
            // Of zero scores it is known.
            let equal = 1.0 / outputs(self.classes) as f64;
            return pairs
                .par_iter()
                .map(|pair| self.less_labels(self.zero(pair)?, &pair.members, equal))
                .collect();
        };
        let blocks = self.matrix.layout().grid_rows();
        let [before, after] = softmax.key_switches(shape.output_sum_key_switches());
        let probabilities = (0..shape.groups(blocks))
            .into_par_iter()
            .map(|group| {
                let gathered = self.on_diagonals.gather(&scores, blocks, group)?;
                let exponentials = softmax.exponentials(&self.on_diagonals, &gathered)?;
                counter.add(1 + before, "evaluating exponentials");
                let exponentials = bootstrap.bootstrap(evaluator, &exponentials)?;
                counter.add(BOOTSTRAP_COST, "bootstrapping exponentials");
                let level = self.levels.exponentials;
                let exponentials = evaluator.lower_to(&exponentials, level)?;
                let probabilities = softmax.probabilities(&self.on_diagonals, &exponentials)?;
                counter.add(after, "evaluating the softmax");
                Ok(probabilities)
            })
            .collect::<Result<Vec<_>>>()?;
        (pairs.par_iter().enumerate())
            .map(|(number, pair)| {
                let values = (self.on_diagonals).scatter(
                    &probabilities,
                    blocks,
                    number,
                    softmax.factor(),
                )?;
                counter.add(shape.scattering_key_switches(), "evaluating the softmax");
                self.less_labels(values, &pair.members, 0.0)
            })
            .collect()
    }

    /// Values of a pair, the second times - i, with a constant for every sample and less labels.
    fn less_labels(
        &self,
        values: Ciphertext,
        members: &Range<usize>,
        constant: f64,
    ) -> Result<Ciphertext> {
        let targets = PairLabels {
            labels: self.labels,
            layout: self.matrix.layout(),
            members,
        };
        targets.subtract(&self.on_diagonals, &values, constant)
    }
}
