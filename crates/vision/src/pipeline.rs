//! From samples to the matrix that is encrypted, the same way at training and at classification.

use crate::spec::Extractor;
use crate::{DataSet, Error, FeatureSpec, Features, Samples, Standardizer, StandardizerOptions};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the JSON form; a reader refuses any other.
const VERSION: u32 = 1;

/// Feature values computed at once: 2 GiB.
const MAX_VALUES: usize = 1 << 28;

/// How a [`Pipeline`] is fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineOptions {
    /// Images are first resized to `side` x `side` (1 to 1024); 28 unless set. Not used for tables.
    pub side: usize,
    /// Whether a last column of ones, scaled like the others, is appended; yes unless set.
    pub intercept: bool,
    /// Clipping, scaling and whitening.
    pub standardizer: StandardizerOptions,
    /// Whether the scale is replaced by the one that makes 1 the largest eigenvalue of X^T X / rows, X being the
    /// features fitted on with their intercept; yes unless set. Gradient methods then know how long a step may be
    /// without knowing the data.
    pub unit_spectrum: bool,
}

impl Default for PipelineOptions {
    fn default() -> Self {
        Self {
            side: 28,
            intercept: true,
            standardizer: StandardizerOptions::default(),
            unit_spectrum: true,
        }
    }
}

/// Everything needed to treat a new sample like those trained on: image side, [`FeatureSpec`], [`Standardizer`] and
/// class names. If its statistics were fitted on private images, it is private too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Pipeline {
    version: u32,
    spec: FeatureSpec,
    side: usize,
    intercept: bool,
    class_names: Vec<String>,
    standardizer: Standardizer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    version: u32,
    spec: FeatureSpec,
    side: usize,
    intercept: bool,
    class_names: Vec<String>,
    standardizer: Standardizer,
}

impl Pipeline {
    /// A pipeline whose statistics are those of `data`, which should be the training part alone.
    pub fn fit(spec: FeatureSpec, data: &DataSet, options: PipelineOptions) -> Result<Self, Error> {
        let spec = spec.pinned()?;
        let (columns, values) = extract(&spec, options.side, data.samples())?;
        let mut standardizer = Standardizer::fit(columns, &values, &options.standardizer)?;
        if options.unit_spectrum {
            standardizer = standardizer.with_scale(1.0)?;
            let largest = standardizer
                .apply(&values, options.intercept)?
                .largest_eigenvalue();
            // Of constant features nothing is left, and any scale does.
            if largest > 0.0 {
                standardizer = standardizer.with_scale(largest.sqrt().recip())?;
            }
        }
        let class_names = data.class_names().to_vec();
        Self::new(
            spec,
            options.side,
            options.intercept,
            class_names,
            standardizer,
        )
    }

    /// A pipeline with given, for example public, statistics; their number of columns must be that of `spec`.
    pub fn new(
        spec: FeatureSpec,
        side: usize,
        intercept: bool,
        class_names: Vec<String>,
        standardizer: Standardizer,
    ) -> Result<Self, Error> {
        if !spec.is_table() {
            let columns = spec.columns(side)?;
            if columns != standardizer.columns() {
                return Err(Error::Mismatch {
                    expected: format!("statistics of {columns} features ({spec} at side {side})"),
                    found: format!("statistics of {}", standardizer.columns()),
                });
            }
        }
        Ok(Self {
            version: VERSION,
            spec,
            side,
            intercept,
            class_names,
            standardizer,
        })
    }

    /// The same pipeline with the file of its backbone, if it has one, elsewhere.
    pub fn with_backbone_at(mut self, path: &Path) -> Self {
        self.spec = self.spec.with_backbone_at(path);
        self
    }

    /// The features of `samples`, in their order.
    pub fn apply(&self, samples: &Samples) -> Result<Features, Error> {
        let (columns, values) = extract(&self.spec, self.side, samples)?;
        if columns != self.standardizer.columns() {
            return Err(Error::Mismatch {
                expected: format!("rows of {} features", self.standardizer.columns()),
                found: format!("rows of {columns}"),
            });
        }
        self.standardizer.apply(&values, self.intercept)
    }

    /// Columns of what [`Pipeline::apply`] gives, the intercept included.
    pub fn columns(&self) -> usize {
        self.standardizer.columns() + usize::from(self.intercept)
    }

    /// Which features are taken.
    pub fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    /// The side of the square that images are resized to.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Whether the last column is all ones.
    pub fn has_intercept(&self) -> bool {
        self.intercept
    }

    /// The names of the classes that labels of the training data stand for.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The statistics.
    pub fn standardizer(&self) -> &Standardizer {
        &self.standardizer
    }

    /// The JSON form.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|e| Error::Json {
            what: "pipeline file",
            reason: e.to_string(),
        })
    }

    /// Reads the JSON form, checking version, sizes and values.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|e| Error::Json {
            what: "pipeline file",
            reason: e.to_string(),
        })
    }
}

impl TryFrom<Unchecked> for Pipeline {
    type Error = Error;

    fn try_from(raw: Unchecked) -> Result<Self, Error> {
        if raw.version != VERSION {
            return Err(Error::Json {
                what: "pipeline",
                reason: format!("version {} is not the known version {VERSION}", raw.version),
            });
        }
        Self::new(
            raw.spec,
            raw.side,
            raw.intercept,
            raw.class_names,
            raw.standardizer,
        )
    }
}

/// The raw features of `samples`, row-major, and their number a row.
fn extract(spec: &FeatureSpec, side: usize, samples: &Samples) -> Result<(usize, Vec<f64>), Error> {
    match samples {
        Samples::Images(images) if !spec.is_table() => {
            let values = spec.columns(side)?.saturating_mul(images.len());
            if values > MAX_VALUES {
                return Err(Error::Option {
                    name: "features",
                    value: format!("{spec} of {} images, {values} values", images.len()),
                    expected: "at most 2^28 values; take fewer features or fewer images at a time",
                });
            }
            Extractor::new(spec, side)?.extract(images)
        }
        Samples::Table(table) if spec.is_table() => Ok((table.columns(), table.values().to_vec())),
        Samples::Images(_) => Err(Error::Mismatch {
            expected: "rows of a feature table".to_owned(),
            found: "images".to_owned(),
        }),
        Samples::Table(_) => Err(Error::Mismatch {
            expected: format!("images (for {spec})"),
            found: "rows of a feature table".to_owned(),
        }),
    }
}
