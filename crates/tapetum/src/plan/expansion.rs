//! What is made of features beside standardising them.

use serde::{Deserialize, Serialize};
use tapetum_vision::Pipeline;

/// Tables of more columns are not expanded: it takes as many features again.
const MOST_EXPANDED: usize = 128;
/// Squares are as many features again, which take this many samples for each column.
const ROWS_PER_COLUMN: usize = 5;
/// Tables of more columns are not whitened: its matrix has as many rows.
const MOST_WHITENED: usize = 512;
/// The shrinkage of whitening.
const SHRINKAGE: f64 = 0.2;

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
}

impl Expansion {
    /// What suits a table: squares where there are samples enough, and whitening.
    pub fn for_table(columns: usize, rows: usize) -> Self {
        let enough = rows >= ROWS_PER_COLUMN.saturating_mul(columns);
        Self {
            squares: columns <= MOST_EXPANDED && enough,
            whitening: (columns <= MOST_WHITENED).then_some(SHRINKAGE),
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
            squares: standardizer.outputs() > standardizer.columns(),
            whitening: standardizer.shrinkage(),
        }
    }

    /// The number of features that come of so many.
    pub(super) fn columns(&self, columns: usize) -> usize {
        columns.saturating_mul(1 + usize::from(self.squares))
    }
}
