//! A grey image of eight bits a pixel.

use crate::Error;

/// A grey image, row-major, 0 black to 255 white. It may keep the colours that the grey was made of, for backbones
/// that look at them; all other features look at the grey alone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GreyImage {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
    rgb: Option<Vec<u8>>,
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
            rgb: None,
        })
    }

    /// The same image with its colours: three bytes a pixel, row-major, red first.
    pub fn with_rgb(self, rgb: Vec<u8>) -> Result<Self, Error> {
        if self.pixels.len().checked_mul(3) != Some(rgb.len()) {
            return Err(Error::Inconsistent(format!(
                "an image of {} x {} cannot have {} bytes of colour",
                self.width,
                self.height,
                rgb.len()
            )));
        }
        Ok(Self {
            rgb: Some(rgb),
            ..self
        })
    }

    /// An image from its colours, which it keeps: three bytes a pixel, row-major, red first. The grey has the weights of
    /// ITU-R BT.709.
    pub fn from_rgb(width: usize, height: usize, rgb: Vec<u8>) -> Result<Self, Error> {
        let grey = rgb.chunks_exact(3).map(luma).collect();
        Self::new(width, height, grey)?.with_rgb(rgb)
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

    /// The colours, if they were kept: three bytes a pixel.
    pub fn rgb(&self) -> Option<&[u8]> {
        self.rgb.as_deref()
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        (self.pixels.len() + self.rgb.as_ref().map_or(0, Vec::len)) as u64
    }

    /// Feeds all that makes the image what it is to a hash.
    pub(crate) fn hash_into(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&(self.width as u64).to_le_bytes());
        hasher.update(&(self.height as u64).to_le_bytes());
        hasher.update(&self.pixels);
        if let Some(rgb) = &self.rgb {
            hasher.update(rgb);
        }
    }
}

/// Size only: a picture may be private.
impl std::fmt::Debug for GreyImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GreyImage({} x {})", self.width, self.height)
    }
}

/// The grey of a colour by the weights of ITU-R BT.709, rounded.
pub(crate) fn luma(rgb: &[u8]) -> u8 {
    let sum = 2126 * u32::from(rgb[0]) + 7152 * u32::from(rgb[1]) + 722 * u32::from(rgb[2]);
    ((sum + 5_000) / 10_000) as u8
}
