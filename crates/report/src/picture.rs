//! Pictures and ciphertext bytes as PNG inside the page.

use base64::{Engine, engine::general_purpose::STANDARD};
use image::{
    ExtendedColorType, GrayImage, ImageEncoder, RgbImage, codecs::png::PngEncoder, imageops,
};
use tapetum::vision::GreyImage;

/// Side in pixels of the square that shows ciphertext bytes, one byte a pixel.
const NOISE_SIDE: usize = 56;

/// Bytes of a ciphertext that are drawn where it has so many.
pub const NOISE_BYTES: usize = NOISE_SIDE * NOISE_SIDE;

/// Longest side of an embedded picture; larger ones are scaled down to keep the page small.
const LONGEST_SIDE: u32 = 128;

/// A picture as a `data:` address; `None` where its sides do not fit the format.
pub fn picture(image: &GreyImage) -> Option<String> {
    let width = u32::try_from(image.width()).ok()?;
    let height = u32::try_from(image.height()).ok()?;
    let longest = width.max(height);
    let scaled = |side: u32| match longest <= LONGEST_SIDE {
        true => side,
        false => (u64::from(side) * u64::from(LONGEST_SIDE) / u64::from(longest)).max(1) as u32,
    };
    let (to_width, to_height) = (scaled(width), scaled(height));
    match image.rgb() {
        Some(rgb) => {
            let pixels = RgbImage::from_raw(width, height, rgb.to_vec())?;
            let small = imageops::thumbnail(&pixels, to_width, to_height);
            data_address(&small, to_width, to_height, ExtendedColorType::Rgb8)
        }
        None => {
            let pixels = GrayImage::from_raw(width, height, image.pixels().to_vec())?;
            let small = imageops::thumbnail(&pixels, to_width, to_height);
            data_address(&small, to_width, to_height, ExtendedColorType::L8)
        }
    }
}

/// The first bytes as the grey values of a square; `None` where there are none.
pub fn noise(ciphertext: &[u8]) -> Option<String> {
    let side = side_drawn(ciphertext);
    let pixels = &ciphertext[..side * side];
    data_address(pixels, side as u32, side as u32, ExtendedColorType::L8)
}

/// Bytes of this ciphertext that [`noise`] draws.
pub fn bytes_drawn(ciphertext: &[u8]) -> usize {
    side_drawn(ciphertext).pow(2)
}

fn side_drawn(ciphertext: &[u8]) -> usize {
    ciphertext.len().min(NOISE_BYTES).isqrt()
}

fn data_address(
    pixels: &[u8],
    width: u32,
    height: u32,
    colour: ExtendedColorType,
) -> Option<String> {
    if width == 0 || height == 0 {
        return None;
    }
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(pixels, width, height, colour)
        .ok()?;
    Some(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(address: &str) -> GrayImage {
        let encoded = address.strip_prefix("data:image/png;base64,").unwrap();
        let png = STANDARD.decode(encoded).unwrap();
        image::load_from_memory(&png).unwrap().into_luma8()
    }

    #[test]
    fn small_pictures_survive_unchanged() {
        let pixels: Vec<u8> = (0..28 * 20).map(|index| (index * 7 % 256) as u8).collect();
        let image = GreyImage::new(28, 20, pixels.clone()).unwrap();
        let decoded = decode(&picture(&image).unwrap());
        assert_eq!(decoded.dimensions(), (28, 20));
        assert_eq!(decoded.into_raw(), pixels);
    }

    #[test]
    fn large_pictures_shrink() {
        let image = GreyImage::new(4000, 10, vec![200; 40_000]).unwrap();
        let decoded = decode(&picture(&image).unwrap());
        assert_eq!(decoded.dimensions(), (128, 1));
        assert!(decoded.pixels().all(|pixel| pixel.0[0] == 200));
    }

    #[test]
    fn bytes_become_grey_values() {
        let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let decoded = decode(&noise(&bytes).unwrap());
        assert_eq!(decoded.into_raw(), bytes[..NOISE_BYTES]);
        assert_eq!(bytes_drawn(&bytes), NOISE_BYTES);

        let few = decode(&noise(&bytes[..10]).unwrap());
        assert_eq!(few.into_raw(), bytes[..9]);
        assert_eq!(noise(&[]), None);
    }
}
