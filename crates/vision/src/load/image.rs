//! One image file, through the `image` crate and its limits.

use super::{Limits, jpeg, open, read_capped};
use crate::features::resample;
use crate::grey::luma;
use crate::notes::counted;
use crate::{Error, GreyImage};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use std::io::Cursor;
use std::path::Path;

/// How many pictures had to be treated to be what a viewer shows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Treated {
    turned: usize,
    blended: usize,
    animated: usize,
}

impl Treated {
    /// A remark for each treatment.
    pub fn notes(self) -> Vec<String> {
        let note = |count: usize, what: &str| {
            (count > 0).then(|| format!("{} {what}", counted(count, "picture")))
        };
        let notes = [
            note(self.turned, "turned as their EXIF orientation says"),
            note(self.blended, "with transparent parts blended on white"),
            note(
                self.animated,
                "with several frames, of which the first is taken",
            ),
        ];
        notes.into_iter().flatten().collect()
    }

    /// Pictures whose transparent parts were blended.
    pub fn blended(blended: usize) -> Self {
        Self {
            blended,
            ..Self::default()
        }
    }
}

/// Reads an image file as [`picture`] does and counts what was done to it.
pub(super) fn read(
    path: &Path,
    limits: &Limits,
    treated: &mut Treated,
) -> Result<GreyImage, Error> {
    let bytes = read_capped(open(path)?, limits.image_bytes, path)?;
    decode(path, &bytes, limits, treated)
}

/// A PNG, JPEG or WebP file that is in memory (told by its content, not its name), as every loader reads it; errors
/// call it `path`.
///
/// It becomes grey by the weights of ITU-R BT.709, and is otherwise what a viewer shows: turned as its EXIF
/// orientation says, transparent parts blended on white, sixteen bits rounded to eight.
pub fn picture(path: &Path, bytes: &[u8], limits: &Limits) -> Result<GreyImage, Error> {
    decode(path, bytes, limits, &mut Treated::default())
}

/// Whether these first bytes are those of a format that is read.
pub(super) fn is_picture(start: &[u8]) -> bool {
    matches!(
        image::guess_format(start),
        Ok(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)
    )
}

fn decode(
    path: &Path,
    bytes: &[u8],
    limits: &Limits,
    treated: &mut Treated,
) -> Result<GreyImage, Error> {
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
    reader.limits(caps.clone());
    let decoded = || -> image::ImageResult<(DynamicImage, Orientation)> {
        let mut decoder = reader.into_decoder()?;
        caps.reserve(decoder.total_bytes())?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        Ok((DynamicImage::from_decoder(decoder)?, orientation))
    };
    let (mut decoded, orientation) = decoded().map_err(|e| not_an_image(e.to_string()))?;
    if orientation != Orientation::NoTransforms {
        decoded.apply_orientation(orientation);
        treated.turned += 1;
    }
    let has_colour = decoded.color().has_color();
    if decoded.color().has_alpha() {
        let transparent;
        (decoded, transparent) = on_white(decoded);
        treated.blended += usize::from(transparent);
    }
    treated.animated += usize::from(is_animated(bytes));
    let side = limits.kept_side.max(1) as usize;
    let (width, height) = (decoded.width() as usize, decoded.height() as usize);
    let image = if has_colour {
        let rgb = decoded.into_rgb8().into_raw();
        if limits.colour {
            GreyImage::from_rgb(width, height, rgb)?
        } else {
            GreyImage::new(width, height, rgb.chunks_exact(3).map(luma).collect())?
        }
    } else {
        GreyImage::new(width, height, decoded.into_luma8().into_raw())?
    };
    shrink(image, side)
}

/// Whether a PNG or WebP file says that it has several frames.
fn is_animated(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(1 << 12)];
    let (webp, flags) = (
        start.get(8..16) == Some(b"WEBPVP8X"),
        start.get(20).copied(),
    );
    let png = start.starts_with(b"\x89PNG") && start.windows(4).any(|chunk| chunk == b"acTL");
    png || (webp && flags.is_some_and(|flags| flags & 2 != 0))
}

/// The image on white ground, and whether anything of it was transparent.
fn on_white(image: DynamicImage) -> (DynamicImage, bool) {
    if image.color().has_color() {
        let mut pixels = image.into_rgba8();
        let transparent = blend(&mut pixels, 4);
        (pixels.into(), transparent)
    } else {
        let mut pixels = image.into_luma_alpha8();
        let transparent = blend(&mut pixels, 2);
        (pixels.into(), transparent)
    }
}

/// Blends pixels, whose last channel says how opaque they are, on white, and makes them opaque. Says whether any was
/// not.
pub(super) fn blend(samples: &mut [u8], channels: usize) -> bool {
    let mut transparent = false;
    for pixel in samples.chunks_exact_mut(channels) {
        let Some((alpha, colours)) = pixel.split_last_mut() else {
            continue;
        };
        if *alpha == u8::MAX {
            continue;
        }
        transparent = true;
        let opacity = u32::from(*alpha);
        for value in colours {
            let sum = u32::from(*value) * opacity + 255 * (255 - opacity);
            *value = ((sum + 127) / 255) as u8;
        }
        *alpha = u8::MAX;
    }
    transparent
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
