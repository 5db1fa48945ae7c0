//! Pictures in a tar archive, read from front to back without unpacking it (POSIX.1-1988, `ustar`).

use super::{Limits, image, index_labels, open, read_capped};
use crate::{DataSet, Error, Samples};
use std::io::{BufReader, Read};
use std::path::Path;

/// Headers and contents fill blocks of this many bytes.
const BLOCK: usize = 512;
/// Bytes of a member's name in its header, and of the folders before it.
const NAME: std::ops::Range<usize> = 0..100;
const PREFIX: std::ops::Range<usize> = 345..500;
const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const KIND: usize = 156;

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
    let mut file = BufReader::with_capacity(1 << 20, open(path)?);
    let (mut images, mut labels, mut sources, mut bytes) = (vec![], vec![], vec![], 0);
    let mut header = [0; BLOCK];
    while read_block(&mut file, &mut header, path)? {
        let Member {
            name,
            size,
            is_file,
        } = Member::of(&header, path)?;
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        let wanted = if is_file { class(&name) } else { None };
        let Some(label) = wanted else {
            skip(&mut file, size + padding, path)?;
            continue;
        };
        if images.len() >= limits.samples {
            let limit = limits.samples as u64;
            return Err(Error::too_large(path, "the number of images", limit));
        }
        if size > limits.image_bytes {
            return Err(Error::too_large(path, name, limits.image_bytes));
        }
        let contents = read_capped(file.by_ref().take(size), limits.image_bytes, path)?;
        if contents.len() as u64 != size {
            return Err(Error::format(path, format!("it ends within {name}")));
        }
        skip(&mut file, padding, path)?;
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

/// What a header says.
struct Member {
    name: String,
    size: u64,
    is_file: bool,
}

impl Member {
    fn of(header: &[u8; BLOCK], path: &Path) -> Result<Self, Error> {
        let damaged =
            |what: &str| Error::format(path, format!("a header in the archive has {what}"));
        // The checksum is taken with spaces in its own place.
        let sum: u64 = (header.iter().enumerate())
            .map(|(i, byte)| {
                if CHECKSUM.contains(&i) {
                    32
                } else {
                    u64::from(*byte)
                }
            })
            .sum();
        if octal(&header[CHECKSUM]) != Some(sum) {
            return Err(damaged("a wrong checksum, or it is no tar file"));
        }
        let text = |range: std::ops::Range<usize>| {
            let field = &header[range];
            let end = field
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(field.len());
            std::str::from_utf8(&field[..end]).map_err(|_| damaged("a name that is not UTF-8"))
        };
        let (prefix, name) = (text(PREFIX)?, text(NAME)?);
        let size =
            octal(&header[SIZE]).ok_or_else(|| damaged("a size that is not an octal number"))?;
        Ok(Self {
            name: match prefix {
                "" => name.to_owned(),
                prefix => format!("{prefix}/{name}"),
            },
            size,
            is_file: matches!(header[KIND], b'0' | 0),
        })
    }
}

/// An octal number that ends with spaces or zero bytes.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches([' ', '\0']), 8).ok()
}

/// The next header; false at the end, which is a block of zeros or that of the file.
fn read_block(file: &mut impl Read, block: &mut [u8; BLOCK], path: &Path) -> Result<bool, Error> {
    let read = read_capped(file.by_ref().take(BLOCK as u64), BLOCK as u64, path)?;
    match read.len() {
        0 => Ok(false),
        BLOCK => {
            block.copy_from_slice(&read);
            Ok(block.iter().any(|byte| *byte != 0))
        }
        _ => Err(Error::format(path, "it ends within a header")),
    }
}

fn skip(file: &mut impl Read, bytes: u64, path: &Path) -> Result<(), Error> {
    let skipped = std::io::copy(&mut file.by_ref().take(bytes), &mut std::io::sink());
    match skipped.map_err(|e| Error::io(path, e))? == bytes {
        true => Ok(()),
        false => Err(Error::format(path, "it ends within a member")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A white PNG of 1 x 1.
    fn png() -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let white = ::image::GrayImage::from_pixel(1, 1, ::image::Luma([255]));
        white
            .write_to(&mut bytes, ::image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    }

    fn member(name: &str, kind: u8, contents: &[u8]) -> Vec<u8> {
        let mut header = vec![0; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
        header[KIND] = kind;
        header[CHECKSUM].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        header[154] = 0;
        header.extend(contents);
        header.resize(header.len().next_multiple_of(BLOCK), 0);
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
            member("dog/", b'5', &[]),
            member("dog/1.png", b'0', &png()),
            member("notes.txt", b'0', &[7; 700]),
            member("cat/1.png", 0, &png()),
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
        let whole = member("cat/1.png", b'0', &png());
        for cut in [1, BLOCK - 1, BLOCK, BLOCK + 5, whole.len() - 1] {
            assert!(load(&whole[..cut], &Limits::default()).is_err(), "{cut}");
        }
        let mut changed = whole.clone();
        changed[0] = b'b';
        for archive in [
            changed,
            vec![0; BLOCK],
            vec![b'x'; 3 * BLOCK],
            member("cat/1.png", b'0', b"no"),
        ] {
            assert!(load(&archive, &Limits::default()).is_err());
        }
        let huge = {
            let mut header = member("cat/1.png", b'0', &[]);
            header[124..135].copy_from_slice(b"77777777777");
            header[CHECKSUM].fill(b' ');
            let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
            header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
            header
        };
        assert!(matches!(
            load(&huge, &Limits::default()),
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
