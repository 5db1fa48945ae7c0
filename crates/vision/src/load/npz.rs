//! Images or feature tables with labels out of NPZ archives (MedMNIST and the like) and pairs of NPY files.

use super::npy::{Array, Element};
use super::{Limits, index_labels, indexed_sources, open, read_capped};
use crate::{DataSet, Error, GreyImage, Samples, Table};
use std::io::Cursor;
use std::path::Path;
use zip::ZipArchive;

/// The array names that are looked for, in this order.
const SAMPLE_NAMES: [&str; 5] = ["images", "x", "X", "data", "features"];
const LABEL_NAMES: [&str; 3] = ["labels", "y", "Y"];

/// Loads an NPZ archive: samples in an array called `images`, `x`, `X`, `data` or `features`, labels in `labels`,
/// `y` or `Y`.
///
/// With `part`, as in the train, validation and test parts of MedMNIST, the names must begin with it and an
/// underscore: `Some("train")` reads `train_images` and `train_labels`. Arrays of bytes with three or four
/// dimensions (samples, rows, columns, and one or three channels) are images, colour becoming luma (BT.709); any
/// array with two dimensions is a feature table. Labels are whole numbers, one a sample; class names are these.
pub fn npz(path: &Path, part: Option<&str>, limits: &Limits) -> Result<DataSet, Error> {
    let file = read_capped(open(path)?, limits.data_bytes, path)?;
    let mut archive = ZipArchive::new(Cursor::new(file))
        .map_err(|e| Error::format(path, format!("not a readable NPZ (zip) archive: {e}")))?;
    let prefix = part.map(|p| format!("{p}_")).unwrap_or_default();
    let samples = member(path, &mut archive, &prefix, &SAMPLE_NAMES, limits)?;
    let labels = member(path, &mut archive, &prefix, &LABEL_NAMES, limits)?;
    assemble(path, samples, path, labels, limits)
}

/// Loads samples from one NPY file and their labels from another; shapes and types as in [`npz`].
pub fn npy_pair(samples: &Path, labels: &Path, limits: &Limits) -> Result<DataSet, Error> {
    let array = |path: &Path| {
        Array::parse(
            path,
            &read_capped(open(path)?, limits.data_bytes, path)?,
            limits,
        )
    };
    assemble(samples, array(samples)?, labels, array(labels)?, limits)
}

fn member(
    path: &Path,
    archive: &mut ZipArchive<Cursor<Vec<u8>>>,
    prefix: &str,
    names: &[&str],
    limits: &Limits,
) -> Result<Array, Error> {
    let Some(name) = names
        .iter()
        .map(|name| format!("{prefix}{name}.npy"))
        .find(|name| archive.index_for_name(name).is_some())
    else {
        let mut found: Vec<String> = archive
            .file_names()
            .filter_map(Result::ok)
            .take(20)
            .map(|name| name.chars().take(60).collect())
            .collect();
        found.sort_unstable();
        return Err(Error::format(
            path,
            format!(
                "no array called {prefix}{{{}}}; the archive holds {}",
                names.join(","),
                found.join(", ")
            ),
        ));
    };
    let inside = path.join(&name);
    let reader = archive
        .by_name(&name)
        .map_err(|e| Error::format(&inside, format!("cannot be unpacked: {e}")))?;
    Array::parse(
        &inside,
        &read_capped(reader, limits.data_bytes, &inside)?,
        limits,
    )
}

fn assemble(
    path: &Path,
    samples: Array,
    label_path: &Path,
    labels: Array,
    limits: &Limits,
) -> Result<DataSet, Error> {
    let n = samples.shape.first().copied().unwrap_or(0);
    if n == 0 {
        return Err(Error::format(path, "the array holds no sample"));
    }
    if n > limits.samples {
        return Err(Error::too_large(
            path,
            "the number of samples",
            limits.samples as u64,
        ));
    }
    let labels = whole_numbers(label_path, &labels, n)?;
    let samples = match (samples.shape.as_slice(), samples.element) {
        (&[_, columns], _) => {
            if columns == 0 || columns > limits.columns {
                let limit = limits.columns as u64;
                return Err(Error::too_large(
                    path,
                    "the number of columns (or zero)",
                    limit,
                ));
            }
            Samples::Table(Table::new(columns, samples.to_f64())?)
        }
        (&[_, height, width] | &[_, height, width, 1 | 3], Element::Unsigned(1)) => {
            Samples::Images(images(path, &samples, height, width, limits)?)
        }
        (shape, element) => {
            return Err(Error::format(
                path,
                format!(
                    "samples of shape {shape:?} and type {element:?} are neither images (bytes; \
                     samples, rows, columns and perhaps 1 or 3 channels) nor a table (two dimensions)"
                ),
            ));
        }
    };
    let (labels, names) = index_labels(&labels);
    DataSet::new(samples, labels, names, indexed_sources(path, n))
}

fn images(
    path: &Path,
    array: &Array,
    height: usize,
    width: usize,
    limits: &Limits,
) -> Result<Vec<GreyImage>, Error> {
    let side = limits.image_side as usize;
    if height == 0 || width == 0 || height > side || width > side {
        return Err(Error::too_large(
            path,
            "an image side (or zero)",
            side as u64,
        ));
    }
    let channels = array.shape.get(3).copied().unwrap_or(1);
    let bytes = array.as_bytes().unwrap_or_default();
    bytes
        .chunks_exact(height * width * channels)
        .map(|image| {
            let grey = match channels {
                3 => image.chunks_exact(3).map(luma).collect(),
                _ => image.to_vec(),
            };
            GreyImage::new(width, height, grey)
        })
        .collect()
}

/// ITU-R BT.709, the weights by which the `image` crate makes grey of colour files.
fn luma(rgb: &[u8]) -> u8 {
    let sum = 2126 * u32::from(rgb[0]) + 7152 * u32::from(rgb[1]) + 722 * u32::from(rgb[2]);
    (sum / 10_000) as u8
}

fn whole_numbers(path: &Path, array: &Array, n: usize) -> Result<Vec<String>, Error> {
    if !matches!(array.shape.as_slice(), [m] | [m, 1] if *m == n) {
        return Err(Error::format(
            path,
            format!(
                "labels of shape {:?} do not fit {n} samples: ({n},) is expected",
                array.shape
            ),
        ));
    }
    array
        .to_f64()
        .into_iter()
        .enumerate()
        .map(|(i, v)| {
            if v.fract() == 0.0 && v.abs() < 2f64.powi(53) {
                Ok((v as i64).to_string())
            } else {
                Err(Error::format(
                    path,
                    format!("label {i} is {v}, not a whole number"),
                ))
            }
        })
        .collect()
}
