//! Pictures as a network takes them.

use std::io::Read;
use std::path::Path;

use tapetum_nets::{Network, NetworkPlanFile, Preprocessing};
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
    preprocessing: &Preprocessing,
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
            values(image, channels, preprocessing)
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

/// The values of a photograph of any size for a network that takes squares: those of its middle, resized, channel by
/// channel.
///
/// # Errors
/// If the network takes no squares, or the photograph has no colours.
pub fn photograph(photo: &GreyImage, file: &NetworkPlanFile) -> Result<Vec<f64>> {
    let &[1, channels, height, width] = file.plan().input_shape() else {
        return Err(Error::input("the network takes vectors, not photographs"));
    };
    if height != width {
        return Err(Error::input(format!(
            "the network takes {width} x {height} pixels, not squares"
        )));
    }
    Ok(file.values(bytes(&photo.middle_square(width)?, channels)?)?)
}

/// The values of an image channel by channel.
///
/// # Errors
/// If the image does not have these channels.
pub fn values(
    image: &GreyImage,
    channels: usize,
    preprocessing: &Preprocessing,
) -> Result<Vec<f64>> {
    Ok(preprocessing.values(channels, bytes(image, channels)?)?)
}

/// Red, green and blue of each pixel for a network of three channels, and grey for others.
fn bytes(image: &GreyImage, channels: usize) -> Result<&[u8]> {
    match (channels, image.rgb()) {
        (3, None) => Err(Error::input("the images have no colours")),
        (3, Some(rgb)) => Ok(rgb),
        _ => Ok(image.pixels()),
    }
}
