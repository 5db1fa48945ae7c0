//! From samples to the matrix that is encrypted, the same way at training and at classification.

use crate::notes::{counted, listed};
use crate::spec::Extractor;
use crate::{
    DataSet, Error, FeatureSpec, Features, Moments, Samples, Standardizer, StandardizerOptions,
    Table,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashSet;
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
    /// The names of a table's columns, in the order of the statistics.
    #[serde(skip_serializing_if = "Option::is_none")]
    column_names: Option<Vec<String>>,
    standardizer: Standardizer,
    /// What names these statistics, so that features of others are not mixed with theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The number of samples of all sites whose sums they are from, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pooled: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    version: u32,
    spec: FeatureSpec,
    side: usize,
    intercept: bool,
    class_names: Vec<String>,
    #[serde(default)]
    column_names: Option<Vec<String>>,
    standardizer: Standardizer,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    pooled: Option<u64>,
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
        let fitted = Self::new(
            spec,
            options.side,
            options.intercept,
            class_names,
            standardizer,
        )?;
        match data.samples() {
            Samples::Table(table) => fitted.with_column_names(table.names().map(<[_]>::to_vec)),
            Samples::Images(_) => Ok(fitted),
        }
    }

    /// A pipeline whose statistics are those of all samples behind these sums, rounded; see
    /// [`Standardizer::from_moments`].
    ///
    /// # Errors
    /// [`Error`] if the sums are not those of these features.
    pub fn from_moments(
        spec: FeatureSpec,
        moments: &Moments,
        class_names: Vec<String>,
        options: PipelineOptions,
    ) -> Result<Self, Error> {
        let (mut standardizer, largest) =
            Standardizer::from_moments(moments, &options.standardizer, options.intercept)?;
        if options.unit_spectrum && largest > 0.0 {
            standardizer = standardizer.with_scale(largest.sqrt().recip())?;
        }
        let (side, intercept) = (options.side, options.intercept);
        let fitted = Self::new(spec.pinned()?, side, intercept, class_names, standardizer)?;
        Ok(Self {
            pooled: Some(moments.samples() as u64),
            ..fitted
        })
    }

    /// The number of samples whose pooled sums the statistics are from, if they are.
    pub fn pooled(&self) -> Option<u64> {
        self.pooled
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
            column_names: None,
            standardizer,
            id: None,
            pooled: None,
        })
    }

    /// The same pipeline with names for the columns of its tables, if they have any; samples whose columns have names
    /// too are put in this order.
    pub fn with_column_names(mut self, names: Option<Vec<String>>) -> Result<Self, Error> {
        let columns = self.standardizer.columns();
        if let Some(names) = names
            .as_ref()
            .filter(|n| n.len() != columns || !self.spec.is_table())
        {
            return Err(Error::Mismatch {
                expected: format!("{columns} columns ({})", self.spec),
                found: format!("{} names of columns", names.len()),
            });
        }
        self.column_names = names;
        Ok(self)
    }

    /// The names of a table's columns, if they had any when the statistics were taken.
    pub fn column_names(&self) -> Option<&[String]> {
        self.column_names.as_deref()
    }

    /// The same pipeline with a name of its own, which nothing else should have.
    pub fn with_id(self, id: String) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }

    /// What names these statistics, if they have a name: files of before there were any have none.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The same pipeline with features that are this times as large.
    pub fn scaled(mut self, factor: f64) -> Result<Self, Error> {
        let scale = self.standardizer.scale() * factor;
        self.standardizer = self.standardizer.with_scale(scale)?;
        Ok(self)
    }

    /// The same pipeline with the file of its backbone, if it has one, elsewhere.
    pub fn with_backbone_at(mut self, path: &Path) -> Self {
        self.spec = self.spec.with_backbone_at(path);
        self
    }

    /// The samples as [`apply`](Self::apply) takes them: columns that have names are put in the order of those fitted
    /// on, others are left out, and a remark says so.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if a column that was fitted on is missing, or several have one name.
    pub fn arrange<'a>(
        &self,
        samples: &'a Samples,
    ) -> Result<(Cow<'a, Samples>, Option<String>), Error> {
        let (Samples::Table(table), Some(wanted)) = (samples, &self.column_names) else {
            return Ok((Cow::Borrowed(samples), None));
        };
        let Some(names) = table.names() else {
            let note = "the columns have no names and are taken in the order of those trained on";
            return Ok((Cow::Borrowed(samples), Some(note.to_owned())));
        };
        if names == wanted {
            return Ok((Cow::Borrowed(samples), None));
        }
        let place = |name: &String| names.iter().position(|found| found == name);
        let missing: Vec<&String> = wanted.iter().filter(|n| place(n).is_none()).collect();
        let ambiguous = |names: &[String]| names.iter().collect::<HashSet<_>>().len() < names.len();
        let wrong = if !missing.is_empty() {
            Some(format!("without {}", listed(&missing)))
        } else {
            (ambiguous(wanted) || ambiguous(names)).then(|| "some of one name".to_owned())
        };
        if let Some(wrong) = wrong {
            return Err(Error::Mismatch {
                expected: format!("the columns {}", listed(wanted)),
                found: format!("rows of {}, {wrong}", listed(names)),
            });
        }
        let places: Vec<usize> = wanted.iter().filter_map(place).collect();
        let extra: Vec<&String> = names.iter().filter(|name| !wanted.contains(name)).collect();
        let mut notes = Vec::new();
        if !places.is_sorted() {
            notes.push("columns put in the order of those trained on, by their names".to_owned());
        }
        if !extra.is_empty() {
            notes.push(format!(
                "{} left out that the features do not name: {}",
                counted(extra.len(), "column"),
                listed(&extra)
            ));
        }
        let rows = table.values().chunks_exact(table.columns());
        let values = rows.flat_map(|row| places.iter().map(|&place| row[place]));
        let arranged = Table::new(wanted.len(), values.collect())?.with_names(wanted.clone())?;
        Ok((Cow::Owned(Samples::Table(arranged)), Some(notes.join("; "))))
    }

    /// The features of `samples`, in their order. Columns of a table are [arranged](Self::arrange) first.
    pub fn apply(&self, samples: &Samples) -> Result<Features, Error> {
        let (samples, _) = self.arrange(samples)?;
        let (columns, values) = extract(&self.spec, self.side, &samples)?;
        if columns != self.standardizer.columns() {
            return Err(Error::Mismatch {
                expected: format!("rows of {} features", self.standardizer.columns()),
                found: format!("rows of {columns}"),
            });
        }
        self.standardizer.apply(&values, self.intercept)
    }

    /// A remark on features that did not vary in the data fitted on, if there are any.
    pub fn constant_columns(&self) -> Option<String> {
        let constant = self.standardizer.constant_columns();
        if constant.is_empty() {
            return None;
        }
        let name = |column: &usize| match &self.column_names {
            Some(names) => names[*column].clone(),
            None => (column + 1).to_string(),
        };
        let names: Vec<String> = constant.iter().map(name).collect();
        let which = self
            .spec
            .is_table()
            .then(|| format!(": {}", listed(&names)));
        Some(format!(
            "{} of {} have one value only in these data and count for nothing{}",
            constant.len(),
            counted(self.standardizer.columns(), "feature"),
            which.unwrap_or_default()
        ))
    }

    /// Columns of what [`Pipeline::apply`] gives, the intercept included.
    pub fn columns(&self) -> usize {
        self.standardizer.outputs() + usize::from(self.intercept)
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
        let fitted = Self::new(
            raw.spec,
            raw.side,
            raw.intercept,
            raw.class_names,
            raw.standardizer,
        )?;
        let named = fitted.with_column_names(raw.column_names)?;
        Ok(Self {
            id: raw.id,
            pooled: raw.pooled,
            ..named
        })
    }
}

impl FeatureSpec {
    /// The features of `samples` before anything is standardised; images are resized to `side` first.
    pub fn extract(&self, side: usize, samples: &Samples) -> Result<Features, Error> {
        let (columns, values) = extract(self, side, samples)?;
        Features::new(samples.len(), columns, values)
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
