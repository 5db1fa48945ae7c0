//! Resizing by area means (smaller) and linear interpolation (larger), each axis on its own.

use crate::{Error, GreyImage};

/// The longest side of the square image that features are computed on.
pub(crate) const MAX_SIDE: usize = 1024;

impl GreyImage {
    /// The grey at `side` x `side`, as features are computed on it; proportions are not kept.
    pub fn squared(&self, side: usize) -> Result<Self, Error> {
        let side = side.min(MAX_SIDE);
        let pixels = resize(self, side, side).into_iter();
        Self::new(
            side,
            side,
            pixels.map(|x| (x * 255.0).round() as u8).collect(),
        )
    }

    /// The largest square in the middle at `side` x `side`, with its colours if it has any: as networks take
    /// photographs.
    ///
    /// ```
    /// use tapetum_vision::GreyImage;
    ///
    /// let wide = GreyImage::new(4, 2, vec![0, 100, 200, 0, 0, 50, 50, 0])?;
    /// assert_eq!(wide.middle_square(1)?.pixels(), [100]);
    /// # Ok::<(), tapetum_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the side is zero.
    pub fn middle_square(&self, side: usize) -> Result<Self, Error> {
        let side = side.min(MAX_SIDE);
        let shorter = self.width().min(self.height());
        let left = (self.width() - shorter) / 2;
        let top = (self.height() - shorter) / 2;
        let cut = |bytes: &[u8], each: usize| -> Vec<u8> {
            (top..top + shorter)
                .flat_map(|y| {
                    let start = (y * self.width() + left) * each;
                    bytes[start..start + shorter * each].iter().copied()
                })
                .collect()
        };
        let mut square = Self::new(shorter, shorter, cut(self.pixels(), 1))?;
        let Some(rgb) = self.rgb() else {
            return square.squared(side);
        };
        square = square.with_rgb(cut(rgb, 3))?;
        let planes = resize_rgb(&square, side, side);
        let rgb = (0..side * side).flat_map(|i| [0, 1, 2].map(|c| planes[c][i]));
        square
            .squared(side)?
            .with_rgb(rgb.map(|x| (x * 255.0).round() as u8).collect())
    }
}

/// The image at `width` x `height`, row-major, values in [0, 1] (0 black, 1 white); proportions are not kept.
///
/// Along an axis that shrinks, an output pixel is the mean of the input it covers, with partly covered pixels in
/// proportion. Along an axis that grows, it is the linear interpolation between the two nearest pixel centres.
pub(crate) fn resize(image: &GreyImage, width: usize, height: usize) -> Vec<f64> {
    let size = (image.width(), image.height());
    resize_plane(image.pixels(), 1, size, (width, height))
}

/// The same for each colour: red, green and blue one after another. A grey image has three equal colours.
pub(crate) fn resize_rgb(image: &GreyImage, width: usize, height: usize) -> [Vec<f64>; 3] {
    let size = (image.width(), image.height());
    match image.rgb() {
        Some(rgb) => [0, 1, 2].map(|c| resize_plane(&rgb[c..], 3, size, (width, height))),
        None => {
            let grey = resize(image, width, height);
            [grey.clone(), grey.clone(), grey]
        }
    }
}

/// Every `stride`-th byte is a pixel.
fn resize_plane(
    bytes: &[u8],
    stride: usize,
    (from_width, from_height): (usize, usize),
    (width, height): (usize, usize),
) -> Vec<f64> {
    let across = weights(from_width, width);
    let down = weights(from_height, height);
    let mut rows = Vec::with_capacity(width * from_height);
    for y in 0..from_height {
        let pixel = |x: usize| f64::from(bytes[(y * from_width + x) * stride]) / 255.0;
        rows.extend(across.iter().map(|tap| tap.apply(pixel)));
    }
    resize_rows(&rows, width, &down)
}

/// The square image of `side` at a smaller or larger `to` x `to`.
pub(crate) fn resize_square(pixels: &[f64], side: usize, to: usize) -> Vec<f64> {
    let taps = weights(side, to);
    let mut rows = Vec::with_capacity(to * side);
    for row in pixels.chunks_exact(side) {
        rows.extend(taps.iter().map(|tap| tap.apply(|x| row[x])));
    }
    resize_rows(&rows, to, &taps)
}

fn resize_rows(rows: &[f64], width: usize, down: &[Tap]) -> Vec<f64> {
    let mut out = Vec::with_capacity(width * down.len());
    for tap in down {
        out.extend((0..width).map(|x| tap.apply(|y| rows[y * width + x]).clamp(0.0, 1.0)));
    }
    out
}

/// One output position: weights on consecutive input positions, summing to one.
struct Tap {
    start: usize,
    weights: Vec<f64>,
}

impl Tap {
    fn apply(&self, input: impl Fn(usize) -> f64) -> f64 {
        self.weights
            .iter()
            .enumerate()
            .map(|(i, w)| w * input(self.start + i))
            .sum()
    }
}

fn weights(from: usize, to: usize) -> Vec<Tap> {
    let ratio = from as f64 / to as f64;
    (0..to)
        .map(|i| {
            if to > from {
                let centre = ((i as f64 + 0.5) * ratio - 0.5).clamp(0.0, (from - 1) as f64);
                let start = (centre.floor() as usize).min(from.saturating_sub(2));
                let right = centre - start as f64;
                let weights = if from == 1 {
                    vec![1.0]
                } else {
                    vec![1.0 - right, right]
                };
                return Tap { start, weights };
            }
            // In units of 1/to of an input pixel everything is whole, so the cover is exact.
            let (begin, end) = (i * from, (i + 1) * from);
            let start = begin / to;
            let weights = (start..end.div_ceil(to))
                .map(|x| (end.min((x + 1) * to) - begin.max(x * to)) as f64 / from as f64)
                .collect();
            Tap { start, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halving_takes_means_of_two_by_two() {
        let image = GreyImage::new(4, 2, vec![0, 255, 51, 51, 255, 255, 51, 51]).unwrap();
        let half = resize(&image, 2, 1);
        assert!(
            (half[0] - 0.75).abs() < 1e-12 && (half[1] - 0.2).abs() < 1e-12,
            "{half:?}"
        );
    }

    #[test]
    fn the_middle_square_keeps_colours() {
        let grey = (0..12).collect();
        let rgb = (0..12).flat_map(|i| [i, 100 + i, 200 + i]).collect();
        let tall = GreyImage::new(2, 6, grey).unwrap().with_rgb(rgb).unwrap();
        let square = tall.middle_square(2).unwrap();
        assert_eq!(square.pixels(), [4, 5, 6, 7]);
        let rgb = square.rgb().unwrap();
        assert_eq!(rgb, [4, 104, 204, 5, 105, 205, 6, 106, 206, 7, 107, 207]);
        assert!(tall.middle_square(0).is_err());
    }

    #[test]
    fn doubling_interpolates_between_centres() {
        let image = GreyImage::new(2, 1, vec![0, 255]).unwrap();
        let out = resize(&image, 4, 1);
        for (found, wanted) in out.iter().zip([0.0, 0.25, 0.75, 1.0]) {
            assert!((found - wanted).abs() < 1e-12, "{out:?}");
        }
    }

    proptest! {
        #[test]
        fn same_size_is_identity_and_shrinking_keeps_the_mean(
            w in 1usize..20, h in 1usize..20, tw in 1usize..20, th in 1usize..20, seed in any::<u64>(),
        ) {
            use rand_core::Rng;
            let mut pixels = vec![0u8; w * h];
            crate::shuffle::stream(seed, 0).fill_bytes(&mut pixels);
            let image = GreyImage::new(w, h, pixels).unwrap();
            let same = resize(&image, w, h);
            for (a, &b) in same.iter().zip(image.pixels()) {
                prop_assert!((a - f64::from(b) / 255.0).abs() < 1e-12);
            }
            let out = resize(&image, tw, th);
            prop_assert_eq!(out.len(), tw * th);
            prop_assert!(out.iter().all(|v| (0.0..=1.0).contains(v)));
            if tw <= w && th <= h {
                let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
                prop_assert!((mean(&out) - mean(&same)).abs() < 1e-12);
            }
        }
    }
}
