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

/// Images like those to come, as a network takes them.
#[derive(Default)]
pub(super) struct Calibration {
    /// The values of each.
    pub images: Vec<Vec<f64>>,
    /// For each, the name of the folder in the given one that it lies in, or below.
    pub folders: Vec<Option<String>>,
    /// What was left out or changed when they were read.
    pub notes: Vec<String>,
}

impl Calibration {
    pub(super) fn read(
        path: &Path,
        network: &Network,
        preprocessing: &Preprocessing,
    ) -> Result<Self> {
        let &[1, channels, height, width] = network.input_shape() else {
            return Err(Error::input(
                "the network takes vectors: images cannot calibrate it",
            ));
        };
        let limits = Limits {
            colour: channels == 3,
            ..Limits::default()
        };
        let kind = kind(path)?;
        let found = match kind {
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
                "only {MAX_CALIBRATION} of {} calibration images were used, at equal distances in the order of their \
                 names",
                images.len()
            ));
        }
        let mut read = Self {
            notes,
            ..Self::default()
        };
        // They may be sorted by label.
        let count = images.len().min(MAX_CALIBRATION);
        for i in (0..count).map(|i| i * images.len() / count) {
            let image = &images[i];
            if (image.width(), image.height()) != (width, height) {
                return Err(Error::input(format!(
                    "an image in {} has {} x {} pixels: the network takes {width} x {height}",
                    path.display(),
                    image.width(),
                    image.height()
                )));
            }
            read.images.push(values(image, channels, preprocessing)?);
            let source = match kind {
                Kind::Folder => found.sources().get(i),
                _ => None,
            };
            read.folders
                .push(source.and_then(|source| first_folder(source)));
        }
        Ok(read)
    }
}

/// The folder that a path below another begins with, if it is more than the name of a file.
fn first_folder(source: &str) -> Option<String> {
    let mut parts = Path::new(source).components();
    let first = parts.next()?.as_os_str().to_str()?;
    parts.next().map(|_| first.to_owned())
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
