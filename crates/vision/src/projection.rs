//! Whitening by the principal directions of the features.

use crate::Error;
use crate::eigen::Eigen;
use crate::matrix::check_finite;
use serde::{Deserialize, Serialize};

/// Directions unless the user says otherwise: with the intercept they fill 256 slots.
pub const DEFAULT_DIRECTIONS: usize = 255;
/// The matrix is fitted to as many rows at most, so that it tells of no more.
pub(crate) const MOST_FITTED: usize = 1000;
/// Its entries are written with this many decimals.
const ROUNDING: f64 = 1e6;
/// Directions with a smaller part of the largest eigenvalue are rounding errors.
const VANISHING: f64 = 1e-10;

/// With C = V diag(l) V^T the correlation matrix of standardised features z, row i of the matrix is
/// v_i / sqrt(l_i + a): its products with z are uncorrelated, of variance l_i / (l_i + a), and the shrinkage a keeps
/// noise in directions of little variance small. Where l_i vanishes, the row is zero.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Projection {
    pub shrinkage: f64,
    pub directions: usize,
    /// Row-major, a row for each direction in the order of falling variance.
    matrix: Vec<f64>,
}

impl Projection {
    /// From a correlation matrix.
    pub fn fit(
        correlation: Vec<Vec<f64>>,
        shrinkage: f64,
        directions: usize,
    ) -> Result<Self, Error> {
        check_shrinkage(shrinkage)?;
        let d = correlation.len();
        check_directions(directions, d)?;
        let Eigen { values, vectors } = Eigen::of_symmetric(correlation);
        let largest = values.first().copied().unwrap_or(0.0);
        let mut matrix = Vec::with_capacity(directions * d);
        for (value, vector) in values.iter().zip(&vectors).take(directions) {
            let factor = match *value > VANISHING * largest {
                true => (value + shrinkage).sqrt().recip(),
                false => 0.0,
            };
            let rounded = |x: &f64| (factor * x * ROUNDING).round() / ROUNDING;
            matrix.extend(vector.iter().map(rounded));
        }
        Ok(Self {
            shrinkage,
            directions,
            matrix,
        })
    }

    /// Appends the products of the rows with `z`.
    pub fn apply(&self, z: &[f64], out: &mut Vec<f64>) {
        let rows = self.matrix.chunks_exact(z.len());
        out.extend(rows.map(|row| row.iter().zip(z).map(|(m, z)| m * z).sum::<f64>()));
    }

    /// Whether it can be that of `d` features.
    pub fn check(&self, d: usize) -> Result<(), Error> {
        check_shrinkage(self.shrinkage)?;
        check_directions(self.directions, d)?;
        if Some(self.matrix.len()) != self.directions.checked_mul(d) {
            return Err(Error::Inconsistent(format!(
                "{} numbers do not make {} directions of {d} features",
                self.matrix.len(),
                self.directions
            )));
        }
        check_finite("principal directions", d, &self.matrix)?;
        // No entry of a unit vector exceeds 1.
        let most = 1.001 * self.shrinkage.sqrt().recip() + 1.0 / ROUNDING;
        if self.matrix.iter().any(|x| x.abs() > most) {
            return Err(Error::Inconsistent(
                "the principal directions are not those of a correlation matrix".to_owned(),
            ));
        }
        Ok(())
    }
}

fn check_directions(directions: usize, d: usize) -> Result<(), Error> {
    if (1..=d).contains(&directions) {
        return Ok(());
    }
    Err(Error::Option {
        name: "directions",
        value: directions.to_string(),
        expected: "at least one principal direction, and no more than there are features",
    })
}

pub(crate) fn check_shrinkage(shrinkage: f64) -> Result<(), Error> {
    if (1e-6..=1e6).contains(&shrinkage) {
        return Ok(());
    }
    Err(Error::Option {
        name: "whitening",
        value: shrinkage.to_string(),
        expected: "the shrinkage must lie in 1e-6..=1e6",
    })
}
