//! A picture on its way to features.

use std::path::Path;

use tapetum::vision::GreyImage;
use tapetum::vision::load::{Limits, picture};

use crate::PageError;
use crate::outline::{Grey, silhouette};

/// Bytes of a picture file: a page has less memory than a command.
const MAX_FILE: u64 = 32 << 20;
/// Pixels along each side of a picture file.
const MAX_SIDE: u32 = 12_000;

/// A picture as the command reads it: reduced if it is large, grey unless a network takes its colours.
#[derive(Clone, Debug)]
pub struct Picture(GreyImage);

impl Picture {
    /// From a PNG, JPEG or WebP file.
    ///
    /// # Errors
    /// [`PageError::Picture`].
    pub fn from_file(bytes: &[u8]) -> Result<Self, PageError> {
        Self::read(bytes, false)
    }

    /// The same with its colours.
    ///
    /// # Errors
    /// [`PageError::Picture`].
    pub fn from_coloured_file(bytes: &[u8]) -> Result<Self, PageError> {
        Self::read(bytes, true)
    }

    fn read(bytes: &[u8], colour: bool) -> Result<Self, PageError> {
        let limits = Limits {
            colour,
            image_bytes: MAX_FILE,
            image_side: MAX_SIDE,
            ..Limits::default()
        };
        let image = picture(Path::new("the picture"), bytes, &limits);
        image.map(Self).map_err(PageError::Picture)
    }

    /// The shape in it, light on dark in the middle of a square: for models that were trained on silhouettes.
    ///
    /// # Errors
    /// [`PageError::Picture`] if the shape is no image, which every shape is.
    pub fn silhouette(&self) -> Result<Self, PageError> {
        let grey = Grey {
            width: self.0.width(),
            pixels: self.0.pixels().to_vec(),
        };
        let Grey { width, pixels } = silhouette(grey);
        let height = pixels.len() / width.max(1);
        let image = GreyImage::new(width, height, pixels);
        image.map(Self).map_err(PageError::Picture)
    }

    /// An image that is there already.
    pub fn of(image: GreyImage) -> Self {
        Self(image)
    }

    /// The pixels at `side` x `side`, as features see them: row-major, 0 black to 255 white.
    ///
    /// # Errors
    /// [`PageError::Picture`] if the side is 0.
    pub fn seen_at(&self, side: usize) -> Result<Vec<u8>, PageError> {
        let seen = self.0.squared(side).map_err(PageError::Picture)?;
        Ok(seen.pixels().to_vec())
    }

    /// The image.
    pub fn image(&self) -> &GreyImage {
        &self.0
    }
}
