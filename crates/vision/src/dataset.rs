//! Samples with labels, and samples without.

use crate::{Error, GreyImage, matrix::check_finite};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

/// A table of numbers, row-major, one row per sample.
#[derive(Clone, PartialEq)]
pub struct Table {
    columns: usize,
    values: Vec<f64>,
    names: Option<Vec<String>>,
}

impl Table {
    /// A table from its values; refuses zero columns, an incomplete last row, NaN and infinities.
    pub fn new(columns: usize, values: Vec<f64>) -> Result<Self, Error> {
        if columns == 0 || !values.len().is_multiple_of(columns) {
            return Err(Error::Inconsistent(format!(
                "{} values do not fill rows of {columns} columns",
                values.len()
            )));
        }
        check_finite("table", columns, &values)?;
        Ok(Self {
            columns,
            values,
            names: None,
        })
    }

    /// The same table with a name for each column.
    pub fn with_names(self, names: Vec<String>) -> Result<Self, Error> {
        if names.len() != self.columns {
            return Err(Error::Inconsistent(format!(
                "{} names for {} columns",
                names.len(),
                self.columns
            )));
        }
        Ok(Self {
            names: Some(names),
            ..self
        })
    }

    /// The names of the columns, if they have any.
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// Features a sample.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Samples.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The features of sample `i`, or `None` past the end.
    pub fn row(&self, i: usize) -> Option<&[f64]> {
        self.values.chunks_exact(self.columns).nth(i)
    }
}

/// Shape only: the values may be private.
impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} x {})", self.rows(), self.columns)
    }
}

/// What a data set is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// Grey images, not necessarily of one size.
    Images(Vec<GreyImage>),
    /// Rows of ready-made features.
    Table(Table),
}

impl Samples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Samples::Images(images) => images.len(),
            Samples::Table(table) => table.rows(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The images, or `None` for a table.
    pub fn images(&self) -> Option<&[GreyImage]> {
        match self {
            Samples::Images(images) => Some(images),
            Samples::Table(_) => None,
        }
    }

    fn select(&self, indices: &[usize]) -> Samples {
        match self {
            Samples::Images(images) => {
                Samples::Images(indices.iter().map(|&i| images[i].clone()).collect())
            }
            Samples::Table(table) => {
                let rows = indices
                    .iter()
                    .flat_map(|&i| &table.values[i * table.columns..(i + 1) * table.columns]);
                Samples::Table(Table {
                    columns: table.columns,
                    values: rows.copied().collect(),
                    names: table.names.clone(),
                })
            }
        }
    }

    /// A digest of the content of sample `i`: equal exactly for equal images or rows.
    fn digest(&self, i: usize) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        match self {
            Samples::Images(images) => {
                images[i].hash_into(&mut hasher);
            }
            Samples::Table(table) => {
                for v in &table.values[i * table.columns..(i + 1) * table.columns] {
                    // Adding zero makes -0.0 equal to 0.0.
                    hasher.update(&(v + 0.0).to_bits().to_le_bytes());
                }
            }
        }
        *hasher.finalize().as_bytes()
    }
}

/// What samples with labels and without have in common.
macro_rules! with_sources {
    ($($of:ident)*) => {$(
        impl $of {
            /// The same with remarks of who read or chose the samples.
            pub fn with_notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
                self.notes.extend(notes);
                self
            }

            /// What was guessed, left out or changed since the samples were read, in words; file names in it are as
            /// they were found.
            pub fn notes(&self) -> &[String] {
                &self.notes
            }

            /// The samples.
            pub fn samples(&self) -> &Samples {
                &self.samples
            }

            /// For each sample the file it came from, or the file and the index in it.
            pub fn sources(&self) -> &[String] {
                &self.sources
            }
        }
    )*};
}

with_sources!(Unlabeled DataSet);

/// Samples to be classified: no labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Unlabeled {
    samples: Samples,
    sources: Vec<String>,
    notes: Vec<String>,
}

impl Unlabeled {
    /// Samples with the name of where each came from.
    pub fn new(samples: Samples, sources: Vec<String>) -> Result<Self, Error> {
        if samples.len() != sources.len() {
            return Err(Error::Inconsistent(format!(
                "{} samples, but {} source names",
                samples.len(),
                sources.len()
            )));
        }
        Ok(Self {
            samples,
            sources,
            notes: Vec::new(),
        })
    }
}

/// Samples that are equal to an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// How many there are.
    pub removed: usize,
    /// Those of them whose label differs from that of the earlier one; many of these mean doubtful labels.
    pub conflicting: usize,
    /// The sources of the first repeat whose label differs, and of the earlier sample.
    pub conflict: Option<(String, String)>,
}

/// Samples with labels; every label is an index into the class names.
#[derive(Clone, PartialEq)]
pub struct DataSet {
    samples: Samples,
    labels: Vec<usize>,
    class_names: Vec<String>,
    sources: Vec<String>,
    notes: Vec<String>,
}

/// Sizes only: samples and labels may be private.
impl fmt::Debug for DataSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "DataSet({} samples of {:?})",
            self.len(),
            self.class_names
        )
    }
}

impl DataSet {
    /// A data set from its parts: as many labels and sources as samples, labels below the number of classes,
    /// class names distinct and not empty.
    pub fn new(
        samples: Samples,
        labels: Vec<usize>,
        class_names: Vec<String>,
        sources: Vec<String>,
    ) -> Result<Self, Error> {
        let n = samples.len();
        if labels.len() != n || sources.len() != n {
            return Err(Error::Inconsistent(format!(
                "{n} samples, {} labels, {} source names",
                labels.len(),
                sources.len()
            )));
        }
        if let Some((i, label)) = labels
            .iter()
            .enumerate()
            .find(|&(_, &l)| l >= class_names.len())
        {
            return Err(Error::Inconsistent(format!(
                "sample {i} has label {label}, but there are {} classes",
                class_names.len()
            )));
        }
        for (i, name) in class_names.iter().enumerate() {
            if name.is_empty() || class_names[..i].contains(name) {
                return Err(Error::Inconsistent(format!(
                    "class name {name:?} is empty or occurs twice"
                )));
            }
        }
        Ok(Self {
            samples,
            labels,
            class_names,
            sources,
            notes: Vec::new(),
        })
    }

    /// For each sample the index of its class.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The classes; for labelled folders in alphabetical order.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Samples in each class.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.class_names.len()];
        for &label in &self.labels {
            counts[label] += 1;
        }
        counts
    }

    /// Labels of a two-class set as -1 (class 0) and +1 (class 1), as training wants them; both must occur.
    pub fn signs(&self) -> Result<Vec<f64>, Error> {
        match self.class_counts().as_slice() {
            [a, b] if *a > 0 && *b > 0 => Ok(self
                .labels
                .iter()
                .map(|&l| if l == 1 { 1.0 } else { -1.0 })
                .collect()),
            counts => Err(Error::TooFew(format!(
                "two classes with samples are needed, the counts are {counts:?}"
            ))),
        }
    }

    /// The index of the class called `name`.
    pub fn class(&self, name: &str) -> Result<usize, Error> {
        self.class_names
            .iter()
            .position(|c| c == name)
            .ok_or_else(|| Error::UnknownClass {
                name: name.to_owned(),
                known: self.class_names.clone(),
            })
    }

    /// The class that is positive unless the user says otherwise: `1` if the other is `0` or `-1`, else the
    /// first, which for labelled folders is the first in alphabetical order (`cats` of `cats/` and `not-cats/`).
    pub fn default_positive(&self) -> Result<&str, Error> {
        match self.class_names.as_slice() {
            [zero, one] if ["0", "-1"].contains(&zero.as_str()) && one == "1" => Ok(one),
            [first, ..] => Ok(first),
            [] => Err(Error::TooFew("the data set has no class".to_owned())),
        }
    }

    /// The same set with exact repeats dropped: of equal images (or equal rows) the first stays.
    /// Do this before splitting, or copies of training samples sit among the test samples.
    pub fn without_repeats(&self) -> (DataSet, Repeats) {
        let mut first: HashMap<[u8; 32], usize> = HashMap::with_capacity(self.len());
        let mut keep = Vec::with_capacity(self.len());
        let mut repeats = Repeats {
            removed: 0,
            conflicting: 0,
            conflict: None,
        };
        for i in 0..self.len() {
            match first.entry(self.samples.digest(i)) {
                Entry::Vacant(entry) => {
                    entry.insert(i);
                    keep.push(i);
                }
                Entry::Occupied(entry) => {
                    repeats.removed += 1;
                    let earlier = *entry.get();
                    if self.labels[earlier] != self.labels[i] {
                        repeats.conflicting += 1;
                        repeats.conflict.get_or_insert_with(|| {
                            (self.sources[i].clone(), self.sources[earlier].clone())
                        });
                    }
                }
            }
        }
        (self.select(&keep), repeats)
    }

    /// The same set with other names for its classes, as many as there are.
    pub fn renamed(self, class_names: &[&str]) -> Result<DataSet, Error> {
        if class_names.len() != self.class_names.len() {
            return Err(Error::Inconsistent(format!(
                "{} names for {} classes",
                class_names.len(),
                self.class_names.len()
            )));
        }
        let names = class_names.iter().map(|&name| name.to_owned()).collect();
        let renamed = DataSet::new(self.samples, self.labels, names, self.sources)?;
        Ok(renamed.with_notes(self.notes))
    }

    /// The samples without their labels, for classification.
    pub fn into_unlabeled(self) -> Unlabeled {
        Unlabeled {
            samples: self.samples,
            sources: self.sources,
            notes: self.notes,
        }
    }

    /// The samples at `indices`, which the caller took from `0..len`.
    pub(crate) fn select(&self, indices: &[usize]) -> DataSet {
        DataSet {
            samples: self.samples.select(indices),
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
            class_names: self.class_names.clone(),
            sources: indices.iter().map(|&i| self.sources[i].clone()).collect(),
            notes: self.notes.clone(),
        }
    }

    pub(crate) fn relabel(
        mut self,
        class_names: Vec<String>,
        map: impl Fn(usize) -> usize,
    ) -> DataSet {
        for label in &mut self.labels {
            *label = map(*label);
        }
        self.class_names = class_names;
        self
    }
}
