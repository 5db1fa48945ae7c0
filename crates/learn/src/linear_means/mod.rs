//! Linear means: the classifier that assigns a sample to the nearer class mean, free of divisions
//! (Graepel, Lauter, Naehrig, ML Confidential, 2012, section 3.1).
//!
//! With class sums s+, s- of m+, m- samples, their score is
//!
//! ```text
//! 2 m+ m- (m- s+ - m+ s-) . x - (m- s+ - m+ s-) . (m- s+ + m+ s-)
//! ```
//!
//! It grows like m^4, so here sums and numbers are divided by the public m = m+ + m-, which
//! changes no sign. With labels y, the means a = X^T 1 / m, h = X^T (y - 1/2) / m and
//! t = sum (y - 1/2) / m give s+-/m = a/2 +- h and m+-/m = 1/2 +- t, and all becomes
//!
//! ```text
//! D = h - t a            the difference, weighted
//! S = a/2 - 2 t h        the sum, weighted
//! score = 2 (1/4 - t^2) D . x - D . S
//! ```
//!
//! which is 2 (m+ m- / m^2)^2 times the score (mu+ - mu-) . (x - (mu+ + mu-)/2) of the class means.

mod class_means;
mod fit;
mod simulate;

use fit::{MeansSummands, MeansTraining};

pub(crate) use class_means::{ClassMeans, Prior, Weighting, negated_dot};
pub(crate) use simulate::PlainMeans;

use crate::bootstrap::BootstrapLevels;
use crate::error::Result;
use crate::estimator::{Estimator, fit_in_passes};
use crate::features::Features;
use crate::labels::ClassLabels;
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::operation_counts::OperationCounts;
use crate::passes::{PassWorker, Passes, Totals};
use crate::progress::Listener;
use crate::requirements::Requirements;
use crate::samples::Samples;
use crate::session::{Collected, Session, SessionStart};
use crate::simulation::Simulation;
use crate::task::{LabelKind, Task};

/// The classifier by class means. It has no settings. With clear labels its weights come out one
/// level below the features and its intercept two, with encrypted labels three below both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinearMeans;

impl Estimator for LinearMeans {
    /// One level with clear labels, three with encrypted ones. That the intercept comes out one level
    /// deeper with clear labels is no matter to classification, which needs it one level lower.
    /// Rotations: by powers of two below the number of slots.
    fn requirements(&self, layout: &Layout, task: Task) -> Requirements {
        Requirements {
            levels: match task.labels {
                LabelKind::Clear => 1,
                LabelKind::Encrypted => 3,
            },
            rotations: layout
                .sample_rotations()
                .chain(layout.feature_rotations())
                .collect(),
            relinearization: true,
            conjugation: true,
        }
    }

    fn operation_counts(&self, layout: &Layout, _: Task) -> OperationCounts {
        OperationCounts::key_switches(2 * layout.transposed_times_key_switches())
    }

    fn simulate(&self, features: &Features<'_>, labels: &ClassLabels) -> Result<Simulation> {
        simulate::simulate(features, labels)
    }

    fn begin<'a>(&self, start: SessionStart<'a>) -> Result<Box<dyn Session + 'a>> {
        Ok(Box::new(Collected::new(*self, start.evaluator)))
    }

    fn begin_passes<'a>(&self, start: SessionStart<'a>, totals: &Totals) -> Result<Passes<'a>> {
        let needs = self.requirements(&start.layout, start.task);
        Ok(Passes::new(MeansTraining::new(&needs, start, totals)?))
    }

    fn pass_worker<'a>(
        &self,
        start: SessionStart<'a>,
        _: Option<BootstrapLevels>,
    ) -> Result<PassWorker<'a>> {
        Ok(PassWorker::new(MeansSummands::new(start)?))
    }

    fn fit(&self, samples: &Samples<'_>, progress: &mut Listener<'_>) -> Result<LinearModel> {
        fit_in_passes(self, samples, progress)
    }
}
