//! A folder per label, and loose images to classify.

use super::{Limits, image, index_labels};
use crate::{DataSet, Error, GreyImage, Samples, Unlabeled};
use std::path::{Path, PathBuf};

/// Loads `root/<label>/<image>`: every folder in `root` is a class, named after the folder.
///
/// Images are PNG, JPEG or WebP. Hidden entries (a leading dot) are skipped, files beside the label folders are
/// ignored (a licence, a read-me), and anything in a label folder that is no image is an error that names it.
/// There must be at least two label folders and none may be empty. Classes and files are in alphabetical order;
/// [`DataSet::one_vs_rest`] chooses the positive class by name.
pub fn labeled_folders(root: &Path, limits: &Limits) -> Result<DataSet, Error> {
    let folders: Vec<PathBuf> = entries(root, limits)?
        .into_iter()
        .filter(|p| p.is_dir())
        .collect();
    if folders.len() < 2 {
        return Err(Error::folder(
            root,
            format!(
                "found {} label folder(s), but at least two are needed, for example {} and {}",
                folders.len(),
                root.join("cats").display(),
                root.join("not-cats").display()
            ),
        ));
    }
    let mut budget = Budget::new(root, limits);
    let (mut images, mut labels, mut names, mut sources) = (vec![], vec![], vec![], vec![]);
    for (label, folder) in folders.iter().enumerate() {
        let name = file_name(folder)?;
        let files = entries(folder, limits)?;
        if files.is_empty() {
            return Err(Error::folder(folder, "this label folder holds no image"));
        }
        for file in files {
            images.push(budget.read(&file)?);
            labels.push(label);
            sources.push(format!("{name}/{}", file_name(&file)?));
        }
        names.push(name);
    }
    DataSet::new(Samples::Images(images), labels, names, sources)
}

/// Loads the images of a flat folder whose names tell their classes: `class` gives that of a file name, or `None` for
/// an image to be left out. Classes and files are in alphabetical order.
pub fn images_by_name(
    folder: &Path,
    class: impl Fn(&str) -> Option<String>,
    limits: &Limits,
) -> Result<DataSet, Error> {
    let mut budget = Budget::new(folder, limits);
    let (mut images, mut labels, mut sources) = (vec![], vec![], vec![]);
    for file in entries(folder, limits)? {
        let name = file_name(&file)?;
        let Some(label) = class(&name) else { continue };
        images.push(budget.read(&file)?);
        labels.push(label);
        sources.push(name);
    }
    if images.is_empty() {
        return Err(Error::folder(
            folder,
            "no image in it has a name that tells its class",
        ));
    }
    let (labels, names) = index_labels(&labels);
    DataSet::new(Samples::Images(images), labels, names, sources)
}

/// Loads one image file, or all images of a flat folder in alphabetical order, without labels.
pub fn unlabeled_images(path: &Path, limits: &Limits) -> Result<Unlabeled, Error> {
    let files = if path.is_dir() {
        entries(path, limits)?
    } else {
        vec![path.to_path_buf()]
    };
    if files.is_empty() {
        return Err(Error::folder(path, "this folder holds no image"));
    }
    let mut budget = Budget::new(path, limits);
    let images = files
        .iter()
        .map(|file| budget.read(file))
        .collect::<Result<Vec<_>, _>>()?;
    let sources = files
        .iter()
        .map(|file| file_name(file))
        .collect::<Result<Vec<_>, _>>()?;
    Unlabeled::new(Samples::Images(images), sources)
}

/// Reads images while the sum of their sizes stays allowed.
struct Budget<'a> {
    root: &'a Path,
    limits: &'a Limits,
    bytes: u64,
    count: usize,
}

impl<'a> Budget<'a> {
    fn new(root: &'a Path, limits: &'a Limits) -> Self {
        Self {
            root,
            limits,
            bytes: 0,
            count: 0,
        }
    }

    fn read(&mut self, file: &Path) -> Result<GreyImage, Error> {
        if file.is_dir() {
            return Err(Error::folder(
                file,
                "an image file is expected here, not a folder",
            ));
        }
        self.count += 1;
        if self.count > self.limits.samples {
            let limit = self.limits.samples as u64;
            return Err(Error::too_large(self.root, "the number of images", limit));
        }
        let image = image::read(file, self.limits)?;
        self.bytes += image.bytes();
        if self.bytes > self.limits.data_bytes {
            let what = "the size of all images together";
            return Err(Error::too_large(self.root, what, self.limits.data_bytes));
        }
        Ok(image)
    }
}

/// The entries of a folder that are not hidden, by name.
fn entries(folder: &Path, limits: &Limits) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, e))? {
        let entry = entry.map_err(|e| Error::io(folder, e))?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if paths.len() >= limits.samples {
            let limit = limits.samples as u64;
            return Err(Error::too_large(folder, "the number of entries", limit));
        }
        paths.push(entry.path());
    }
    paths.sort_unstable();
    Ok(paths)
}

fn file_name(path: &Path) -> Result<String, Error> {
    match path.file_name().and_then(|n| n.to_str()) {
        Some(name) => Ok(name.to_owned()),
        None => Err(Error::folder(path, "its name is not valid UTF-8")),
    }
}
