//! What keys are made for.

use serde::{Deserialize, Serialize};
use tapetum_ckks::{KeyPlan, Parameters};

use crate::error::{LearnError, Result};
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::plain_model::PlainModel;
use crate::publishing::Publishing;
use crate::requirements::{Requirements, smallest_parameters};
use crate::task::check_classes;
use crate::training_spec::TrainingSpec;

/// What an owner and a server agree on before keys are made: a training with its classifications, or
/// the classifications of a model that is not secret.
pub trait Computation {
    /// How samples lie in ciphertexts.
    type SampleLayout;

    /// Whether these parameters suffice: somebody else may have written both.
    ///
    /// # Errors
    /// [`LearnError`] that says what does not fit.
    fn check(&self, parameters: &Parameters) -> Result<()>;

    /// All evaluation keys.
    ///
    /// # Errors
    /// [`LearnError`] if settings are out of range or shapes cannot be packed.
    fn keys(&self, parameters: &Parameters) -> Result<KeyPlan>;

    /// The layout of `rows` samples to be classified, and the level to encrypt them at.
    ///
    /// # Errors
    /// [`LearnError`] if this number of samples cannot be packed.
    fn sample_shape(
        &self,
        rows: usize,
        parameters: &Parameters,
    ) -> Result<(Self::SampleLayout, usize)>;
}

impl Computation for TrainingSpec {
    type SampleLayout = Layout;

    fn check(&self, parameters: &Parameters) -> Result<()> {
        Self::check(self, parameters)
    }

    fn keys(&self, parameters: &Parameters) -> Result<KeyPlan> {
        Self::keys(self, parameters)
    }

    fn sample_shape(&self, rows: usize, parameters: &Parameters) -> Result<(Layout, usize)> {
        Self::sample_shape(self, rows, parameters)
    }
}

/// Classification of encrypted samples with a model that is not secret.
///
/// ```
/// use tapetum_learn::{Computation, PlainModelSpec};
///
/// let (spec, parameters) = PlainModelSpec::planned(244, 2)?;
/// spec.check(&parameters)?;
/// assert_eq!(parameters.log_n(), 13);
/// # Ok::<(), tapetum_learn::LearnError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlainModelSpec {
    /// Features of a sample, with the intercept if there is one.
    pub columns: usize,
    /// The number of classes that are told apart.
    pub classes: usize,
}

impl PlainModelSpec {
    /// Columns of a block that such a classification is planned with: plain weights lie in blocks of
    /// any width.
    pub const BLOCK_COLS: usize = 1;

    /// The specification with the smallest secure parameters that have its levels.
    ///
    /// # Errors
    /// [`LearnError`] if there cannot be as many classes or columns.
    pub fn planned(columns: usize, classes: usize) -> Result<(Self, Parameters)> {
        let levels = LinearModel::SAMPLE_LEVEL;
        let exhausted = || LearnError::LevelExhausted {
            what: "classification with a plain model",
            needed: levels,
            available: 0,
        };
        let literal = smallest_parameters(levels).ok_or_else(exhausted)?;
        let parameters = Parameters::new(literal).map_err(|_| exhausted())?;
        let spec = Self { columns, classes };
        spec.check(&parameters)?;
        Ok((spec, parameters))
    }

    /// The specification with the parameters under which so many `results` can be [published](Publishing).
    ///
    /// # Errors
    /// As [`planned`](Self::planned), and [`LearnError::NoRoomForNoise`] if the noise would leave too little of the
    /// scores of some number of samples.
    pub fn for_publishing(
        columns: usize,
        classes: usize,
        results: u64,
    ) -> Result<(Self, Parameters)> {
        let literal = Publishing::literal();
        let parameters = Parameters::new(literal).map_err(|_| LearnError::NotForPublishing)?;
        let spec = Self { columns, classes };
        spec.check(&parameters)?;
        let publishing = Publishing::of(&parameters).ok_or(LearnError::NotForPublishing)?;
        for log_rows in 0..=parameters.log_n() {
            let (layout, _) = spec.sample_shape(1 << log_rows, &parameters)?;
            publishing.flooding(&parameters, (&layout, classes), results)?;
        }
        Ok((spec, parameters))
    }

    /// Levels and keys of any number of samples.
    ///
    /// # Errors
    /// [`LearnError::Layout`] if there cannot be as many classes or columns.
    pub fn requirements(&self, parameters: &Parameters) -> Result<Requirements> {
        check_classes(self.classes)?;
        // Single samples have the widest blocks, which need the most.
        let (single, levels) = self.sample_shape(1, parameters)?;
        Ok(Requirements {
            levels,
            ..PlainModel::key_requirements(parameters, &single)
        })
    }
}

impl Computation for PlainModelSpec {
    type SampleLayout = Layout;

    fn check(&self, parameters: &Parameters) -> Result<()> {
        let needed = self.requirements(parameters)?.levels;
        match parameters.max_level() {
            available if available < needed => Err(LearnError::LevelExhausted {
                what: "classification with a plain model",
                needed,
                available,
            }),
            _ => Ok(()),
        }
    }

    fn keys(&self, parameters: &Parameters) -> Result<KeyPlan> {
        let needs = Requirements {
            levels: PlainModel::key_level(parameters),
            ..self.requirements(parameters)?
        };
        Ok(needs.key_plan(parameters))
    }

    fn sample_shape(&self, rows: usize, parameters: &Parameters) -> Result<(Layout, usize)> {
        let (slots, width) = (parameters.slots(), Self::BLOCK_COLS);
        let layout = Layout::for_samples_of(self.classes, rows, self.columns, slots, width)?;
        Ok((layout, PlainModel::sample_level(parameters)))
    }
}
