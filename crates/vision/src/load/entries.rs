//! What is in picture folders, and what of it is read.

use super::image::{self, Treated};
use super::{Limits, open};
use crate::notes::{counted, listed};
use crate::{Error, GreyImage};
use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Folders that systems and servers make beside or between pictures.
const SYSTEM_FOLDERS: [&str; 5] = [
    "__MACOSX",
    "@eaDir",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
];

/// Endings of files that are meant to be pictures, whether their format is read or not.
const PICTURE_ENDINGS: [&str; 20] = [
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "bmp", "tif", "tiff", "heic",
    "heif", "avif", "jp2", "jxl", "ppm", "pgm", "tga", "dcm",
];

/// Errors that are told at once.
const TOLD: usize = 5;

/// The entries of a folder that are looked at, by name.
pub(super) struct Entries {
    pub folders: Vec<PathBuf>,
    pub files: Vec<PathBuf>,
}

/// Reads pictures while the sum of their sizes stays allowed, and remembers what is left out or cannot be read.
pub(super) struct Pictures<'a> {
    root: &'a Path,
    limits: &'a Limits,
    images: Vec<GreyImage>,
    bytes: u64,
    treated: Treated,
    hidden: usize,
    skipped: Vec<String>,
    unreadable: Vec<Error>,
}

impl<'a> Pictures<'a> {
    pub fn new(root: &'a Path, limits: &'a Limits) -> Self {
        Self {
            root,
            limits,
            images: Vec::new(),
            bytes: 0,
            treated: Treated::default(),
            hidden: 0,
            skipped: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    /// What is in a folder, without hidden entries and those of systems.
    pub fn entries(&mut self, folder: &Path) -> Result<Entries, Error> {
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, e))? {
            let entry = entry.map_err(|e| Error::io(folder, e))?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                self.hidden += 1;
                continue;
            }
            if folders.len() + files.len() >= self.limits.samples {
                let limit = self.limits.samples as u64;
                return Err(Error::too_large(folder, "the number of entries", limit));
            }
            let path = entry.path();
            match path.is_dir() {
                true if SYSTEM_FOLDERS.iter().any(|name| entry.file_name() == *name) => {
                    self.skipped.push(self.name(&path));
                }
                true => folders.push(path),
                false => files.push(path),
            }
        }
        folders.sort_unstable();
        files.sort_unstable();
        Ok(Entries { folders, files })
    }

    /// The files in a folder and in all below it, by path.
    pub fn below(&mut self, root: &Path) -> Result<Vec<PathBuf>, Error> {
        let mut seen = HashSet::new();
        let (mut files, mut waiting) = (Vec::new(), vec![root.to_path_buf()]);
        while let Some(folder) = waiting.pop() {
            // Links make circles.
            let place = std::fs::canonicalize(&folder).map_err(|e| Error::io(&folder, e))?;
            if !seen.insert(place) {
                self.skipped.push(self.name(&folder));
                continue;
            }
            let entries = self.entries(&folder)?;
            waiting.extend(entries.folders);
            files.extend(entries.files);
            if files.len() + waiting.len() > self.limits.samples {
                let limit = self.limits.samples as u64;
                return Err(Error::too_large(root, "the number of entries", limit));
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Those of the files that are pictures by their name or their content; the others are remembered as left out.
    pub fn only_pictures(&mut self, files: Vec<PathBuf>) -> Result<Vec<PathBuf>, Error> {
        let mut pictures = Vec::new();
        for file in files {
            if is_named_like_a_picture(&file) || starts_like_a_picture(&file) {
                pictures.push(file);
            } else {
                self.skipped.push(self.name(&file));
            }
        }
        Ok(pictures)
    }

    /// Reads a picture, and says whether that was possible. If it was not, [`finish`](Self::finish) will fail.
    pub fn read(&mut self, file: &Path) -> Result<bool, Error> {
        if self.images.len() >= self.limits.samples {
            let limit = self.limits.samples as u64;
            return Err(Error::too_large(self.root, "the number of images", limit));
        }
        let image = match image::read(file, self.limits, &mut self.treated) {
            Ok(image) => image,
            Err(error @ Error::TooLarge { .. }) => return Err(error),
            Err(error) => {
                self.unreadable.push(error);
                return Ok(false);
            }
        };
        self.bytes += image.bytes();
        if self.bytes > self.limits.data_bytes {
            let what = "the size of all images together";
            return Err(Error::too_large(self.root, what, self.limits.data_bytes));
        }
        self.images.push(image);
        Ok(true)
    }

    /// The pictures that were read and remarks on what was not, unless a file cannot be read.
    pub fn finish(mut self) -> Result<(Vec<GreyImage>, Vec<String>), Error> {
        if self.unreadable.len() > 1 {
            let count = self.unreadable.len();
            let mut reasons: Vec<String> = (self.unreadable.iter().take(TOLD))
                .map(Error::to_string)
                .collect();
            if count > TOLD {
                reasons.push(format!("and {} more", count - TOLD));
            }
            return Err(Error::folder(
                self.root,
                format!("{count} files cannot be used: {}", reasons.join("; ")),
            ));
        }
        if let Some(error) = self.unreadable.pop() {
            return Err(error);
        }
        let mut notes = self.treated.notes();
        if !self.skipped.is_empty() {
            let (count, names) = (self.skipped.len(), listed(&self.skipped));
            notes.push(format!(
                "{count} {} left out, which {}: {names}",
                if count == 1 { "entry" } else { "entries" },
                if count == 1 {
                    "is not a picture"
                } else {
                    "are not pictures"
                },
            ));
        }
        if self.hidden > 0 {
            notes.push(format!(
                "{} left out, named with a leading dot",
                counted(self.hidden, "hidden file")
            ));
        }
        Ok((self.images, notes))
    }

    /// The path of an entry as remarks name it.
    fn name(&self, path: &Path) -> String {
        let below = path.strip_prefix(self.root).unwrap_or(path);
        below.display().to_string()
    }
}

/// Whether a file's name ends as those of pictures do.
pub(super) fn is_named_like_a_picture(file: &Path) -> bool {
    let ending = file.extension().unwrap_or_default().to_ascii_lowercase();
    PICTURE_ENDINGS.iter().any(|known| ending == *known)
}

/// Whether the file can be read and begins as pictures do.
fn starts_like_a_picture(file: &Path) -> bool {
    let mut start = Vec::new();
    let read = open(file).map(|file| file.take(32).read_to_end(&mut start));
    matches!(read, Ok(Ok(_))) && image::is_picture(&start)
}

/// Whether a folder has folders in it that may be labels.
pub fn has_label_folders(folder: &Path, limits: &Limits) -> bool {
    let entries = Pictures::new(folder, limits).entries(folder);
    entries.is_ok_and(|entries| !entries.folders.is_empty())
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> Result<String, Error> {
    match path.file_name().and_then(|n| n.to_str()) {
        Some(name) => Ok(name.to_owned()),
        None => Err(Error::folder(path, "its name is not valid UTF-8")),
    }
}
