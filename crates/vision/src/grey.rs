//! A grey image of eight bits a pixel.

use crate::Error;

/// A grey image, row-major, 0 black to 255 white.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GreyImage {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl GreyImage {
    /// An image from its pixels; `pixels` holds exactly `width * height` bytes and neither side is zero.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, Error> {
        if width == 0 || height == 0 || width.checked_mul(height) != Some(pixels.len()) {
            return Err(Error::Inconsistent(format!(
                "an image of {width} x {height} cannot hold {} pixels",
                pixels.len()
            )));
        }
        Ok(Self {
            width,
            height,
            pixels,
        })
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixels, row after row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

/// Size only: a picture may be private.
impl std::fmt::Debug for GreyImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GreyImage({} x {})", self.width, self.height)
    }
}
