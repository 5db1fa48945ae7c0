//! From a path to samples.

use std::path::{Path, PathBuf};

use tapetum_learn::ClassLabels;
use tapetum_vision::load::Kind;
use tapetum_vision::notes::{counted, listed};
use tapetum_vision::{
    DataSet, Limits, Samples as Pixels, Split, TableOptions, Unlabeled, embedded, load,
};

use crate::error::{Context, Error, Result};

/// The name under which the built-in images go.
const BUILT_IN: &str = "animal-shapes";
/// The part that is held out if nothing is said.
const HELD_OUT: f64 = 0.2;
/// What to do where labels are not those trained on.
const NOT_LABELS: &str =
    "these labels are not those of features.json (pass --unlabelled if they are none)";

/// Which images, and how they are read.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// A folder with one folder per label, a folder of images, one image, a table, an NPZ, NPY or IDX file, or the
    /// name of the built-in images.
    pub images: PathBuf,
    /// The file of the labels, where `images` is an IDX or NPY file.
    pub label_file: Option<PathBuf>,
    /// The arrays of an NPZ file whose names start or end with this.
    pub part: Option<String>,
    /// How a table is laid out, as far as that is not to be guessed.
    pub table: TableOptions,
    /// The data have no labels.
    pub unlabelled: bool,
    /// The samples are to be classified and their labels stay here, so none may be dropped.
    pub withheld: bool,
    /// The label that is to be recognised; all others together are its opposite.
    pub positive: Option<String>,
    /// Take only as many of the others as there are of the positive label.
    pub balanced: bool,
    /// Keep pictures that are equal to earlier ones, which are otherwise removed.
    pub keep_repeats: bool,
    /// Remove rows of tables that are equal to earlier ones, which are otherwise kept.
    pub drop_repeats: bool,
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

    /// What was guessed, left out or changed on the way, in words.
    pub fn notes(&self) -> &[String] {
        match self {
            Self::Labelled(data) => data.notes(),
            Self::Unlabelled(data) => data.notes(),
        }
    }

    /// The names of the classes and how many samples each has, if labels are known.
    pub fn class_counts(&self) -> (Vec<String>, Vec<usize>) {
        match self {
            Self::Labelled(data) => (data.class_names().to_vec(), data.class_counts()),
            Self::Unlabelled(_) => Default::default(),
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
        // A part is taken of the same samples, whatever becomes of it.
        let classify_all = self.withheld && part.is_none();
        let samples = match self.read_all(colour)? {
            Samples::Labelled(data) => self.classes(data, parts.seed, classes, classify_all)?,
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
        let Samples::Labelled(data) = samples else {
            return Ok(samples);
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
        match self.classes(data, parts.seed, classes, false)? {
            Samples::Labelled(data) => split(&data, parts),
            Samples::Unlabelled(_) => Err(self.without_labels("simulate")),
        }
    }

    /// One label against the rest or, if more than two classes are wanted, each label as a class. If all samples are
    /// to be classified none is dropped, and labels that are not those of the classes fitted on are forgotten.
    fn classes(
        &self,
        data: DataSet,
        seed: u64,
        classes: Classes<'_>,
        classify_all: bool,
    ) -> Result<Samples> {
        if classify_all && let Some(fitted) = classes.fitted {
            return self.judged(data, fitted);
        }
        let before = data.len();
        let mut data = match classify_all {
            true => data,
            false => self.without_repeats(data),
        };
        let dropped = data.notes().last().filter(|_| data.len() < before).cloned();
        if let Some(names) = classes.fitted {
            data = spelled_as(data, names)?;
        }
        let single = singles(&data);
        let chosen = match classes.count {
            2 => self.two_classes(data, seed, classes.fitted),
            _ => self.many_classes(data, classes),
        };
        match (chosen, dropped) {
            (Ok(data), _) => Ok(Samples::Labelled(data.with_notes(single))),
            // Perhaps that is why.
            (Err(error), Some(note)) => Err(error.within(note)),
            (Err(error), None) => Err(error),
        }
    }

    /// Samples to be classified into fitted classes, with their labels as far as they are among these.
    fn judged(&self, data: DataSet, fitted: &[String]) -> Result<Samples> {
        let data = spelled_as(data, fitted)?;
        let positive = self
            .positive
            .as_ref()
            .map(|name| spelling(name, data.class_names()));
        let known = |name: &String| fitted.contains(name);
        if let (Some(positive), [_, recognised]) = (&positive, fitted)
            && !known(positive)
        {
            let note =
                format!("{positive:?} is taken for {recognised:?}, by which the model was trained");
            let names: Vec<&str> = fitted.iter().map(String::as_str).collect();
            let data = data.one_vs_rest(positive, false, 0)?.renamed(&names)?;
            return Ok(Samples::Labelled(data.with_notes([note])));
        }
        let related = positive.is_some() || data.class_names().iter().any(known);
        match data.among(fitted) {
            Ok(data) if related => Ok(Samples::Labelled(data)),
            // Which label is which class shows when the scores are there.
            _ if data.class_names().len() == fitted.len() => Ok(Samples::Labelled(data)),
            _ => {
                let note = format!(
                    "the labels {} are not those that the model was trained with ({}) and are not used \
                     (--positive says which of them it recognises)",
                    listed(data.class_names()),
                    listed(fitted)
                );
                Ok(Samples::Unlabelled(
                    data.with_notes([note]).into_unlabeled(),
                ))
            }
        }
    }

    fn two_classes(&self, data: DataSet, seed: u64, fitted: Option<&[String]>) -> Result<DataSet> {
        let positive = self
            .positive
            .as_ref()
            .map(|name| spelling(name, data.class_names()));
        if let Some(fitted @ [_, recognised]) = fitted
            && positive.as_ref().is_none_or(|name| name == recognised)
        {
            let names = data.class_names();
            let known = names.iter().all(|name| fitted.contains(name));
            if !known && positive.is_none() && !names.contains(recognised) {
                return Err(Error::input(format!(
                    "the labels {} are not the classes of features.json, {}: name the positive one with \
                     --positive, pass --unlabelled if they are no labels, or start over with --refit",
                    listed(names),
                    fitted.join(" and ")
                )));
            }
            if !self.balanced
                && let Ok(data) = data.among(fitted)
            {
                return Ok(data);
            }
        }
        if let [only] = data.class_names() {
            return Err(Error::input(format!(
                "all samples are of class {only:?}, but at least two classes are needed: a contributor \
                 who has one of them needs the features.json of one who has both"
            )));
        }
        let positive = match (positive, fitted) {
            (Some(name), _) => name,
            // What was positive before is so again.
            (None, Some([_, positive])) if data.class_names().contains(positive) => {
                positive.clone()
            }
            (None, _) => data.default_positive()?.to_owned(),
        };
        let mut notes = Vec::new();
        let labels = data.class_names().len();
        if labels > 2 && self.positive.is_none() {
            notes.push(format!(
                "{labels} labels: {positive:?} is told from all others (--positive names another)"
            ));
        }
        let chosen = data.one_vs_rest(&positive, self.balanced, seed)?;
        if chosen.len() < data.len() {
            let left_out = counted(data.len() - chosen.len(), "sample");
            notes.push(format!(
                "{left_out} left out, so that there are as many of each class"
            ));
        }
        Ok(chosen.with_notes(notes))
    }

    /// Drops what is equal to an earlier sample, where that is not wanted: pictures should be there once, rows of a
    /// table may well be equal.
    fn without_repeats(&self, data: DataSet) -> DataSet {
        let (unique, repeats) = data.without_repeats();
        if repeats.removed == 0 {
            return data;
        }
        let is_table = matches!(data.samples(), Pixels::Table(_));
        let drops = !self.keep_repeats && (self.drop_repeats || !is_table);
        let mut note = format!(
            "{} equal to an earlier one",
            counted(repeats.removed, "sample")
        );
        if let Some((repeat, earlier)) = repeats.conflict {
            note += &format!(
                ", {} of them with another label ({repeat} and {earlier})",
                repeats.conflicting
            );
        }
        if drops {
            unique.with_notes([note + ": left out (--keep-repeats keeps them)"])
        } else {
            data.with_notes([note + ": kept (--drop-repeats leaves them out)"])
        }
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
            Some(names) => data.among(names).context(NOT_LABELS),
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
        let kind = load::kind(path)?;
        let labelled = match (kind, &self.label_file) {
            (_, Some(_)) if self.unlabelled => {
                return Err(Error::input(
                    "either --label-file or --unlabelled, not both",
                ));
            }
            (Kind::Idx, Some(labels)) => load::idx(path, labels, None, &limits)?,
            (Kind::Npy, Some(labels)) => load::npy_pair(path, labels, &limits)?,
            (_, Some(_)) => {
                return Err(Error::input(format!(
                    "--label-file is for an IDX or NPY file, which {} is not",
                    path.display()
                )));
            }
            (Kind::Folder, None) if !self.unlabelled && load::has_label_folders(path, &limits) => {
                load::labeled_folders(path, &limits)?
            }
            (Kind::Table, None) if !self.unlabelled => load::csv_table(path, &self.table, &limits)?,
            (Kind::Npz, None) if !self.unlabelled => {
                load::npz(path, self.part.as_deref(), &limits)?
            }
            (Kind::Idx | Kind::Npy, None) if !self.unlabelled => {
                return Err(Error::input(format!(
                    "{} has no labels in it: give the file of its labels as --label-file, or pass \
                     --unlabelled",
                    path.display()
                )));
            }
            _ => return self.read_unlabelled(kind, &limits),
        };
        Ok(Samples::Labelled(labelled))
    }

    fn read_unlabelled(&self, kind: Kind, limits: &Limits) -> Result<Samples> {
        let path = &self.images;
        Ok(Samples::Unlabelled(match kind {
            Kind::Table => load::csv_unlabeled(path, &self.table, limits)?,
            Kind::Npz => load::npz_unlabeled(path, self.part.as_deref(), limits)?,
            Kind::Npy => load::npy_unlabeled(path, limits)?,
            Kind::Idx => load::idx_unlabeled(path, limits)?,
            _ => load::unlabeled_images(path, limits)?,
        }))
    }
}

/// A remark on labels that one sample has, among others that many have: perhaps it is no sample, or misspelt.
fn singles(data: &DataSet) -> Option<String> {
    let counts = data.class_counts();
    let single = counts
        .iter()
        .zip(data.class_names())
        .filter(|(count, _)| **count == 1);
    let single: Vec<&String> = single.map(|(_, name)| name).collect();
    let odd = !single.is_empty() && data.len() > 4 * counts.len();
    odd.then(|| format!("labels of one sample each: {}", listed(&single)))
}

/// The labels with the names of fitted classes, where both are numbers of one value or differ only in how accented
/// letters are stored.
fn spelled_as(data: DataSet, names: &[String]) -> Result<DataSet> {
    let respelled: Vec<String> = data
        .class_names()
        .iter()
        .map(|n| spelling(n, names))
        .collect();
    let respelled: Vec<&str> = respelled.iter().map(String::as_str).collect();
    Ok(data.renamed(&respelled)?)
}

/// A label as it is written among `names`: `1` may be `1.0` there.
fn spelling(label: &str, names: &[String]) -> String {
    let value = |text: &str| text.parse::<f64>().ok();
    let same = |name: &&String| value(name).is_some() && value(name) == value(label);
    let written = names.iter().find(|name| load::is_same_name(name, label));
    written
        .or_else(|| names.iter().find(same))
        .map_or(label, String::as_str)
        .to_owned()
}

fn split(data: &DataSet, parts: Parts) -> Result<Split> {
    let Some((train, test)) = parts.counts else {
        return Ok(data.split(HELD_OUT, parts.seed)?);
    };
    let split = data.split_counts(train, test, parts.seed)?;
    let left = data.len() - train - test;
    if left == 0 {
        return Ok(split);
    }
    let note = || [format!("{} in neither part", counted(left, "sample"))];
    Ok(Split {
        train: split.train.with_notes(note()),
        test: split.test.with_notes(note()),
    })
}

/// A labelled table, to see how many samples and features it has.
///
/// # Errors
/// [`Error`] if it cannot be read.
pub fn read_table(path: &Path, options: &TableOptions) -> Result<DataSet> {
    let limits = Limits::default();
    Ok(match load::kind(path)? {
        Kind::Npz => load::npz(path, None, &limits)?,
        _ => load::csv_table(path, options, &limits)?,
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
