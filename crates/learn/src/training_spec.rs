//! What a server must know to train and to classify, as data that owner and server agree on.

use serde::{Deserialize, Serialize};
use tapetum_ckks::{BootstrappingPlan, KeyPlan, Parameters, Preset};

use crate::bootstrap::BootstrapLevels;
use crate::error::{LearnError, Result, check_equal};
use crate::estimator_config::EstimatorConfig;
use crate::front::LabelShape;
use crate::labels::Labels;
use crate::layout::{Layout, SlotOrder};
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::publishing::Publishing;
use crate::requirements::{Requirements, smallest_for_batches, smallest_parameters};
use crate::score_threshold::ScoreThreshold;
use crate::slot_diagonals::SlotDiagonals;
use crate::task::{LabelKind, Task, two_classes};
use crate::two_layer::TwoLayerModel;

/// A training algorithm and the shape of what it trains on. It is public: nothing in it is secret,
/// and it tells nothing of what is in the images.
///
/// ```
/// use tapetum_ckks::{Parameters, Preset};
/// use tapetum_learn::{EstimatorConfig, SlotOrder, TrainingSpec};
///
/// let spec = TrainingSpec {
///     learner: EstimatorConfig::LinearMeans,
///     columns: 10,
///     classes: 2,
///     block_cols: 8,
///     slot_order: SlotOrder::Rows,
///     threshold: None,
///     levels: 6,
/// };
/// spec.check(&Parameters::preset(Preset::N14))?;
/// assert!(spec.check(&Parameters::preset(Preset::N13)).is_err());
/// # Ok::<(), tapetum_learn::LearnError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// How the model is trained.
    pub learner: EstimatorConfig,
    /// Features of a sample, with the intercept if there is one.
    pub columns: usize,
    /// The number of classes that are told apart.
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub classes: usize,
    /// Columns of a block of the encrypted matrix.
    pub block_cols: usize,
    /// The order of the slots of a block.
    #[serde(default, skip_serializing_if = "is_rows")]
    pub slot_order: SlotOrder,
    /// How scores become predictions before they leave the server, if they are to.
    #[serde(default, rename = "verdicts", skip_serializing_if = "Option::is_none")]
    pub threshold: Option<ScoreThreshold>,
    /// The level of training data: what training and classification use up.
    pub levels: usize,
}

impl TrainingSpec {
    /// The spec to train on about `rows` samples of `columns` features with encrypted labels of `classes` classes, and
    /// the smallest secure parameters with the levels that it needs. For training in mini-batches these are the levels
    /// of all iterations if any parameters have that many, and otherwise parameters that bootstrap.
    ///
    /// ```
    /// use tapetum_learn::{EstimatorConfig, TrainingSpec};
    ///
    /// let (spec, parameters) = TrainingSpec::planned(EstimatorConfig::LinearMeans, 244, 2, 400)?;
    /// assert_eq!((spec.levels, parameters.log_n()), (6, 14));
    /// spec.check(&parameters)?;
    /// assert!(TrainingSpec::planned(EstimatorConfig::LinearMeans, 244, 10, 400).is_err());
    /// # Ok::<(), tapetum_learn::LearnError>(())
    /// ```
    ///
    /// # Errors
    /// [`LearnError`] if settings are out of range, the learner does not tell so many classes apart, or this takes more
    /// levels than any parameters have.
    pub fn planned(
        learner: EstimatorConfig,
        columns: usize,
        classes: usize,
        rows: usize,
    ) -> Result<(Self, Parameters)> {
        let spec = Self {
            learner,
            columns,
            classes,
            block_cols: 1,
            slot_order: SlotOrder::Rows,
            threshold: None,
            levels: 0,
        };
        spec.fitted(rows)
    }

    /// The same for predictions that leave the server, and no scores.
    ///
    /// # Errors
    /// As [`planned`](Self::planned), and [`LearnError::Malformed`] for training in mini-batches.
    pub fn with_threshold(
        self,
        rows: usize,
        threshold: ScoreThreshold,
    ) -> Result<(Self, Parameters)> {
        let spec = Self {
            threshold: Some(threshold),
            ..self
        };
        spec.fitted(rows)
    }

    /// With blocks and levels for `rows` samples, and parameters that have them.
    fn fitted(mut self, rows: usize) -> Result<(Self, Parameters)> {
        self.learner.check_classes(self.classes)?;
        let method = self.learner.mini_batches()?;
        let rows = method.as_ref().map_or(rows, |method| method.batch_rows());
        if self.learner.needs_bootstrap() {
            let parameters = Parameters::preset(Preset::N16Bootstrapping);
            let layout =
                self.learner
                    .layout(rows, self.columns, self.classes, parameters.slots())?;
            self.block_cols = layout.block_cols();
            self.slot_order = layout.order();
            self.levels = parameters.message_level();
            self.check(&parameters)?;
            return Ok((self, parameters));
        }
        // A larger ring has more slots, and more slots may take more levels to sum over: once around
        // settles it, as the levels hardly depend on the layout.
        let mut parameters = Parameters::preset(Preset::N14);
        loop {
            let slots = parameters.slots();
            let layout = self
                .learner
                .layout(rows, self.columns, self.classes, slots)?;
            self.block_cols = layout.block_cols();
            if parameters.literal().bootstrapping.is_some() {
                self.levels = parameters.message_level();
                return Ok((self.in_cheaper_order(rows, &parameters), parameters));
            }
            self.levels = self.requirements(&parameters)?.levels;
            let literal = match method {
                None => smallest_parameters(self.levels),
                Some(_) => smallest_for_batches(self.levels),
            };
            let found = match (literal.map(Parameters::new), &method) {
                (Some(Ok(found)), _) => found,
                (_, Some(_)) => Parameters::preset(Preset::N16Bootstrapping),
                (_, None) => {
                    return Err(LearnError::LevelExhausted {
                        what: "this training",
                        needed: self.levels,
                        available: parameters.max_level(),
                    });
                }
            };
            if found.slots() == slots {
                return Ok((self, found));
            }
            parameters = found;
        }
    }

    /// With blocks in the order of columns, if that is offered and mini-batches of `rows` samples then take fewer key switches.
    fn in_cheaper_order(self, rows: usize, parameters: &Parameters) -> Self {
        let slots = parameters.slots();
        let Ok(layout) = SlotDiagonals::layout(rows, self.columns, self.classes, slots) else {
            return self;
        };
        let by_columns = Self {
            block_cols: layout.block_cols(),
            slot_order: layout.order(),
            ..self.clone()
        };
        let key_switches = |spec: &Self| {
            let counts = spec
                .check(parameters)
                .and_then(|()| spec.operation_counts(rows, parameters));
            counts.map_or(usize::MAX, |counts| counts.key_switches)
        };
        match key_switches(&by_columns) < key_switches(&self) {
            true => by_columns,
            false => self,
        }
    }

    /// What is learned: from encrypted labels, which need most.
    pub fn task(&self) -> Task {
        Task {
            classes: self.classes,
            labels: LabelKind::Encrypted,
        }
    }

    /// Whether the parts fit together and to the parameters: somebody else may have written them.
    ///
    /// # Errors
    /// [`LearnError`] that says what does not fit.
    pub fn check(&self, parameters: &Parameters) -> Result<()> {
        if Publishing::of(parameters).is_some() {
            return Err(LearnError::Malformed {
                what: "this training",
                reason: "its parameters are for scores of plain models that are published",
            });
        }
        let needed = self.requirements(parameters)?.levels;
        let exhausted = |what, needed, available| LearnError::LevelExhausted {
            what,
            needed,
            available,
        };
        if self.levels < needed {
            return Err(exhausted("this training", needed, self.levels));
        }
        if self.levels > parameters.max_level() {
            let available = parameters.max_level();
            return Err(exhausted("this training", self.levels, available));
        }
        // Training by sums has more to ask of the blocks than its levels.
        self.keys(parameters).map(drop)
    }

    /// Whether these can be trained on: what is wrong with samples is better said when they come
    /// than when they are used.
    ///
    /// # Errors
    /// [`LearnError`] that says what does not fit.
    pub fn check_samples(&self, matrix: &EncryptedMatrix, labels: &Labels) -> Result<()> {
        let labels = match labels {
            Labels::Clear(labels) => LabelShape::Clear(labels.classes(), labels.len()),
            Labels::Encrypted(labels) if labels.parameters() != matrix.parameters() => {
                return Err(LearnError::Parameters("the set of encrypted labels"));
            }
            Labels::Encrypted(labels) => LabelShape::Encrypted(labels.classes(), *labels.layout()),
        };
        self.check_shapes(matrix.layout(), labels)
    }

    /// The same before there is a ciphertext of them.
    pub(crate) fn check_shapes(&self, layout: &Layout, labels: LabelShape) -> Result<()> {
        check_equal("features of a sample", self.columns, layout.cols())?;
        check_equal("columns of a block", self.block_cols, layout.block_cols())?;
        layout.check_order("a set of samples", self.slot_order)?;
        let (LabelShape::Clear(classes, _) | LabelShape::Encrypted(classes, _)) = labels;
        check_equal("classes of the labels", self.classes, classes)?;
        match labels {
            LabelShape::Clear(_, count) => check_equal("labels", layout.rows(), count),
            LabelShape::Encrypted(_, of_labels) if of_labels != *layout => {
                Err(LearnError::Malformed {
                    what: "the set of encrypted labels",
                    reason: "it was made for features in another layout",
                })
            }
            LabelShape::Encrypted(..) => Ok(()),
        }
    }

    /// The blocks of samples to train on, whatever their number.
    ///
    /// # Errors
    /// [`LearnError::Layout`] if there can be no such blocks.
    pub fn batch_layout(&self, parameters: &Parameters) -> Result<Layout> {
        let block_rows = parameters.slots() / self.block_cols.max(1);
        let layout = Layout::new(1, self.columns, block_rows, self.block_cols)?;
        Ok(layout.with_order(self.slot_order))
    }

    /// The layout of `rows` samples for training, and the level to encrypt them at.
    ///
    /// # Errors
    /// [`LearnError`] if this number of samples cannot be packed.
    pub fn training_shape(&self, rows: usize, parameters: &Parameters) -> Result<(Layout, usize)> {
        self.learner.check_classes(self.classes)?;
        let block_rows = parameters.slots() / self.block_cols.max(1);
        let layout = Layout::new(rows, self.columns, block_rows, self.block_cols)?;
        let layout = layout.with_order(self.slot_order);
        let level = match self.learner.mini_batches()? {
            Some(method) => {
                method.batch_level(&layout, self.task(), self.bootstrap_levels(parameters)?)?
            }
            None => self.levels,
        };
        Ok((layout, level))
    }

    /// The layout of `rows` samples to be classified, and the level to encrypt them at.
    ///
    /// # Errors
    /// As [`training_shape`](Self::training_shape).
    pub fn sample_shape(&self, rows: usize, parameters: &Parameters) -> Result<(Layout, usize)> {
        let (slots, classes) = (parameters.slots(), self.classes);
        if self.learner.hidden_units().is_some() {
            // Networks classify in the blocks in which they train.
            let layout = Layout::new(
                rows,
                self.columns,
                slots / self.block_cols.max(1),
                self.block_cols,
            )?;
            return Ok((
                layout.with_order(self.slot_order),
                TwoLayerModel::SAMPLE_LEVEL,
            ));
        }
        let layout = Layout::for_samples_of(classes, rows, self.columns, slots, self.block_cols)?;
        let predictions = self.threshold.map_or(0, |threshold| threshold.levels());
        Ok((layout, LinearModel::SAMPLE_LEVEL + predictions))
    }

    /// How weights are bootstrapped, if they are.
    ///
    /// # Errors
    /// [`LearnError`] if the weights do not fit.
    pub fn bootstrapping(&self, parameters: &Parameters) -> Result<Option<BootstrappingPlan>> {
        self.learner.check_classes(self.classes)?;
        match self.learner.mini_batches()? {
            Some(method) if parameters.literal().bootstrapping.is_some() => {
                let layout = self.batch_layout(parameters)?;
                let (slots, kind) = method.packed(&layout, self.classes)?;
                let plan = BootstrappingPlan::new(parameters, slots, kind);
                Ok(Some(plan.map_err(|_| {
                    LearnError::Parameters("the bootstrapping of weights")
                })?))
            }
            _ => Ok(None),
        }
    }

    /// Between which levels weights are bootstrapped, if they are.
    ///
    /// # Errors
    /// As [`bootstrapping`](Self::bootstrapping).
    pub fn bootstrap_levels(&self, parameters: &Parameters) -> Result<Option<BootstrapLevels>> {
        let plan = self.bootstrapping(parameters)?;
        Ok(plan.map(|plan| BootstrapLevels {
            input: plan.input_level(),
            output: plan.output_level(),
        }))
    }

    /// All evaluation keys.
    ///
    /// # Errors
    /// As [`requirements`](Self::requirements).
    pub fn keys(&self, parameters: &Parameters) -> Result<KeyPlan> {
        let mut needs = self.requirements(parameters)?;
        if let Some(regression) = self.learner.ridge()? {
            // It would do without, but slower.
            let layout = self.batch_layout(parameters)?;
            let rotations = regression.sample_rotations(&layout, self.task())?;
            needs.rotations.extend(rotations);
        }
        let keys = needs.key_plan(parameters);
        Ok(match self.bootstrapping(parameters)? {
            Some(plan) => keys.join(&plan.keys()),
            None => keys,
        })
    }

    /// Levels and keys of training with encrypted labels, which needs most, and of any
    /// classification.
    ///
    /// # Errors
    /// [`LearnError`] if settings are out of range or shapes cannot be packed.
    pub fn requirements(&self, parameters: &Parameters) -> Result<Requirements> {
        self.learner.check_classes(self.classes)?;
        if self.threshold.is_some() {
            two_classes("a prediction under encryption", self.classes)?;
            // The levels of mini-batches end with the weights.
            if self.learner.mini_batches()?.is_some() {
                return Err(LearnError::Malformed {
                    what: "the training specification",
                    reason: "predictions under encryption are not offered for training in mini-batches",
                });
            }
        }
        let by_columns = self.slot_order == SlotOrder::Columns;
        if by_columns && !self.learner.trains_by_columns() {
            return Err(LearnError::Malformed {
                what: "the training specification",
                reason: "blocks in the order of columns are for softmax regression, for networks, and for one-vs-rest \
                         logistic regression in mini-batches",
            });
        }
        let (layout, classes) = (self.batch_layout(parameters)?, self.classes);
        let task = self.task();
        let method = self.learner.mini_batches()?;
        if let (Some(method), Some(_)) = (&method, self.learner.hidden_units()) {
            // Classification needs no more.
            return method.requirements(&layout, task, self.bootstrap_levels(parameters)?);
        }
        // Single samples have the widest blocks, which need the most rotations.
        let slots = layout.slots();
        let single = Layout::for_samples_of(classes, 1, self.columns, slots, self.block_cols)?;
        let classification = LinearModel::requirements(&single, self.block_cols, classes)?;
        if let Some(method) = method {
            let bootstrap = self.bootstrap_levels(parameters)?;
            let mut needs = method.requirements(&layout, task, bootstrap)?;
            needs.rotations.extend(classification.rotations);
            return Ok(needs);
        }
        let training = self.learner.estimator()?.requirements(&layout, task);
        let predictions = self.threshold.as_ref().map(ScoreThreshold::requirements);
        Ok(training
            .then(classification)
            .then(predictions.unwrap_or_default()))
    }
}

fn two() -> usize {
    2
}

fn is_rows(order: &SlotOrder) -> bool {
    *order == SlotOrder::Rows
}

fn is_two(classes: &usize) -> bool {
    *classes == 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient_descent::MiniBatches;
    use crate::gradient_descent::steps::LearningRate;
    use crate::least_squares::LeastSquaresConfig;
    use crate::logistic::LogisticRegressionConfig;

    #[test]
    fn mini_batches_have_levels_for_all_iterations_or_bootstrap() {
        let planned = |iterations| {
            let config = LogisticRegressionConfig {
                iterations,
                learning_rate: LearningRate::Constant(1.0),
                batches: Some(MiniBatches::default()),
                ..LogisticRegressionConfig::default()
            };
            let (spec, parameters) =
                TrainingSpec::planned(EstimatorConfig::Logistic(config), 20, 2, 10_000).unwrap();
            spec.check(&parameters).unwrap();
            let bootstraps = spec.bootstrapping(&parameters).unwrap().is_some();
            (spec.levels, parameters.log_n(), bootstraps)
        };
        let (one, two, many) = (planned(1), planned(2), planned(40));
        assert!(one.0 < two.0 && two.1 <= 16);
        assert_eq!((one.2, two.2, many.2), (false, false, true));
    }

    #[test]
    fn many_classes_are_trained_in_the_cheaper_order() {
        let planned = |columns, classes, iterations| {
            let config = LogisticRegressionConfig {
                iterations,
                learning_rate: LearningRate::Constant(1.0),
                batches: Some(MiniBatches::default()),
                ..LogisticRegressionConfig::default()
            };
            let learner = EstimatorConfig::OneVsRest(config);
            let planned = TrainingSpec::planned(learner, columns, classes, 10_000);
            let (spec, parameters) = planned.unwrap();
            spec.check(&parameters).unwrap();
            (spec, parameters)
        };
        let (spec, parameters) = planned(246, 10, 20);
        assert_eq!(
            (spec.slot_order, spec.block_cols),
            (SlotOrder::Columns, 256)
        );
        let (layout, level) = spec.training_shape(1024, &parameters).unwrap();
        assert_eq!(
            (layout.order(), layout.blocks(), level),
            (SlotOrder::Columns, 8, 10)
        );
        let (samples, _) = spec.sample_shape(5, &parameters).unwrap();
        assert_eq!(samples.order(), SlotOrder::Rows);
        let written = serde_json::to_value(&spec).unwrap();
        assert_eq!(written["slot_order"], "columns");
        assert_eq!(
            serde_json::from_value::<TrainingSpec>(written).unwrap(),
            spec
        );
        // No room for two weight matrices; no bootstraps; two classes.
        for (columns, classes, iterations) in [(1100, 10, 20), (246, 10, 2), (246, 2, 20)] {
            assert_eq!(
                planned(columns, classes, iterations).0.slot_order,
                SlotOrder::Rows
            );
        }
        let ridge = TrainingSpec {
            learner: EstimatorConfig::Ridge(LeastSquaresConfig::default()),
            ..spec
        };
        let error = ridge.check(&parameters).unwrap_err().to_string();
        assert!(error.contains("one-vs-rest"), "{error}");
    }

    #[test]
    fn mini_batches_give_no_predictions() {
        let config = LogisticRegressionConfig {
            iterations: 1,
            learning_rate: LearningRate::Constant(1.0),
            batches: Some(MiniBatches::default()),
            ..LogisticRegressionConfig::default()
        };
        let (spec, parameters) =
            TrainingSpec::planned(EstimatorConfig::Logistic(config), 20, 2, 10_000).unwrap();
        let threshold = ScoreThreshold::new(4.0, tapetum_ckks::Precision::new(5).unwrap()).unwrap();
        let with = TrainingSpec {
            threshold: Some(threshold),
            ..spec.clone()
        };
        let error = with.check(&parameters).unwrap_err().to_string();
        assert!(error.contains("mini-batches"), "{error}");
        assert!(spec.with_threshold(10_000, threshold).is_err());
    }

    #[test]
    fn what_cannot_be_trained_is_refused_at_once() {
        let parameters = Parameters::preset(Preset::N14);
        let spec = |learner, columns| TrainingSpec {
            learner,
            columns,
            classes: 2,
            block_cols: 8,
            slot_order: SlotOrder::Rows,
            threshold: None,
            levels: 8,
        };
        let config = LeastSquaresConfig {
            iterations: 2,
            ..LeastSquaresConfig::default()
        };
        let ridge = |columns| spec(EstimatorConfig::Ridge(config), columns);
        assert!(ridge(5).check(&parameters).is_ok());
        // Least squares has all features of a sample in one block.
        let error = ridge(59).check(&parameters).unwrap_err();
        assert!(matches!(error, LearnError::Layout { .. }), "{error}");
        assert!(
            spec(EstimatorConfig::LinearMeans, 59)
                .check(&parameters)
                .is_ok()
        );
    }

    #[test]
    fn many_classes_are_for_those_who_tell_them_apart() {
        let config = LogisticRegressionConfig {
            iterations: 1,
            learning_rate: LearningRate::Constant(1.0),
            ..LogisticRegressionConfig::default()
        };
        let planned = |learner, classes| TrainingSpec::planned(learner, 10, classes, 500);
        for learner in [
            EstimatorConfig::OneVsRest(config.clone()),
            EstimatorConfig::Ridge(LeastSquaresConfig::default()),
        ] {
            let (mut spec, parameters) = planned(learner, 10).unwrap();
            spec.check(&parameters).unwrap();
            // A row for each class, however few the samples.
            let (layout, _) = spec.sample_shape(1, &parameters).unwrap();
            assert!(layout.block_rows() >= 16);
            let written = serde_json::to_value(&spec).unwrap();
            assert_eq!(written["classes"], 10);
            assert_eq!(
                serde_json::from_value::<TrainingSpec>(written).unwrap(),
                spec
            );
            for classes in [0, 1, 257, usize::MAX] {
                spec.classes = classes;
                assert!(spec.check(&parameters).is_err(), "{classes}");
                assert!(spec.training_shape(5, &parameters).is_err(), "{classes}");
                assert!(spec.sample_shape(5, &parameters).is_err(), "{classes}");
            }
        }
        for learner in [
            EstimatorConfig::LinearMeans,
            EstimatorConfig::Fisher(LeastSquaresConfig::default()),
            EstimatorConfig::Logistic(config),
        ] {
            let error = planned(learner.clone(), 3).unwrap_err();
            assert!(
                matches!(error, LearnError::Classes { found: 3, .. }),
                "{error}"
            );
            let (spec, _) = planned(learner, 2).unwrap();
            // As it was written before there were others.
            let written = serde_json::to_value(&spec).unwrap();
            assert!(written.get("classes").is_none());
            assert_eq!(
                serde_json::from_value::<TrainingSpec>(written).unwrap(),
                spec
            );
        }
    }
}
