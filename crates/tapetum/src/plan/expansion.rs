//! What is made of features beside standardising them.

use serde::{Deserialize, Serialize};
use tapetum_learn::EstimatorConfig;
use tapetum_vision::{DEFAULT_DIRECTIONS, Pipeline};

/// Tables of more columns are not expanded: it takes as many features again.
const MOST_EXPANDED: usize = 128;
/// Squares are as many features again, which take this many samples for each column.
const ROWS_PER_COLUMN: usize = 5;
/// Tables of more columns are not whitened: its matrix has as many rows.
const MOST_WHITENED: usize = 512;
/// The shrinkage of whitening tables.
const SHRINKAGE: f64 = 0.2;
/// The shrinkage of principal directions.
const DIRECTIONS_SHRINKAGE: f64 = 0.1;
/// The same for the softmax, which would soon learn by heart what directions of little variance tell: with 0.1
/// its accuracy on animal shapes is half a point lower.
const SOFTMAX_SHRINKAGE: f64 = 3.0;

/// What is made of features beside standardising them, so that few iterations get far. The statistics are
/// fitted like those of standardising.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expansion {
    /// Whether the squares of the standardised features are features as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub squares: bool,
    /// Features are whitened with this shrinkage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whitening: Option<f64>,
    /// With whitening: the principal directions that take the place of the features, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directions: Option<usize>,
}

impl Expansion {
    /// What suits a table: squares where there are samples enough, and whitening.
    pub fn for_table(columns: usize, rows: usize) -> Self {
        let enough = rows >= ROWS_PER_COLUMN.saturating_mul(columns);
        Self {
            squares: columns <= MOST_EXPANDED && enough,
            whitening: (columns <= MOST_WHITENED).then_some(SHRINKAGE),
            directions: None,
        }
    }

    /// What suits images: least squares solves whitened systems in half the iterations, and networks are
    /// trained on nothing else. Others are whitened only if asked
    /// to, because that publishes a covariance.
    pub fn for_images(learner: &EstimatorConfig) -> Self {
        match learner {
            EstimatorConfig::Ridge(_)
            | EstimatorConfig::Fisher(_)
            | EstimatorConfig::TwoLayer(_) => Self::whitened(DEFAULT_DIRECTIONS),
            _ => Self::default(),
        }
    }

    /// At most this many principal directions.
    pub fn whitened(directions: usize) -> Self {
        Self {
            squares: false,
            whitening: Some(DIRECTIONS_SHRINKAGE),
            directions: Some(directions),
        }
    }

    /// At most this many principal directions, with the shrinkage that suits a training.
    pub fn whitened_for(learner: &EstimatorConfig, directions: usize) -> Self {
        let whitened = Self::whitened(directions);
        match learner {
            EstimatorConfig::Softmax(_) => Self {
                whitening: Some(SOFTMAX_SHRINKAGE),
                ..whitened
            },
            _ => whitened,
        }
    }

    /// The same for so many features, which have no more directions.
    pub(super) fn limited_to(self, columns: usize) -> Self {
        Self {
            directions: self.directions.map(|_| self.columns(columns)),
            ..self
        }
    }

    /// Whether nothing is made.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What a fitted pipeline makes.
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let standardizer = pipeline.standardizer();
        Self {
            squares: standardizer.has_squares(),
            whitening: standardizer.shrinkage(),
            directions: standardizer.directions(),
        }
    }

    /// The number of features that come of so many.
    pub(super) fn columns(&self, columns: usize) -> usize {
        let all = columns.saturating_mul(1 + usize::from(self.squares));
        self.directions.map_or(all, |most| most.min(all))
    }
}
