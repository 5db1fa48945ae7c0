//! Pictures in a tar archive, read from front to back without unpacking it.

use super::{Limits, image, index_labels, open, read_capped};
use crate::{DataSet, Error, Samples};
use std::io::{BufReader, Read};
use std::path::Path;
use tar::Archive;

/// Loads the pictures of a tar archive whose names in it tell their classes: `class` gives that of a name such as
/// `cat/00000.jpg`, or `None` for a member to be left out. They stay in the order of the archive; classes are sorted.
///
/// # Errors
/// [`Error`] if the archive or a picture is damaged, one of the limits is exceeded, or no member has a class.
pub fn pictures_in_tar(
    path: &Path,
    class: impl Fn(&str) -> Option<String>,
    limits: &Limits,
) -> Result<DataSet, Error> {
    let damaged = |e| Error::format(path, format!("it is no whole tar archive: {e}"));
    let mut archive = Archive::new(BufReader::with_capacity(1 << 20, open(path)?));
    let (mut images, mut labels, mut sources, mut bytes) = (vec![], vec![], vec![], 0);
    for member in archive.entries().map_err(damaged)? {
        let mut member = member.map_err(damaged)?;
        let name = String::from_utf8(member.path_bytes().into_owned())
            .map_err(|_| Error::format(path, "a name in the archive is not UTF-8"))?;
        let is_file = member.header().entry_type().is_file();
        let Some(label) = is_file.then(|| class(&name)).flatten() else {
            continue;
        };
        if images.len() >= limits.samples {
            let limit = limits.samples as u64;
            return Err(Error::too_large(path, "the number of images", limit));
        }
        let size = member.size();
        if size > limits.image_bytes {
            return Err(Error::too_large(path, name, limits.image_bytes));
        }
        let contents = read_capped(member.by_ref(), limits.image_bytes, path)?;
        if contents.len() as u64 != size {
            return Err(Error::format(path, format!("it ends within {name}")));
        }
        let image = image::picture(&path.join(&name), &contents, limits)?;
        bytes += image.bytes();
        if bytes > limits.data_bytes {
            let what = "the size of all images together";
            return Err(Error::too_large(path, what, limits.data_bytes));
        }
        images.push(image);
        labels.push(label);
        sources.push(name);
    }
    if images.is_empty() {
        return Err(Error::format(
            path,
            "no picture in it has a name that tells its class",
        ));
    }
    let (labels, names) = index_labels(&labels);
    DataSet::new(Samples::Images(images), labels, names, sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::tar::{EntryType, Header};

    const BLOCK: usize = 512;

    /// A white PNG of 1 x 1.
    fn png() -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let white = ::image::GrayImage::from_pixel(1, 1, ::image::Luma([255]));
        white
            .write_to(&mut bytes, ::image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    }

    fn member(name: &str, kind: EntryType, contents: &[u8]) -> Vec<u8> {
        header(name, kind, contents.len() as u64)
            .as_bytes()
            .iter()
            .chain(contents)
            .chain(&vec![
                0;
                contents.len().next_multiple_of(BLOCK) - contents.len()
            ])
            .copied()
            .collect()
    }

    fn header(name: &str, kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        header
    }

    fn load(bytes: &[u8], limits: &Limits) -> Result<DataSet, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pictures.tar");
        std::fs::write(&path, bytes).unwrap();
        let class = |name: &str| Some(name.strip_suffix(".png")?.split_once('/')?.0.to_owned());
        pictures_in_tar(&path, class, limits)
    }

    #[test]
    fn folders_are_classes_and_others_are_left_out() {
        let archive = [
            member("dog/", EntryType::Directory, &[]),
            member("dog/1.png", EntryType::Regular, &png()),
            member("notes.txt", EntryType::Regular, &[7; 700]),
            member("cat/1.png", EntryType::Regular, &png()),
            vec![0; 2 * BLOCK],
        ]
        .concat();
        let data = load(&archive, &Limits::default()).unwrap();
        assert_eq!(
            (data.len(), data.class_names()),
            (2, &["cat".to_owned(), "dog".to_owned()][..])
        );
        assert_eq!(data.labels(), [1, 0]);
        assert_eq!(data.sources(), ["dog/1.png", "cat/1.png"]);
    }

    #[test]
    fn damaged_archives_are_refused() {
        let whole = member("cat/1.png", EntryType::Regular, &png());
        for cut in [1, BLOCK - 1, BLOCK, BLOCK + 5, whole.len() - 1] {
            assert!(load(&whole[..cut], &Limits::default()).is_err(), "{cut}");
        }
        let mut changed = whole.clone();
        changed[0] = b'b';
        for archive in [
            changed,
            vec![0; BLOCK],
            vec![b'x'; 3 * BLOCK],
            member("cat/1.png", EntryType::Regular, b"no"),
        ] {
            assert!(load(&archive, &Limits::default()).is_err());
        }
        let huge = header("cat/1.png", EntryType::Regular, 1 << 32);
        assert!(matches!(
            load(huge.as_bytes(), &Limits::default()),
            Err(Error::TooLarge { .. })
        ));
        let few = Limits {
            samples: 1,
            ..Limits::default()
        };
        assert!(matches!(
            load(&[whole.clone(), whole].concat(), &few),
            Err(Error::TooLarge { .. })
        ));
    }
}
