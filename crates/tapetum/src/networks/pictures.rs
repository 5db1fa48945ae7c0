//! Pictures as a network takes them.

use std::io::Read;
use std::path::Path;

use tapetum_nets::{Network, NetworkPlan};
use tapetum_vision::load::{Kind, idx_unlabeled, kind, picture, unlabeled_images};
use tapetum_vision::{GreyImage, Limits};

use crate::error::{Context, Error, Result};
use crate::folders::files;

/// Calibration images that are looked at.
const MAX_CALIBRATION: usize = 1_000;

/// The values of the images, and what was left out or changed on the way.
pub(super) fn calibration(
    path: &Path,
    network: &Network,
    range: [f64; 2],
) -> Result<(Vec<Vec<f64>>, Vec<String>)> {
    let &[1, channels, height, width] = network.input_shape() else {
        return Err(Error::input(
            "the network takes vectors: images cannot calibrate it",
        ));
    };
    let limits = Limits {
        colour: channels == 3,
        ..Limits::default()
    };
    let found = match kind(path)? {
        Kind::Folder | Kind::Picture => unlabeled_images(path, &limits)?,
        Kind::Idx => idx_unlabeled(path, &limits)?,
        _ => {
            return Err(Error::input(format!(
                "{} is not a folder of images, a picture or an IDX file",
                path.display()
            )));
        }
    };
    let images = found.samples().images().unwrap_or_default();
    let mut notes: Vec<String> = found.notes().to_vec();
    if images.len() > MAX_CALIBRATION {
        notes.push(format!(
            "only the first {MAX_CALIBRATION} of {} calibration images were used",
            images.len()
        ));
    }
    let values = images
        .iter()
        .take(MAX_CALIBRATION)
        .map(|image| {
            if (image.width(), image.height()) != (width, height) {
                return Err(Error::input(format!(
                    "an image in {} has {} x {} pixels: the network takes {width} x {height}",
                    path.display(),
                    image.width(),
                    image.height()
                )));
            }
            pixels(image, channels, range)
        })
        .collect::<Result<_>>()?;
    Ok((values, notes))
}

/// Reads a photograph with its colours: PNG, JPEG or WebP, told by its content.
///
/// # Errors
/// If it cannot be read, is too large, or is no picture.
pub fn read_photo(path: &Path) -> Result<GreyImage> {
    let mut bytes = Vec::new();
    files::open(path)?
        .take(Limits::default().image_bytes + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    photo_from(path, &bytes)
}

/// The same of bytes in memory, which errors call by this name.
///
/// # Errors
/// As [`read_photo`].
pub fn photo_from(name: &Path, bytes: &[u8]) -> Result<GreyImage> {
    Ok(picture(
        name,
        bytes,
        &Limits {
            colour: true,
            ..Limits::default()
        },
    )?)
}

/// A photograph of any size for a network that takes squares: its middle, resized, red, green and blue one after another.
pub(super) fn photograph(photo: &GreyImage, plan: &NetworkPlan) -> Result<Vec<f64>> {
    let &[1, channels, height, width] = plan.input_shape() else {
        return Err(Error::input("the network takes vectors, not photographs"));
    };
    if height != width {
        return Err(Error::input(format!(
            "the network takes {width} x {height} pixels, not squares"
        )));
    }
    pixels(&photo.middle_square(width)?, channels, plan.range())
}

/// The pixels channel by channel, black as the low end of the range and white as the high one.
///
/// # Errors
/// If the image does not have these channels.
pub fn pixels(image: &GreyImage, channels: usize, [low, high]: [f64; 2]) -> Result<Vec<f64>> {
    let value = |pixel: &u8| low + (high - low) * f64::from(*pixel) / 255.0;
    match (channels, image.rgb()) {
        (1, _) => Ok(image.pixels().iter().map(value).collect()),
        (3, Some(rgb)) => {
            let channel = |c: usize| rgb.iter().skip(c).step_by(3).map(value);
            Ok((0..3).flat_map(channel).collect())
        }
        (3, None) => Err(Error::input("the images have no colours")),
        _ => Err(Error::input(format!(
            "the network takes {channels} channels, not those of a picture"
        ))),
    }
}
