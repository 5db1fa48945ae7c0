//! Images or feature tables with labels out of NPZ archives (MedMNIST and the like) and pairs of NPY files.

use super::image::{Treated, blend};
use super::npy::{Array, Element};
use super::{Limits, index_labels, indexed_sources, open, read_capped};
use crate::grey::luma;
use crate::notes::listed;
use crate::{DataSet, Error, GreyImage, Samples, Table, Unlabeled};
use std::borrow::Cow;
use std::io::Cursor;
use std::path::Path;
use zip::ZipArchive;

/// The array names that are looked for, in this order.
const SAMPLE_NAMES: [&str; 6] = ["images", "x", "X", "data", "features", "arr_0"];
const LABEL_NAMES: [&str; 7] = ["labels", "y", "Y", "target", "targets", "label", "arr_1"];

/// Loads an NPZ archive: samples in an array called `images`, `x`, `X`, `data` or `features`, labels in `labels`,
/// `y`, `Y`, `target`, `targets` or `label`; or `arr_0` and `arr_1`, as NumPy calls arrays without a name.
///
/// With `part`, as in the train, validation and test parts of MedMNIST, the names must begin with it and an
/// underscore, or end with an underscore and it: `Some("train")` reads `train_images` or `x_train`. Arrays
/// with three or four dimensions (samples, rows, columns, and one to four channels, the second or fourth of which says
/// how opaque a pixel is) are images, colour becoming luma (BT.709); any array with two dimensions is a feature table.
/// Pixels are bytes, whole numbers to 65,535 or fractions to 1.
/// Labels are whole numbers, one a sample; class names are these.
pub fn npz(path: &Path, part: Option<&str>, limits: &Limits) -> Result<DataSet, Error> {
    let mut archive = archive(path, limits)?;
    let samples = member(path, &mut archive, part, &SAMPLE_NAMES, limits)?;
    let labels = member(path, &mut archive, part, &LABEL_NAMES, limits)?;
    assemble(path, samples, path, labels, limits)
}

/// Loads the samples of an NPZ archive, to be classified; labels in it are not looked at.
pub fn npz_unlabeled(path: &Path, part: Option<&str>, limits: &Limits) -> Result<Unlabeled, Error> {
    let samples = member(
        path,
        &mut archive(path, limits)?,
        part,
        &SAMPLE_NAMES,
        limits,
    )?;
    unlabeled(path, &samples, limits)
}

/// Loads samples from one NPY file and their labels from another; shapes and types as in [`npz`].
pub fn npy_pair(samples: &Path, labels: &Path, limits: &Limits) -> Result<DataSet, Error> {
    let (array, label_array) = (npy(samples, limits)?, npy(labels, limits)?);
    assemble(samples, array, labels, label_array, limits)
}

/// Loads samples from an NPY file, to be classified.
pub fn npy_unlabeled(path: &Path, limits: &Limits) -> Result<Unlabeled, Error> {
    unlabeled(path, &npy(path, limits)?, limits)
}

fn npy(path: &Path, limits: &Limits) -> Result<Array, Error> {
    let bytes = read_capped(open(path)?, limits.data_bytes, path)?;
    Array::parse(path, &bytes, limits)
}

fn archive(path: &Path, limits: &Limits) -> Result<ZipArchive<Cursor<Vec<u8>>>, Error> {
    let file = read_capped(open(path)?, limits.data_bytes, path)?;
    ZipArchive::new(Cursor::new(file))
        .map_err(|e| Error::format(path, format!("not a readable NPZ (zip) archive: {e}")))
}

fn member(
    path: &Path,
    archive: &mut ZipArchive<Cursor<Vec<u8>>>,
    part: Option<&str>,
    names: &[&str],
    limits: &Limits,
) -> Result<Array, Error> {
    let files = |name: &&str| match part {
        None => vec![format!("{name}.npy")],
        Some(part) => vec![format!("{part}_{name}.npy"), format!("{name}_{part}.npy")],
    };
    let found = (names.iter().flat_map(files)).find(|name| archive.index_for_name(name).is_some());
    let Some(name) = found else {
        let mut found: Vec<String> = archive
            .file_names()
            .filter_map(Result::ok)
            .take(20)
            .map(|name| name.chars().take(60).collect())
            .collect();
        found.sort_unstable();
        let of_part = part.map(|part| format!(" of the part {part:?}"));
        let advice = if names == LABEL_NAMES {
            "; for data without labels pass --unlabelled"
        } else {
            "; --part names a part, such as train"
        };
        return Err(Error::format(
            path,
            format!(
                "no array{} called {}; the archive holds {}{advice}",
                of_part.unwrap_or_default(),
                names.join(", "),
                listed(&found)
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

fn unlabeled(path: &Path, array: &Array, limits: &Limits) -> Result<Unlabeled, Error> {
    let (samples, notes) = samples(path, array, limits)?;
    let sources = (0..samples.len()).map(indexed_sources(path)).collect();
    Ok(Unlabeled::new(samples, sources)?.with_notes(notes))
}

fn assemble(
    path: &Path,
    array: Array,
    label_path: &Path,
    labels: Array,
    limits: &Limits,
) -> Result<DataSet, Error> {
    let (samples, notes) = samples(path, &array, limits)?;
    let labels = whole_numbers(label_path, &labels, samples.len())?;
    let (labels, names) = index_labels(&labels);
    let sources = (0..samples.len()).map(indexed_sources(path)).collect();
    Ok(DataSet::new(samples, labels, names, sources)?.with_notes(notes))
}

/// The samples of an array, and remarks on them.
fn samples(path: &Path, array: &Array, limits: &Limits) -> Result<(Samples, Vec<String>), Error> {
    let n = array.shape.first().copied().unwrap_or(0);
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
    match (array.shape.as_slice(), array.element) {
        (&[_, columns], _) => {
            if columns == 0 || columns > limits.columns {
                let limit = limits.columns as u64;
                return Err(Error::too_large(
                    path,
                    "the number of columns (or zero)",
                    limit,
                ));
            }
            let table = Table::new(columns, array.to_f64())?;
            Ok((Samples::Table(table), Vec::new()))
        }
        (&[_, height, width] | &[_, height, width, 1..=4], _) => {
            let (bytes, mut notes) = bytes(path, array)?;
            let (images, treated) = images(path, array, &bytes, (height, width), limits)?;
            notes.extend(treated.notes());
            Ok((Samples::Images(images), notes))
        }
        (shape, _) => Err(Error::format(
            path,
            format!(
                "samples of shape {shape:?} are neither images (samples, rows, columns and perhaps 1 to 4 \
                 channels) nor a table (two dimensions)"
            ),
        )),
    }
}

/// The pixels of images as bytes. What is not is scaled: whole numbers to 255 or 65,535 and fractions to 1 are taken
/// for black to white, and a remark says so.
fn bytes<'a>(path: &Path, array: &'a Array) -> Result<(Cow<'a, [u8]>, Vec<String>), Error> {
    if let Some(bytes) = array.as_bytes() {
        return Ok((Cow::Borrowed(bytes), Vec::new()));
    }
    let values = array.to_f64();
    let largest = values.iter().copied().fold(0.0, f64::max);
    let is_float = matches!(array.element, Element::Float(_));
    let white = match largest {
        ..=1.0 if is_float => 1.0,
        ..=255.0 => 255.0,
        ..=65_535.0 if !is_float => 65_535.0,
        _ => f64::NAN,
    };
    // NaN is not among these either.
    if white.is_nan() || !values.iter().all(|value| (0.0..=white).contains(value)) {
        return Err(Error::format(
            path,
            "the pixels of images must be whole numbers from 0 to 255 or to 65535, or fractions from 0 to 1",
        ));
    }
    let scaled = values
        .iter()
        .map(|value| (255.0 * value / white).round() as u8);
    let note = format!("pixels from 0 to {white} are taken for black to white");
    Ok((Cow::Owned(scaled.collect()), vec![note]))
}

fn images(
    path: &Path,
    array: &Array,
    bytes: &[u8],
    (height, width): (usize, usize),
    limits: &Limits,
) -> Result<(Vec<GreyImage>, Treated), Error> {
    let side = limits.image_side as usize;
    if height == 0 || width == 0 || height > side || width > side {
        return Err(Error::too_large(
            path,
            "an image side (or zero)",
            side as u64,
        ));
    }
    let channels = array.shape.get(3).copied().unwrap_or(1);
    let mut blended = 0;
    let mut images = Vec::new();
    for image in bytes.chunks_exact(height * width * channels) {
        let mut image = image.to_vec();
        if matches!(channels, 2 | 4) {
            blended += usize::from(blend(&mut image, channels));
        }
        let grey = match channels {
            1 => image,
            2 => image.chunks_exact(2).map(|pixel| pixel[0]).collect(),
            _ => image.chunks_exact(channels).map(luma).collect(),
        };
        images.push(GreyImage::new(width, height, grey)?);
    }
    Ok((images, Treated::blended(blended)))
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
