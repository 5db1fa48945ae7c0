//! IDX, the format of MNIST: a big-endian header, then unsigned bytes; plain or gzipped.

use super::{Limits, index_labels, indexed_sources, open, read_capped};
use crate::{DataSet, Error, GreyImage, Samples, Unlabeled};
use flate2::read::MultiGzDecoder;
use std::io::Cursor;
use std::path::Path;

/// Loads an IDX pair: images (three dimensions) and labels (one), both of unsigned bytes.
///
/// `class_names`, if given, names the labels 0, 1, ...; otherwise a class is called by its number, and the classes
/// are the labels that occur.
pub fn idx(
    images: &Path,
    labels: &Path,
    class_names: Option<&[&str]>,
    limits: &Limits,
) -> Result<DataSet, Error> {
    let raw = |path: &Path| read_capped(open(path)?, limits.data_bytes, path);
    idx_parts(
        (images, &raw(images)?),
        (labels, &raw(labels)?),
        class_names,
        limits,
    )
}

/// Loads the images of an IDX file, to be classified.
pub fn idx_unlabeled(images: &Path, limits: &Limits) -> Result<Unlabeled, Error> {
    let bytes = read_capped(open(images)?, limits.data_bytes, images)?;
    let part = Part {
        path: images,
        bytes: &bytes,
    };
    let grey = part.images(limits)?;
    let sources = (0..grey.len()).map(indexed_sources(images)).collect();
    Unlabeled::new(Samples::Images(grey), sources)
}

/// As [`idx`], for files that are in memory; each comes with a name for messages.
pub(crate) fn idx_parts(
    images: (&Path, &[u8]),
    labels: (&Path, &[u8]),
    class_names: Option<&[&str]>,
    limits: &Limits,
) -> Result<DataSet, Error> {
    let images = Part {
        path: images.0,
        bytes: images.1,
    };
    let labels = Part {
        path: labels.0,
        bytes: labels.1,
    };
    let grey = images.images(limits)?;
    let ([label_count], label_bytes) = labels.parse::<1>(limits)?;
    let n = grey.len();
    if label_count != n {
        return Err(Error::format(
            labels.path,
            format!(
                "{label_count} labels for the {n} images of {}",
                images.path.display()
            ),
        ));
    }
    let (labels, names): (Vec<usize>, Vec<String>) = match class_names {
        Some(names) => (
            label_bytes.into_iter().map(usize::from).collect(),
            names.iter().map(|&s| s.to_owned()).collect(),
        ),
        None => {
            let labels: Vec<String> = label_bytes.iter().map(u8::to_string).collect();
            index_labels(&labels)
        }
    };
    let sources = (0..n).map(indexed_sources(images.path)).collect();
    DataSet::new(Samples::Images(grey), labels, names, sources)
}

/// One file of a pair, gzipped or not.
struct Part<'a> {
    path: &'a Path,
    bytes: &'a [u8],
}

impl Part<'_> {
    fn images(&self, limits: &Limits) -> Result<Vec<GreyImage>, Error> {
        let ([_, height, width], pixels) = self.parse::<3>(limits)?;
        (pixels.chunks_exact(height * width))
            .map(|p| GreyImage::new(width, height, p.to_vec()))
            .collect()
    }

    /// The dimensions and the elements; the length must be exactly what the header says.
    fn parse<const D: usize>(&self, limits: &Limits) -> Result<([usize; D], Vec<u8>), Error> {
        let path = self.path;
        let plain = if self.bytes.starts_with(&[0x1f, 0x8b]) {
            read_capped(
                MultiGzDecoder::new(Cursor::new(self.bytes)),
                limits.data_bytes,
                path,
            )?
        } else {
            self.bytes.to_vec()
        };
        let header = 4 + 4 * D;
        if plain.len() < header {
            return Err(Error::format(
                path,
                format!(
                    "{} bytes are too few for an IDX header of {header}",
                    plain.len()
                ),
            ));
        }
        let magic = [0, 0, 8, D as u8];
        if plain[..4] != magic {
            return Err(Error::format(
                path,
                format!(
                    "not an IDX file of unsigned bytes in {D} dimension(s): \
                     it starts with {:02x?} instead of {magic:02x?}",
                    &plain[..4]
                ),
            ));
        }
        let mut dims = [0usize; D];
        let mut length = 1u64;
        for (dim, field) in dims.iter_mut().zip(plain[4..header].chunks_exact(4)) {
            let value = u32::from_be_bytes([field[0], field[1], field[2], field[3]]);
            if value == 0 {
                return Err(Error::format(path, "a dimension in the IDX header is zero"));
            }
            *dim = value as usize;
            length = length.saturating_mul(u64::from(value));
        }
        if dims[0] > limits.samples {
            return Err(Error::too_large(
                path,
                "the number of samples",
                limits.samples as u64,
            ));
        }
        if dims[1..]
            .iter()
            .any(|&side| side > limits.image_side as usize)
        {
            return Err(Error::too_large(
                path,
                "an image side",
                u64::from(limits.image_side),
            ));
        }
        let found = (plain.len() - header) as u64;
        if found != length {
            return Err(Error::format(
                path,
                format!(
                    "the IDX header announces {dims:?} = {length} bytes, but {found} follow it"
                ),
            ));
        }
        let mut elements = plain;
        elements.drain(..header);
        Ok((dims, elements))
    }
}
