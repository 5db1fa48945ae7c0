//! The estimator.

use tapetum_ckks::SlotKind;

use super::config::TwoLayerConfig;
use super::model::TwoLayerModel;
use super::reference;
use super::shape::{TwoLayerLevels, TwoLayerShape};
use super::training::TwoLayerTraining;
use crate::bootstrap::BootstrapLevels;
use crate::error::{Result, Setting};
use crate::estimator::Estimator;
use crate::features::Features;
use crate::gradient_descent::BOOTSTRAP_COST;
use crate::labels::ClassLabels;
use crate::layout::Layout;
use crate::mini_batch::{MAX_ITERATIONS, MiniBatchMethod};
use crate::operation_counts::OperationCounts;
use crate::requirements::Requirements;
use crate::session::{Session, SessionStart};
use crate::simulation::Simulation;
use crate::task::Task;

/// A network with one hidden layer. It has no intercepts of its own: append a constant feature.
///
/// It trains in mini-batches on blocks in the [order of columns](crate::SlotOrder::Columns), with a bootstrap before
/// every step, and classifies samples in the same order by its encrypted model.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoLayer {
    config: TwoLayerConfig,
}

impl TwoLayer {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`LearnError::Config`](crate::LearnError::Config) names the setting that is out of range.
    pub fn new(config: TwoLayerConfig) -> Result<Self> {
        let TwoLayerConfig {
            hidden_units,
            iterations,
            momentum,
            initial_scale,
            ..
        } = config;
        let known = [32, 64, 128].contains(&hidden_units);
        Setting::HiddenUnits.check(known, hidden_units as f64, "32, 64 or 128")?;
        let within = (1..=MAX_ITERATIONS).contains(&iterations);
        Setting::Iterations.check(within, iterations as f64, "1 to 65536")?;
        for rate in [config.hidden_rate, config.output_rate] {
            let within = rate > 0.0 && rate <= 1e3;
            Setting::LearningRate.check(within, rate, "positive and at most 1000")?;
        }
        let within = (0.0..=0.99).contains(&momentum);
        Setting::Momentum.check(within, momentum, "0 to 0.99")?;
        let within = initial_scale > 0.0 && initial_scale <= 1e3;
        Setting::InitialScale.check(within, initial_scale, "positive and at most 1000")?;
        config.batches.check()?;
        Ok(Self { config })
    }

    /// The settings.
    pub fn config(&self) -> &TwoLayerConfig {
        &self.config
    }

    /// What classifying samples in this layout by a network for so many classes does; nothing where it would be refused.
    pub fn classification_counts(&self, samples: &Layout, classes: usize) -> OperationCounts {
        OperationCounts::key_switches(
            self.shape(samples, classes)
                .map_or(0, |shape| shape.classification_key_switches(samples)),
        )
    }

    /// Where everything lies.
    fn shape(&self, layout: &Layout, classes: usize) -> Result<TwoLayerShape> {
        TwoLayerShape::new(layout, self.config.hidden_units, classes)
    }
}

impl Estimator for TwoLayer {
    /// Those of a classification, as there is no training without bootstraps: [`TrainingSpec`](crate::TrainingSpec) tells the rest.
    fn requirements(&self, layout: &Layout, task: Task) -> Requirements {
        self.shape(layout, task.classes)
            .map(|shape| TwoLayerModel::requirements_of(&shape))
            .unwrap_or_default()
    }

    fn operation_counts(&self, layout: &Layout, task: Task) -> OperationCounts {
        OperationCounts::key_switches(self.key_switches(layout, task))
    }

    fn simulate(&self, features: &Features<'_>, labels: &ClassLabels) -> Result<Simulation> {
        reference::simulate(&self.config, features, labels)
    }

    fn begin<'a>(&self, start: SessionStart<'a>) -> Result<Box<dyn Session + 'a>> {
        Ok(Box::new(TwoLayerTraining::begin(self.config, start)?))
    }
}

impl MiniBatchMethod for TwoLayer {
    fn batch_rows(&self) -> usize {
        self.config.batches.rows
    }

    fn requirements(
        &self,
        layout: &Layout,
        task: Task,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<Requirements> {
        let shape = self.shape(layout, task.classes)?;
        shape.training_requirements(bootstrap)
    }

    fn batch_level(
        &self,
        layout: &Layout,
        task: Task,
        bootstrap: Option<BootstrapLevels>,
    ) -> Result<usize> {
        let needs = MiniBatchMethod::requirements(self, layout, task, bootstrap)?;
        Ok(bootstrap.map_or(needs.levels, |bootstrap| {
            TwoLayerLevels::of_training(bootstrap).samples
        }))
    }

    fn packed(&self, layout: &Layout, classes: usize) -> Result<(usize, SlotKind)> {
        self.shape(layout, classes)?;
        Ok((layout.slots(), SlotKind::Complex))
    }

    fn bootstrapping_key_switches(
        &self,
        _: &Layout,
        _: BootstrapLevels,
        _: usize,
    ) -> Result<usize> {
        // Of complex slots, which is twice the work in part. All steps but the first begin with one, and so does the model.
        Ok(self.config.iterations * 2 * BOOTSTRAP_COST)
    }

    fn key_switches(&self, layout: &Layout, task: Task) -> usize {
        let Ok(shape) = self.shape(layout, task.classes) else {
            return 0;
        };
        let step = shape.step_key_switches(layout);
        self.config.iterations * (step + shape.unpacking_key_switches())
            - shape.unpacking_key_switches()
    }
}
