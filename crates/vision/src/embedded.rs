//! The image set that comes with the library.

use crate::load::{Limits, idx_parts};
use crate::{DataSet, Error};
use std::path::Path;

/// The terms of [`animal_shapes`] (MIT), to be passed on with the images.
pub const ANIMAL_SHAPES_LICENSE: &str = include_str!("../../../data/animal-shapes/LICENSE");

/// The classes of [`animal_shapes`], in the order of their labels.
pub const ANIMAL_SHAPES_CLASSES: [&str; 10] = [
    "bear", "bird", "cat", "cow", "dog", "elephant", "giraffe", "horse", "sheep", "zebra",
];

static IMAGES: &[u8] = include_bytes!("../../../data/animal-shapes/images-idx3-ubyte.gz");
static LABELS: &[u8] = include_bytes!("../../../data/animal-shapes/labels-idx1-ubyte.gz");

/// Ten thousand animal silhouettes of 28 x 28 pixels, a thousand of each of
/// [ten animals](ANIMAL_SHAPES_CLASSES), 284 of them exact repeats (PyPI package `animal-mnist` 0.4).
pub fn animal_shapes() -> Result<DataSet, Error> {
    idx_parts(
        (Path::new("animal-shapes"), IMAGES),
        (Path::new("animal-shapes labels"), LABELS),
        Some(&ANIMAL_SHAPES_CLASSES),
        &Limits::default(),
    )
}
