//! A folder per label, and loose images to classify.

use super::entries::{Entries, Pictures, file_name};
use super::labels::{composed, stored_differently};
use super::{Limits, index_labels, names_alike};
use crate::notes::{counted, listed};
use crate::{DataSet, Error, Samples, Unlabeled};
use std::path::{Path, PathBuf};

/// Loads `root/<label>/<image>`: every folder in `root` is a class, named after the folder.
///
/// Images are PNG, JPEG or WebP. Hidden entries (a leading dot), folders that systems make (`__MACOSX`), files that
/// neither are nor are named like pictures, and pictures beside the label folders are left out, and the notes of the
/// set say so. A folder in a label folder is an error, and so are files that are named like pictures and cannot be
/// read, all of them in one. There must be at least one label folder and none may be empty. Classes and files are in
/// alphabetical order; [`DataSet::one_vs_rest`] chooses the positive class by name.
pub fn labeled_folders(root: &Path, limits: &Limits) -> Result<DataSet, Error> {
    let mut pictures = Pictures::new(root, limits);
    let Entries { folders, files } = pictures.entries(root)?;
    if folders.is_empty() {
        return Err(Error::folder(
            root,
            format!(
                "it has no label folders, for example {} and {}; for pictures without labels pass --unlabelled",
                root.join("cats").display(),
                root.join("not-cats").display()
            ),
        ));
    }
    let beside: Vec<PathBuf> = pictures.only_pictures(files)?;
    let (mut labels, mut sources) = (vec![], vec![]);
    let (mut stored, mut names): (Vec<String>, Vec<String>) = (vec![], vec![]);
    for folder in &folders {
        let name = file_name(folder)?;
        let class = composed(&name);
        let known = names.iter().position(|name| *name == class);
        let label = known.unwrap_or_else(|| {
            names.push(class);
            names.len() - 1
        });
        let Entries { folders, files } = pictures.entries(folder)?;
        if let Some(inner) = folders.first() {
            return Err(Error::folder(
                inner,
                format!(
                    "a folder within the label folder {name}: pass the folder whose folders are the labels, or \
                     --unlabelled for pictures in folders that are not labels"
                ),
            ));
        }
        let mut any = false;
        for file in pictures.only_pictures(files)? {
            any = true;
            if pictures.read(&file)? {
                labels.push(label);
                sources.push(format!("{name}/{}", file_name(&file)?));
            }
        }
        if !any {
            return Err(Error::folder(folder, "this label folder holds no image"));
        }
        stored.push(name);
    }
    let (images, mut notes) = pictures.finish()?;
    if !beside.is_empty() {
        let beside: Vec<String> = beside.iter().flat_map(|file| file_name(file)).collect();
        notes.push(format!(
            "{} beside the label folders left out, because no folder says their label: {}",
            counted(beside.len(), "picture"),
            listed(&beside)
        ));
    }
    notes.extend(stored_differently(stored.iter().map(String::as_str)));
    notes.extend(names_alike(&names));
    Ok(DataSet::new(Samples::Images(images), labels, names, sources)?.with_notes(notes))
}

/// Loads the images of a flat folder whose names tell their classes: `class` gives that of a file name, or `None` for
/// an image to be left out. Classes and files are in alphabetical order.
pub fn images_by_name(
    folder: &Path,
    class: impl Fn(&str) -> Option<String>,
    limits: &Limits,
) -> Result<DataSet, Error> {
    let mut pictures = Pictures::new(folder, limits);
    let (mut labels, mut sources) = (vec![], vec![]);
    for file in pictures.entries(folder)?.files {
        let name = file_name(&file)?;
        let Some(label) = class(&name) else { continue };
        if pictures.read(&file)? {
            labels.push(label);
            sources.push(name);
        }
    }
    let (images, notes) = pictures.finish()?;
    if images.is_empty() {
        return Err(Error::folder(
            folder,
            "no image in it has a name that tells its class",
        ));
    }
    let (labels, names) = index_labels(&labels);
    Ok(DataSet::new(Samples::Images(images), labels, names, sources)?.with_notes(notes))
}

/// Loads one image file, or all images of a folder and of the folders below it, without labels. They are in
/// alphabetical order of their paths, which are their sources. What [`labeled_folders`] leaves out is left out here.
pub fn unlabeled_images(path: &Path, limits: &Limits) -> Result<Unlabeled, Error> {
    let mut pictures = Pictures::new(path, limits);
    let files = if path.is_dir() {
        let files = pictures.below(path)?;
        pictures.only_pictures(files)?
    } else {
        vec![path.to_path_buf()]
    };
    if files.is_empty() {
        return Err(Error::folder(path, "this folder holds no image"));
    }
    let mut sources = Vec::new();
    for file in &files {
        let source = match file.strip_prefix(path).ok().and_then(Path::to_str) {
            Some(below) if !below.is_empty() => below.to_owned(),
            _ => file_name(file)?,
        };
        if pictures.read(file)? {
            sources.push(source);
        }
    }
    let (images, notes) = pictures.finish()?;
    Ok(Unlabeled::new(Samples::Images(images), sources)?.with_notes(notes))
}
