//! One image file, through the `image` crate and its limits.

use super::{Limits, jpeg, open, read_capped};
use crate::features::resample;
use crate::{Error, GreyImage};
use image::{ImageFormat, ImageReader};
use std::io::Cursor;
use std::path::Path;

/// Reads a PNG, JPEG or WebP file (told by its content, not its name) as grey: colour becomes luma by the weights
/// of ITU-R BT.709, transparency is ignored, sixteen bits are reduced to eight.
pub(super) fn read(path: &Path, limits: &Limits) -> Result<GreyImage, Error> {
    let bytes = read_capped(open(path)?, limits.image_bytes, path)?;
    picture(path, &bytes, limits)
}

/// An image file that is in memory, as every loader reads it; errors call it `path`.
pub fn picture(path: &Path, bytes: &[u8], limits: &Limits) -> Result<GreyImage, Error> {
    if bytes.len() as u64 > limits.image_bytes {
        return Err(Error::too_large(
            path,
            "the number of bytes",
            limits.image_bytes,
        ));
    }
    let not_an_image = |reason: String| Error::NotAnImage {
        path: path.to_path_buf(),
        reason,
    };
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| Error::io(path, e))?;
    match reader.format() {
        Some(ImageFormat::Jpeg) if !jpeg::is_whole(bytes) => {
            return Err(not_an_image("the JPEG data end too early".to_owned()));
        }
        Some(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP) => {}
        Some(other) => {
            return Err(not_an_image(format!(
                "it is a {other:?} file, which is not supported"
            )));
        }
        None => {
            return Err(not_an_image(
                "its first bytes are those of no known format".to_owned(),
            ));
        }
    }
    let mut caps = image::Limits::default();
    caps.max_image_width = Some(limits.image_side);
    caps.max_image_height = Some(limits.image_side);
    caps.max_alloc = Some(limits.image_alloc);
    reader.limits(caps);
    let decoded = reader.decode().map_err(|e| not_an_image(e.to_string()))?;
    let side = limits.kept_side.max(1) as usize;
    let rgb = (limits.colour && decoded.color().has_color()).then(|| decoded.to_rgb8());
    let grey = decoded.into_luma8();
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    let image = GreyImage::new(width, height, grey.into_raw())?;
    let image = match rgb {
        Some(rgb) => image.with_rgb(rgb.into_raw())?,
        None => image,
    };
    shrink(image, side)
}

/// The image reduced until neither side exceeds `side`.
fn shrink(image: GreyImage, side: usize) -> Result<GreyImage, Error> {
    let longest = image.width().max(image.height());
    if longest <= side {
        return Ok(image);
    }
    let scaled = |n: usize| (n * side).div_ceil(longest).max(1);
    let (width, height) = (scaled(image.width()), scaled(image.height()));
    let byte = |value: f64| (value * 255.0).round() as u8;
    let pixels = resample::resize(&image, width, height);
    let small = GreyImage::new(width, height, pixels.into_iter().map(byte).collect())?;
    if image.rgb().is_none() {
        return Ok(small);
    }
    let [red, green, blue] = resample::resize_rgb(&image, width, height);
    let rgb = (0..width * height).flat_map(|i| [red[i], green[i], blue[i]].map(byte));
    small.with_rgb(rgb.collect())
}
