//! Centring, scaling, clipping, and optional whitening of features.
//!
//! Under encryption a value that leaves the interval of an approximating polynomial destroys the result without a
//! sign, so every feature is bounded here, before encryption.

use crate::cholesky::{factorize, solve_lower, triangle};
use crate::eigen::Eigen;
use crate::matrix::check_finite;
use crate::moments::{Form, Moments, rounded};
use crate::projection::{MOST_FITTED, Projection, check_shrinkage};
use crate::{Error, Features};
use serde::{Deserialize, Serialize};

/// Where standardised values are cut off unless the user says otherwise, in standard deviations. Of a normal
/// variable one value in 16,000 lies beyond; the heavy tails of pixel statistics are what it is for.
pub const DEFAULT_CLIP: f64 = 4.0;

/// Whitening keeps a matrix of columns^2 / 2 numbers.
const MAX_WHITENED_COLUMNS: usize = 2048;

/// How a [`Standardizer`] is fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct StandardizerOptions {
    /// Standardised values are clipped to [-clip, clip]; [`DEFAULT_CLIP`] unless set.
    pub clip: f64,
    /// All values are multiplied by this at the end, so they lie in [-clip * scale, clip * scale]; 1 unless set.
    pub scale: f64,
    /// Whether the square of every standardised feature, standardised as well, is a feature; no unless set.
    pub squares: bool,
    /// Whitening with this shrinkage `a > 0` (try 0.3), see [`Standardizer`]; none unless set.
    pub whitening: Option<f64>,
    /// With whitening: at most this many principal directions take the place of the features; as many whitened
    /// features as there were unless set.
    pub directions: Option<usize>,
}

impl Default for StandardizerOptions {
    fn default() -> Self {
        Self {
            clip: DEFAULT_CLIP,
            scale: 1.0,
            squares: false,
            whitening: None,
            directions: None,
        }
    }
}

/// Per-feature statistics, either fitted on the user's own data (then they are private: whoever gets them learns the
/// average image) or taken from a public file.
///
/// A feature x becomes `z = clip((x - mean) / std)`; a constant feature (std 0) becomes 0. With squares the same is done
/// to every z^2, and these follow: then a linear model can tell a class that lies between two others, and classes that
/// differ in spread. With whitening, C being the
/// correlation matrix of the fitted data's z and `C + a I = L L^T` its Cholesky factors, z becomes `clip(L^-1 z)`: the
/// features are uncorrelated up to the shrinkage a, which keeps noise in directions of little variance small. A
/// gradient method then needs one to three steps instead of tens. It needs no labels, but it does in the clear what those
/// steps would have done: one step from zero on whitened features is Fisher's discriminant with shrinkage. With
/// directions, the k eigenvectors v of C of the largest eigenvalues l take the place of the features:
/// z becomes the k numbers `clip(v . z / sqrt(l + a))`, fitted to at most 1,000 rows, evenly spread. Last, all is
/// multiplied by `scale`.
///
/// As JSON: `{"mean": [...], "std": [...], "clip": 4.0, "scale": 1.0}`, `clip` and `scale` optional, and perhaps
/// `"squares": {"mean": [...], "std": [...]}` and
/// `"whitening": {"shrinkage": a, "factor": [...]}` with the rows of the lower triangle L one after another, or
/// `"projection": {"shrinkage": a, "directions": k, "matrix": [...]}` with the rows v / sqrt(l + a).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Standardizer {
    mean: Vec<f64>,
    std: Vec<f64>,
    clip: f64,
    scale: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    squares: Option<Statistics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    whitening: Option<Whitening>,
    #[serde(skip_serializing_if = "Option::is_none")]
    projection: Option<Projection>,
}

/// Of each column.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statistics {
    mean: Vec<f64>,
    std: Vec<f64>,
}

/// Packed lower triangle: row i holds i + 1 numbers.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whitening {
    shrinkage: f64,
    factor: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    mean: Vec<f64>,
    std: Vec<f64>,
    #[serde(default = "default_clip")]
    clip: f64,
    #[serde(default = "default_scale")]
    scale: f64,
    #[serde(default)]
    squares: Option<Statistics>,
    #[serde(default)]
    whitening: Option<Whitening>,
    #[serde(default)]
    projection: Option<Projection>,
}

fn default_clip() -> f64 {
    DEFAULT_CLIP
}

fn default_scale() -> f64 {
    1.0
}

impl Standardizer {
    /// Statistics of a row-major matrix of `columns` columns and at least two rows. The standard deviation divides by
    /// the number of rows.
    pub fn fit(
        columns: usize,
        values: &[f64],
        options: &StandardizerOptions,
    ) -> Result<Self, Error> {
        if columns == 0 || !values.len().is_multiple_of(columns) {
            return Err(Error::Inconsistent(format!(
                "{} values do not fill rows of {columns} columns",
                values.len()
            )));
        }
        let rows = values.len() / columns;
        if rows < 2 {
            return Err(Error::TooFew(format!(
                "statistics need two rows, there are {rows}"
            )));
        }
        check_finite("features", columns, values)?;
        let Statistics { mean, std } = Statistics::of(columns, values)?;
        let mut fitted = Self {
            mean,
            std,
            clip: options.clip,
            scale: options.scale,
            squares: None,
            whitening: None,
            projection: None,
        }
        .checked()?;
        if options.squares {
            let mut squares = Vec::with_capacity(values.len());
            for row in values.chunks_exact(columns) {
                fitted.standardize(row, &mut squares);
            }
            squares.iter_mut().for_each(|z| *z *= *z);
            fitted.squares = Some(Statistics::of(columns, &squares)?);
        }
        match (options.whitening, options.directions) {
            (None, _) => {}
            (Some(shrinkage), None) => {
                fitted.whitening = Some(fitted.fit_whitening(values, shrinkage)?);
            }
            (Some(shrinkage), Some(most)) => {
                fitted.projection = Some(fitted.fit_projection(values, shrinkage, most)?);
            }
        }
        Ok(fitted)
    }

    /// From the sums of several sites' samples, rounded to a thousandth of a deviation, and correlations to three
    /// decimals; and the largest eigenvalue of X^T X / m of all their samples X, with an intercept if there is one.
    /// Nothing is clipped in these sums, so values beyond `clip` deviations count for more than in [`fit`](Self::fit).
    ///
    /// # Errors
    /// [`Error`] if the options ask for squares and the sums have none, or the other way round.
    pub fn from_moments(
        moments: &Moments,
        options: &StandardizerOptions,
        intercept: bool,
    ) -> Result<(Self, f64), Error> {
        if moments.has_squares() != options.squares {
            return Err(Error::Inconsistent(
                "sums with squares of features are for a plan with squares, and others for one without".to_owned(),
            ));
        }
        let columns = moments.columns();
        let (mean, std): (Vec<_>, Vec<_>) = (0..columns).map(|j| moments.statistics(j)).unzip();
        // Each standardised feature as a sum of multiples of 1, x and x^2.
        let mut forms: Vec<Form> = (mean.iter().zip(&std).enumerate())
            .map(|(j, (&mean, &std))| match std {
                0.0 => Form::new(),
                std => vec![(0, -mean / std), (j + 1, 1.0 / std)],
            })
            .collect();
        let squares = options.squares.then(|| {
            let mut squares = Statistics {
                mean: vec![0.0; columns],
                std: vec![0.0; columns],
            };
            for j in 0..columns {
                let form = squared(mean[j], std[j], j, columns);
                let (mean, variance) = moments.spread(&form);
                let mut standardised = Form::new();
                if Moments::varies(variance, mean * mean) {
                    let std = rounded(variance.sqrt(), variance.sqrt());
                    let mean = rounded(mean, std);
                    standardised = form.iter().map(|(i, a)| (*i, a / std)).collect();
                    standardised.push((0, -mean / std));
                    (squares.mean[j], squares.std[j]) = (mean, std);
                }
                forms.push(standardised);
            }
            squares
        });
        let correlation = |i: usize, j: usize| {
            let exact = moments.product(&forms[i], &forms[j]);
            (exact * 1e3).round() / 1e3
        };
        let rows = (0..forms.len()).map(|i| (0..forms.len()).map(|j| correlation(i, j)).collect());
        let correlations: Vec<Vec<f64>> = rows.collect();
        let largest = Eigen::of_symmetric(correlations.clone()).values[0];
        let mut fitted = Self {
            mean,
            std,
            clip: options.clip,
            scale: options.scale,
            squares,
            whitening: None,
            projection: None,
        };
        let mut spectrum = largest;
        if let Some(shrinkage) = options.whitening {
            check_shrinkage(shrinkage)?;
            spectrum = largest / (largest + shrinkage);
            match options.directions {
                Some(most) => {
                    let directions = most.min(forms.len());
                    let projection = Projection::fit(correlations, shrinkage, directions)?;
                    fitted.projection = Some(projection);
                }
                None => fitted.whitening = Some(Whitening::fit(&correlations, shrinkage)),
            }
        }
        let spectrum = if intercept {
            spectrum.max(1.0)
        } else {
            spectrum
        };
        Ok((fitted.checked()?, spectrum))
    }

    /// Given statistics, for example of a public data set; a `std` of 0 marks a feature to be ignored.
    pub fn from_statistics(
        mean: Vec<f64>,
        std: Vec<f64>,
        clip: f64,
        scale: f64,
    ) -> Result<Self, Error> {
        Self {
            mean,
            std,
            clip,
            scale,
            squares: None,
            whitening: None,
            projection: None,
        }
        .checked()
    }

    /// Reads the JSON form, checking lengths and values.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|e| Error::Json {
            what: "statistics file",
            reason: e.to_string(),
        })
    }

    /// The JSON form.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|e| Error::Json {
            what: "statistics file",
            reason: e.to_string(),
        })
    }

    /// The same statistics with another scale, which must be positive and at most 1e6.
    pub fn with_scale(self, scale: f64) -> Result<Self, Error> {
        Self { scale, ..self }.checked()
    }

    /// By what all values are multiplied at the end.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Number of features that go in.
    pub fn columns(&self) -> usize {
        self.mean.len()
    }

    /// The columns that did not vary in the data fitted on, and become 0.
    pub fn constant_columns(&self) -> Vec<usize> {
        let std = self.std.iter().enumerate();
        std.filter(|(_, std)| **std == 0.0)
            .map(|(column, _)| column)
            .collect()
    }

    /// Number of features that come out: as many, twice as many with their squares, or one for each principal direction.
    pub fn outputs(&self) -> usize {
        match &self.projection {
            Some(projection) => projection.directions,
            None => self.standardized(),
        }
    }

    /// Standardised features, with their squares if these are wanted.
    fn standardized(&self) -> usize {
        self.columns() * (1 + usize::from(self.has_squares()))
    }

    /// Whether squares of the features are features.
    pub fn has_squares(&self) -> bool {
        self.squares.is_some()
    }

    /// The number of principal directions, if they take the place of the features.
    pub fn directions(&self) -> Option<usize> {
        self.projection.as_ref().map(|p| p.directions)
    }

    /// The magnitude at which values are cut off.
    pub fn limit(&self) -> f64 {
        self.clip * self.scale
    }

    /// The largest absolute value that can come out, that of an intercept included.
    pub fn bound(&self) -> f64 {
        self.clip.max(1.0) * self.scale
    }

    /// The shrinkage of whitening, if features are whitened.
    pub fn shrinkage(&self) -> Option<f64> {
        let of_factor = self.whitening.as_ref().map(|whitening| whitening.shrinkage);
        of_factor.or(self.projection.as_ref().map(|p| p.shrinkage))
    }

    /// Whether features are whitened.
    pub fn is_whitening(&self) -> bool {
        self.shrinkage().is_some()
    }

    /// Standardises a row-major matrix; with `intercept` a last column of ones is appended, times the scale like all
    /// others.
    pub fn apply(&self, values: &[f64], intercept: bool) -> Result<Features, Error> {
        let columns = self.columns();
        if !values.len().is_multiple_of(columns) {
            return Err(Error::Mismatch {
                expected: format!("rows of {columns} features"),
                found: format!("{} values", values.len()),
            });
        }
        check_finite("features", columns, values)?;
        let rows = values.len() / columns;
        let cols = self.outputs() + usize::from(intercept);
        let mut out = Vec::with_capacity(rows * cols);
        let mut z = Vec::with_capacity(self.standardized());
        for row in values.chunks_exact(columns) {
            let start = out.len();
            match &self.projection {
                None => self.standardize(row, &mut out),
                Some(projection) => {
                    z.clear();
                    self.standardize(row, &mut z);
                    projection.apply(&z, &mut out);
                }
            }
            if let Some(whitening) = &self.whitening {
                solve_lower(&whitening.factor, &mut out[start..]);
            }
            if self.is_whitening() {
                let whitened = out[start..].iter_mut();
                whitened.for_each(|v| *v = v.clamp(-self.clip, self.clip));
            }
            if intercept {
                out.push(1.0);
            }
            out[start..].iter_mut().for_each(|z| *z *= self.scale);
        }
        Features::new(rows, cols, out)
    }

    /// Appends a row without its scale.
    fn standardize(&self, row: &[f64], out: &mut Vec<f64>) {
        let start = out.len();
        let z = |x: f64, mean: f64, std: f64| match std {
            0.0 => 0.0,
            std => ((x - mean) / std).clamp(-self.clip, self.clip),
        };
        let columns = row.iter().zip(&self.mean).zip(&self.std);
        out.extend(columns.map(|((&x, &mean), &std)| z(x, mean, std)));
        if let Some(squares) = &self.squares {
            for (j, (&mean, &std)) in squares.mean.iter().zip(&squares.std).enumerate() {
                out.push(z(out[start + j].powi(2), mean, std));
            }
        }
    }

    fn fit_whitening(&self, values: &[f64], shrinkage: f64) -> Result<Whitening, Error> {
        check_shrinkage(shrinkage)?;
        let gram = self.correlations(values, 1)?;
        Ok(Whitening::of_packed(gram, self.standardized(), shrinkage))
    }

    fn fit_projection(
        &self,
        values: &[f64],
        shrinkage: f64,
        most: usize,
    ) -> Result<Projection, Error> {
        let d = self.standardized();
        let rows = values.len() / self.columns();
        let gram = self.correlations(values, rows.div_ceil(MOST_FITTED))?;
        let at = |i: usize, j: usize| gram[triangle(i.max(j)) + i.min(j)];
        let full = (0..d).map(|i| (0..d).map(|j| at(i, j)).collect());
        Projection::fit(full.collect(), shrinkage, most.min(d))
    }

    /// The packed lower triangle of the mean of z z^T over every `step`-th row.
    fn correlations(&self, values: &[f64], step: usize) -> Result<Vec<f64>, Error> {
        let d = self.standardized();
        if d > MAX_WHITENED_COLUMNS {
            return Err(Error::Option {
                name: "whitening",
                value: format!("of {d} columns"),
                expected: "is limited to 2048 columns; take fewer features or none",
            });
        }
        let rows = values.chunks_exact(self.columns()).step_by(step);
        let n = rows.len() as f64;
        let mut gram = vec![0.0; triangle(d)];
        let mut z = Vec::with_capacity(d);
        for row in rows {
            z.clear();
            self.standardize(row, &mut z);
            for i in 0..d {
                let zi = z[i] / n;
                for (g, zj) in gram[triangle(i)..=triangle(i) + i].iter_mut().zip(&z) {
                    *g += zi * zj;
                }
            }
        }
        Ok(gram)
    }

    fn checked(self) -> Result<Self, Error> {
        let d = self.mean.len();
        check_statistics(d, &self.mean, &self.std)?;
        if let Some(squares) = &self.squares {
            check_statistics(d, &squares.mean, &squares.std)?;
        }
        for (name, value) in [("clip", self.clip), ("scale", self.scale)] {
            if !(value > 0.0 && value <= 1e6) {
                let expected = "must be positive and at most 1e6";
                return Err(Error::Option {
                    name,
                    value: value.to_string(),
                    expected,
                });
            }
        }
        if let Some(whitening) = &self.whitening {
            whitening.check(self.standardized())?;
        }
        if let Some(projection) = &self.projection {
            projection.check(self.standardized())?;
            if self.whitening.is_some() {
                return Err(Error::Inconsistent(
                    "features are whitened by a factor or by principal directions, not by both"
                        .to_owned(),
                ));
            }
        }
        Ok(self)
    }
}

/// Squares of smaller numbers lose digits.
const SMALL: f64 = 1e-140;

impl Statistics {
    /// The standard deviation divides by the number of rows.
    fn of(columns: usize, values: &[f64]) -> Result<Self, Error> {
        let n = (values.len() / columns) as f64;
        // Divided before summing, so that no sum of finite values overflows.
        let mut mean = vec![0.0; columns];
        for row in values.chunks_exact(columns) {
            for (m, v) in mean.iter_mut().zip(row) {
                *m += v / n;
            }
        }
        let mut variance = vec![0.0; columns];
        let mut largest = vec![0.0f64; columns];
        for row in values.chunks_exact(columns) {
            for (j, v) in row.iter().enumerate() {
                variance[j] += (v - mean[j]).powi(2) / n;
                largest[j] = largest[j].max(v.abs());
            }
        }
        // The squares of the largest and the smallest numbers are no numbers.
        let of_extremes = |j: usize| {
            let part = |row: &[f64]| ((row[j] - mean[j]) / largest[j]).powi(2) / n;
            largest[j] * values.chunks_exact(columns).map(part).sum::<f64>().sqrt()
        };
        let std: Vec<f64> = (0..columns)
            .map(|j| match variance[j].sqrt() {
                _ if largest[j] == 0.0 => 0.0,
                std if std.is_finite() && largest[j] > SMALL => std,
                _ => of_extremes(j),
            })
            // What is left of a constant after rounding is no variation.
            .zip(&largest)
            .map(|(std, max)| if std <= 1e-12 * max { 0.0 } else { std })
            .collect();
        check_finite("standard deviation of the features", columns, &std)?;
        Ok(Self { std, mean })
    }
}

/// The square of standardised feature j of `columns`, as multiples of 1, x and x^2.
fn squared(mean: f64, std: f64, j: usize, columns: usize) -> Form {
    match std {
        0.0 => Form::new(),
        std => {
            let a = std.powi(-2);
            vec![
                (0, mean * mean * a),
                (j + 1, -2.0 * mean * a),
                (columns + j + 1, a),
            ]
        }
    }
}

/// A mean and a standard deviation for each of `d` columns.
fn check_statistics(d: usize, mean: &[f64], std: &[f64]) -> Result<(), Error> {
    if d == 0 || mean.len() != d || std.len() != d {
        return Err(Error::Inconsistent(format!(
            "{} means and {} standard deviations; as many of both are needed, at least one",
            mean.len(),
            std.len()
        )));
    }
    check_finite("mean", d, mean)?;
    check_finite("standard deviation", d, std)?;
    match std.iter().position(|&s| s < 0.0) {
        Some(j) => Err(Error::Inconsistent(format!(
            "standard deviation {j} is negative"
        ))),
        None => Ok(()),
    }
}

/// Without the statistics, which may be private.
impl std::fmt::Debug for Standardizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standardizer")
            .field("columns", &self.columns())
            .field("clip", &self.clip)
            .field("scale", &self.scale)
            .field("squares", &self.squares.is_some())
            .field("whitening", &self.is_whitening())
            .field("directions", &self.directions())
            .finish_non_exhaustive()
    }
}

impl TryFrom<Unchecked> for Standardizer {
    type Error = Error;

    fn try_from(raw: Unchecked) -> Result<Self, Error> {
        Self {
            mean: raw.mean,
            std: raw.std,
            clip: raw.clip,
            scale: raw.scale,
            squares: raw.squares,
            whitening: raw.whitening,
            projection: raw.projection,
        }
        .checked()
    }
}

impl Whitening {
    /// From the packed lower triangle of a correlation matrix.
    fn of_packed(mut gram: Vec<f64>, d: usize, shrinkage: f64) -> Self {
        for i in 0..d {
            gram[triangle(i) + i] += shrinkage;
        }
        factorize(&mut gram, d);
        Self {
            shrinkage,
            factor: gram,
        }
    }

    fn fit(correlations: &[Vec<f64>], shrinkage: f64) -> Self {
        let rows = correlations.iter().enumerate();
        let packed = rows
            .flat_map(|(i, row)| row[..=i].iter().copied())
            .collect();
        Self::of_packed(packed, correlations.len(), shrinkage)
    }

    fn check(&self, d: usize) -> Result<(), Error> {
        check_shrinkage(self.shrinkage)?;
        if d > MAX_WHITENED_COLUMNS || self.factor.len() != triangle(d) {
            return Err(Error::Inconsistent(format!(
                "a whitening factor of {} numbers does not fit {d} columns",
                self.factor.len()
            )));
        }
        check_finite("whitening factor", self.factor.len(), &self.factor)?;
        // Every diagonal entry of the factor of C + a I is at least sqrt(a); smaller ones would amplify noise or
        // overflow.
        let floor = 0.999 * self.shrinkage.sqrt();
        if (0..d).any(|i| self.factor[triangle(i) + i] < floor)
            || self.factor.iter().any(|l| l.abs() > 1e6)
        {
            return Err(Error::Inconsistent(
                "the whitening factor is not that of a correlation matrix".to_owned(),
            ));
        }
        Ok(())
    }
}
