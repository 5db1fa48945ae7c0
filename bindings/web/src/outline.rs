//! From a photograph to a silhouette: light shape, dark ground, as in `animal-shapes`.

/// The dark part of each side of the square that is left around the shape.
const MARGIN: usize = 14;

/// Pixels of a grey image, row-major.
pub struct Grey {
    /// Columns.
    pub width: usize,
    /// The pixels.
    pub pixels: Vec<u8>,
}

/// The shape, white on black, in a square with a margin. The threshold between ground and shape is that of Otsu (1979),
/// section II; ground is what most of the border is. An image of one colour stays as it is.
pub fn silhouette(image: Grey) -> Grey {
    let Grey { width, pixels } = image;
    let height = pixels.len() / width.max(1);
    let Some(threshold) = threshold(&pixels) else {
        return Grey { width, pixels };
    };
    let is_light = |x: usize, y: usize| pixels[y * width + x] > threshold;
    let top_and_bottom = (0..width).flat_map(|x| [(x, 0), (x, height - 1)]);
    let sides = (0..height).flat_map(|y| [(0, y), (width - 1, y)]);
    let light = top_and_bottom.chain(sides).filter(|&(x, y)| is_light(x, y));
    let ground_is_light = light.count() > width + height;
    let is_shape = |x: usize, y: usize| is_light(x, y) != ground_is_light;

    let columns = (0..width).filter(|&x| (0..height).any(|y| is_shape(x, y)));
    let rows = (0..height).filter(|&y| (0..width).any(|x| is_shape(x, y)));
    let (Some((left, right)), Some((top, bottom))) = (ends(columns), ends(rows)) else {
        return Grey { width, pixels };
    };
    let (across, down) = (right - left + 1, bottom - top + 1);
    let longest = across.max(down);
    let side = longest + 2 * longest.div_ceil(MARGIN);
    let (x0, y0) = ((side - across) / 2, (side - down) / 2);
    let mut square = vec![0; side * side];
    for y in 0..down {
        for x in 0..across {
            square[(y0 + y) * side + x0 + x] = 255 * u8::from(is_shape(left + x, top + y));
        }
    }
    Grey {
        width: side,
        pixels: square,
    }
}

/// The grey above which a pixel is light: where the variance between both parts is largest. None if there is one grey
/// only.
fn threshold(pixels: &[u8]) -> Option<u8> {
    let mut histogram = [0u64; 256];
    for &pixel in pixels {
        histogram[usize::from(pixel)] += 1;
    }
    let count = pixels.len() as f64;
    let weighted = |(grey, n): (usize, &u64)| grey as f64 * *n as f64;
    let sum: f64 = histogram.iter().enumerate().map(weighted).sum();
    let (mut dark, mut sum_dark) = (0.0, 0.0);
    let mut best = None;
    for (grey, n) in histogram.iter().enumerate().take(255) {
        dark += *n as f64;
        sum_dark += weighted((grey, n));
        let light = count - dark;
        if dark == 0.0 || light == 0.0 {
            continue;
        }
        let apart = sum_dark / dark - (sum - sum_dark) / light;
        let between = dark * light * apart * apart;
        if best.is_none_or(|(largest, _)| between > largest) {
            best = Some((between, grey as u8));
        }
    }
    best.map(|(_, grey)| grey)
}

/// The first and the last.
fn ends(mut numbers: impl Iterator<Item = usize>) -> Option<(usize, usize)> {
    let first = numbers.next()?;
    Some((first, numbers.last().unwrap_or(first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rectangle of 6 x 4 in 20 x 10, with some texture.
    fn photograph(ground: u8, shape: u8) -> Grey {
        let pixel = |i: usize| {
            let (x, y) = (i % 20, i / 20);
            let inside = (8..14).contains(&x) && (3..7).contains(&y);
            (if inside { shape } else { ground }) + (i % 5) as u8
        };
        Grey {
            width: 20,
            pixels: (0..200).map(pixel).collect(),
        }
    }

    #[test]
    fn shapes_are_light_on_dark_in_the_middle_of_a_square() {
        for (ground, shape) in [(20, 200), (230, 90)] {
            let found = silhouette(photograph(ground, shape));
            // The longest side is 6, and a margin of 1 goes around.
            assert_eq!((found.width, found.pixels.len()), (8, 64));
            for (i, &pixel) in found.pixels.iter().enumerate() {
                let (x, y) = (i % 8, i / 8);
                let inside = (1..7).contains(&x) && (2..6).contains(&y);
                assert_eq!(pixel, 255 * u8::from(inside), "{x} {y}");
            }
        }
    }

    #[test]
    fn one_colour_has_no_shape() {
        let flat = Grey {
            width: 3,
            pixels: vec![7; 12],
        };
        assert_eq!(silhouette(flat).pixels, [7; 12]);
        let dot = Grey {
            width: 1,
            pixels: vec![9],
        };
        assert_eq!(silhouette(dot).pixels, [9]);
    }
}
