//! From a path on the command line to samples.

use std::path::Path;

use anyhow::Result;
use tapetum_vision::{DataSet, Limits, Unlabeled, embedded, load};

use crate::args::{Encrypt, Half, Source};
use crate::failure::Failure;

/// The name under which the built-in images go.
const BUILT_IN: &str = "animal-shapes";

/// Samples with or without labels.
pub enum Samples {
    /// For training, or to be judged by.
    Labelled(DataSet),
    /// For classification.
    Unlabelled(Unlabeled),
}

/// Reads what `--images` and its companions name, sets one label against the rest, and splits.
pub fn read(args: &Encrypt) -> Result<Samples> {
    let Source {
        positive,
        balanced,
        keep_repeats,
        ..
    } = &args.source;
    let data = match read_all(&args.source)? {
        Samples::Unlabelled(samples) => {
            if args.split.is_some() {
                let message = "--split needs labelled data, but these have no labels";
                return Err(Failure::Input(message.to_owned()).into());
            }
            return Ok(Samples::Unlabelled(samples));
        }
        Samples::Labelled(data) => data,
    };
    let data = if *keep_repeats {
        data
    } else {
        data.without_repeats().0
    };
    let positive = match positive {
        Some(name) => name.as_str(),
        None => data.default_positive()?,
    };
    let data = data.one_vs_rest(positive, *balanced, args.seed)?;
    let (Some(half), Some(train), Some(test)) = (args.split, args.train_count, args.test_count)
    else {
        return Ok(Samples::Labelled(data));
    };
    let split = data.split_counts(train, test, args.seed)?;
    Ok(Samples::Labelled(match half {
        Half::Train => split.train,
        Half::Test => split.test,
    }))
}

/// A labelled table, to see how many samples and features it has.
pub fn read_table(path: &Path) -> Result<DataSet> {
    let limits = Limits::default();
    Ok(match extension(path).as_str() {
        "npz" => load::npz(path, None, &limits)?,
        _ => load::csv_table(path, &limits)?,
    })
}

fn read_all(source: &Source) -> Result<Samples> {
    let limits = Limits::default();
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
        "gz" | "idx" => {
            let message = format!(
                "{}: an IDX file of images needs that of its labels, --label-file",
                path.display()
            );
            return Err(Failure::Input(message).into());
        }
        _ => Samples::Unlabelled(load::unlabeled_images(path, &limits)?),
    })
}

fn extension(path: &Path) -> String {
    let extension = path.extension().unwrap_or_default();
    extension.to_string_lossy().to_ascii_lowercase()
}

fn has_folders(path: &Path) -> bool {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .into_iter()
        .any(|entry| entry.path().is_dir() && !entry.file_name().to_string_lossy().starts_with('.'))
}
