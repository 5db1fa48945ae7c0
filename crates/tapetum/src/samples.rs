//! From a path to samples.

use std::path::{Path, PathBuf};

use tapetum_learn::ClassLabels;
use tapetum_vision::{DataSet, Limits, Samples as Pixels, Split, Unlabeled, embedded, load};

use crate::error::{Context, Error, Result};

/// The name under which the built-in images go.
const BUILT_IN: &str = "animal-shapes";
/// The part that is held out if nothing is said.
const HELD_OUT: f64 = 0.2;

/// Which images, and how they are read.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// A folder with one folder per label, a folder of images, one image, a table, or the name of the
    /// built-in images.
    pub images: PathBuf,
    /// The IDX file of the labels, where `images` is an IDX file.
    pub label_file: Option<PathBuf>,
    /// The arrays of an NPZ file whose names start with this.
    pub part: Option<String>,
    /// The data have no labels.
    pub unlabelled: bool,
    /// The label that is to be recognised; all others together are its opposite.
    pub positive: Option<String>,
    /// Take only as many of the others as there are of the positive label.
    pub balanced: bool,
    /// Keep exact repeats of a sample, which are otherwise removed.
    pub keep_repeats: bool,
}

/// A stratified split in two.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Samples in the training and in the test part; a fifth is held out unless that is said.
    pub counts: Option<(usize, usize)>,
    /// The seed of balancing and of the split.
    pub seed: u64,
}

/// Which part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What the model is trained on.
    Train,
    /// What is held out.
    Test,
}

/// Samples with or without labels.
pub enum Samples {
    /// For training, or to be judged by.
    Labelled(DataSet),
    /// For classification.
    Unlabelled(Unlabeled),
}

impl Samples {
    /// The samples alone.
    pub fn pixels(&self) -> &Pixels {
        match self {
            Self::Labelled(data) => data.samples(),
            Self::Unlabelled(data) => data.samples(),
        }
    }
}

/// Into which classes samples are told apart.
#[derive(Clone, Copy)]
pub struct Classes<'a> {
    /// How many there are.
    pub count: usize,
    /// Their names, if there was training data before.
    pub fitted: Option<&'a [String]>,
}

impl Source {
    /// Samples to be encrypted: all of them, or one part. `colour` says whether colours are kept.
    ///
    /// # Errors
    /// [`Error`] if they cannot be read, or do not have these classes.
    pub fn read(
        &self,
        part: Option<Part>,
        parts: Parts,
        colour: bool,
        classes: Classes<'_>,
    ) -> Result<Samples> {
        let data = match self.read_all(colour)? {
            Samples::Labelled(data) => self.classes(data, parts.seed, classes)?,
            samples @ Samples::Unlabelled(_) => {
                let of_labels = [
                    (part.is_some(), "--split"),
                    (self.positive.is_some(), "--positive"),
                    (self.balanced, "--balanced"),
                ];
                return match of_labels.into_iter().find(|(given, _)| *given) {
                    Some((_, flag)) => Err(self.without_labels(flag)),
                    None => Ok(samples),
                };
            }
        };
        let Some(part) = part else {
            return match parts.counts {
                Some(_) => Err(Error::input(
                    "--train-count needs --split, which says which part to encrypt",
                )),
                None => Ok(Samples::Labelled(data)),
            };
        };
        let split = split(&data, parts)?;
        Ok(Samples::Labelled(match part {
            Part::Train => split.train,
            Part::Test => split.test,
        }))
    }

    /// What is to be trained on and held out.
    ///
    /// # Errors
    /// As [`read`](Self::read), and if there are no labels.
    pub fn read_split(&self, parts: Parts, colour: bool, classes: usize) -> Result<Split> {
        let Samples::Labelled(data) = self.read_all(colour)? else {
            return Err(self.without_labels("simulate"));
        };
        let classes = Classes {
            count: classes,
            fitted: None,
        };
        split(&self.classes(data, parts.seed, classes)?, parts)
    }

    /// Without repeats: one label against the rest or, if more than two classes are wanted, each label
    /// as a class.
    fn classes(&self, data: DataSet, seed: u64, classes: Classes<'_>) -> Result<DataSet> {
        let data = match self.keep_repeats {
            true => data,
            false => data.without_repeats().0,
        };
        if classes.count > 2 {
            return self.many_classes(data, classes);
        }
        let positive = match (&self.positive, classes.fitted) {
            (Some(name), _) => name.as_str(),
            // What was positive before is so again.
            (None, Some([_, positive])) if data.class_names().contains(positive) => positive,
            (None, _) => data.default_positive()?,
        };
        Ok(data.one_vs_rest(positive, self.balanced, seed)?)
    }

    fn many_classes(&self, data: DataSet, classes: Classes<'_>) -> Result<DataSet> {
        if self.positive.is_some() || self.balanced {
            return Err(Error::input(
                "--positive and --balanced are for two classes, but --classes says that each label is \
                 one",
            ));
        }
        let labels = data.class_names().len();
        match classes.fitted {
            // A contributor may have samples of some classes only.
            Some(names) => Ok(data.among(names)?),
            None if labels == classes.count => Ok(data),
            None => Err(Error::input(format!(
                "the data have {labels} labels, but the keys are for {} classes; pass --classes {labels}",
                classes.count
            ))),
        }
    }

    /// What to say where labels are needed.
    pub fn without_labels(&self, what: &str) -> Error {
        Error::input(format!(
            "{what} needs labels, but {} has none",
            self.images.display()
        ))
    }

    fn read_all(&self, colour: bool) -> Result<Samples> {
        let limits = Limits {
            colour,
            ..Limits::default()
        };
        let path = &self.images;
        if path.as_os_str() == BUILT_IN && !path.exists() {
            return Ok(Samples::Labelled(embedded::animal_shapes()?));
        }
        if let Some(labels) = &self.label_file {
            return Ok(Samples::Labelled(load::idx(path, labels, None, &limits)?));
        }
        let labelled_folder = path.is_dir() && has_folders(path);
        Ok(match extension(path).as_str() {
            _ if labelled_folder && !self.unlabelled => {
                Samples::Labelled(load::labeled_folders(path, &limits)?)
            }
            _ if path.is_dir() => Samples::Unlabelled(load::unlabeled_images(path, &limits)?),
            "csv" if self.unlabelled => Samples::Unlabelled(load::csv_unlabeled(path, &limits)?),
            "csv" => Samples::Labelled(load::csv_table(path, &limits)?),
            "npz" => {
                let data = load::npz(path, self.part.as_deref(), &limits)?;
                if self.unlabelled {
                    Samples::Unlabelled(data.to_unlabeled())
                } else {
                    Samples::Labelled(data)
                }
            }
            _ if looks_like_idx(path) => {
                return Err(Error::input(format!(
                    "{} looks like an IDX file: give that of its labels as --label-file",
                    path.display()
                )));
            }
            _ => Samples::Unlabelled(load::unlabeled_images(path, &limits)?),
        })
    }
}

fn split(data: &DataSet, parts: Parts) -> Result<Split> {
    Ok(match parts.counts {
        Some((train, test)) => data.split_counts(train, test, parts.seed)?,
        None => data.split(HELD_OUT, parts.seed)?,
    })
}

/// A labelled table, to see how many samples and features it has.
///
/// # Errors
/// [`Error`] if it cannot be read.
pub fn read_table(path: &Path) -> Result<DataSet> {
    let limits = Limits::default();
    Ok(match extension(path).as_str() {
        "npz" => load::npz(path, None, &limits)?,
        _ => load::csv_table(path, &limits)?,
    })
}

/// The labels of a set.
///
/// # Errors
/// [`Error`] if there are more classes than labels can be of.
pub fn class_labels(data: &DataSet) -> Result<ClassLabels> {
    let labels = data.labels().iter().map(|&label| u8::try_from(label).ok());
    let labels: Option<_> = labels.collect();
    let labels = labels.context("there are more classes than labels can be of")?;
    Ok(ClassLabels::of_classes(labels, data.class_names().len())?)
}

/// The labels of a set of two classes: true for the class of index 1.
pub fn truths(data: &DataSet) -> Vec<bool> {
    data.labels().iter().map(|&label| label == 1).collect()
}

fn extension(path: &Path) -> String {
    let extension = path.extension().unwrap_or_default();
    extension.to_string_lossy().to_ascii_lowercase()
}

/// By the customary names: `t10k-images-idx3-ubyte`, perhaps with `.gz`.
fn looks_like_idx(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.ends_with("-ubyte") || name.ends_with(".idx")
}

fn has_folders(path: &Path) -> bool {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .into_iter()
        .any(|entry| entry.path().is_dir() && !entry.file_name().to_string_lossy().starts_with('.'))
}
