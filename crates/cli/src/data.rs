//! From a path on the command line to samples.

use std::path::Path;

use anyhow::Result;
use tapetum_vision::{DataSet, Limits, Split, Unlabeled, embedded, load};

use crate::args::{Encrypt, Part, Parts, Simulate, Source};
use crate::failure::Failure;

/// The name under which the built-in images go.
const BUILT_IN: &str = "animal-shapes";
/// The part that is held out if nothing is said.
const HELD_OUT: f64 = 0.2;

/// Samples with or without labels.
pub enum Samples {
    /// For training, or to be judged by.
    Labelled(DataSet),
    /// For classification.
    Unlabelled(Unlabeled),
}

/// Into which classes samples are told apart.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// How many there are.
    pub classes: usize,
    /// Their names, if there was training data before.
    pub fitted: Option<&'a [String]>,
}

/// What is to be encrypted: all that `--images` and its companions name, or one part of it.
/// `colour` says whether colours are kept.
pub fn read(args: &Encrypt, colour: bool, wanted: Wanted<'_>) -> Result<Samples> {
    let data = match read_all(&args.source, colour)? {
        Samples::Labelled(data) => classes(data, &args.source, args.parts.seed, wanted)?,
        samples @ Samples::Unlabelled(_) => {
            let of_labels = [
                (args.split.is_some(), "--split"),
                (args.source.positive.is_some(), "--positive"),
                (args.source.balanced, "--balanced"),
                (args.refit, "--refit"),
            ];
            return match of_labels.into_iter().find(|(given, _)| *given) {
                Some((_, flag)) => Err(without_labels(flag, &args.source)),
                None => Ok(samples),
            };
        }
    };
    let Some(part) = args.split else {
        return match args.parts.train_count {
            Some(_) => Err(input(
                "--train-count needs --split, which says which part to encrypt",
            )),
            None => Ok(Samples::Labelled(data)),
        };
    };
    let split = split(&data, &args.parts)?;
    Ok(Samples::Labelled(match part {
        Part::Train => split.train,
        Part::Test => split.test,
    }))
}

/// What is to be trained on and held out.
/// `colour` says whether colours are kept.
pub fn read_split(args: &Simulate, colour: bool) -> Result<Split> {
    let Samples::Labelled(data) = read_all(&args.source, colour)? else {
        return Err(without_labels("simulate", &args.source));
    };
    let wanted = Wanted {
        classes: args.kind.classes,
        fitted: None,
    };
    let data = classes(data, &args.source, args.parts.seed, wanted)?;
    split(&data, &args.parts)
}

fn split(data: &DataSet, parts: &Parts) -> Result<Split> {
    Ok(match (parts.train_count, parts.test_count) {
        (Some(train), Some(test)) => data.split_counts(train, test, parts.seed)?,
        _ => data.split(HELD_OUT, parts.seed)?,
    })
}

/// Without repeats: one label against the rest or, if more than two classes are wanted, each label
/// as a class.
fn classes(data: DataSet, source: &Source, seed: u64, wanted: Wanted<'_>) -> Result<DataSet> {
    let data = match source.keep_repeats {
        true => data,
        false => data.without_repeats().0,
    };
    if wanted.classes > 2 {
        return many_classes(data, source, wanted);
    }
    let positive = match (&source.positive, wanted.fitted) {
        (Some(name), _) => name.as_str(),
        // What was positive before is so again.
        (None, Some([_, positive])) if data.class_names().contains(positive) => positive,
        (None, _) => data.default_positive()?,
    };
    Ok(data.one_vs_rest(positive, source.balanced, seed)?)
}

fn many_classes(data: DataSet, source: &Source, wanted: Wanted<'_>) -> Result<DataSet> {
    if source.positive.is_some() || source.balanced {
        return Err(input(
            "--positive and --balanced are for two classes, but --classes says that each label is \
             one",
        ));
    }
    match wanted.fitted {
        // A contributor may have samples of some classes only.
        Some(names) => Ok(data.among(names)?),
        None if data.class_names().len() == wanted.classes => Ok(data),
        None => Err(input(&format!(
            "these data have {} labels, but {} classes are to be told apart: say so with --classes",
            data.class_names().len(),
            wanted.classes
        ))),
    }
}

fn without_labels(what: &str, source: &Source) -> anyhow::Error {
    input(&format!(
        "{what} needs labels, but {} has none",
        source.images.display()
    ))
}

fn input(message: &str) -> anyhow::Error {
    Failure::Input(message.to_owned()).into()
}

/// A labelled table, to see how many samples and features it has.
pub fn read_table(path: &Path) -> Result<DataSet> {
    let limits = Limits::default();
    Ok(match extension(path).as_str() {
        "npz" => load::npz(path, None, &limits)?,
        _ => load::csv_table(path, &limits)?,
    })
}

fn read_all(source: &Source, colour: bool) -> Result<Samples> {
    let limits = Limits {
        colour,
        ..Limits::default()
    };
    let path = &source.images;
    if path.as_os_str() == BUILT_IN && !path.exists() {
        return Ok(Samples::Labelled(embedded::animal_shapes()?));
    }
    if let Some(labels) = &source.label_file {
        return Ok(Samples::Labelled(load::idx(path, labels, None, &limits)?));
    }
    let labelled_folder = path.is_dir() && has_folders(path);
    Ok(match extension(path).as_str() {
        _ if labelled_folder && !source.unlabelled => {
            Samples::Labelled(load::labeled_folders(path, &limits)?)
        }
        _ if path.is_dir() => Samples::Unlabelled(load::unlabeled_images(path, &limits)?),
        "csv" if source.unlabelled => Samples::Unlabelled(load::csv_unlabeled(path, &limits)?),
        "csv" => Samples::Labelled(load::csv_table(path, &limits)?),
        "npz" => {
            let data = load::npz(path, source.part.as_deref(), &limits)?;
            if source.unlabelled {
                Samples::Unlabelled(data.to_unlabeled())
            } else {
                Samples::Labelled(data)
            }
        }
        _ if looks_like_idx(path) => {
            return Err(input(&format!(
                "{} looks like an IDX file: give that of its labels as --label-file",
                path.display()
            )));
        }
        _ => Samples::Unlabelled(load::unlabeled_images(path, &limits)?),
    })
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
