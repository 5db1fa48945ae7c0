//! Histograms of oriented gradients (Dalal and Triggs 2005), one histogram a cell.

use std::f64::consts::PI;

/// Orientations over half a turn.
pub(crate) const BINS: usize = 9;

/// Appends the histograms of the n x n image `pixels` (values in [0, 1]), n a multiple of `cell`: cells row by row,
/// in each [`BINS`] values in [0, 1].
///
/// 1. Gradient: `gx = f(y, x+1) - f(y, x-1)`, `gy = f(y+1, x) - f(y-1, x)`, the border pixels repeated outwards.
/// 2. Orientation: `atan2(gy, gx)` modulo pi, in units of a bin's width `pi / 9`; bin b has its centre at `b + 1/2`.
///    The magnitude `sqrt(gx^2 + gy^2)` is shared linearly between the two nearest bins, the last and the first being
///    neighbours. All of it goes to the cell that holds the pixel.
/// 3. Block normalisation (L2): each cell's histogram h lies in four blocks of 2 x 2 cells, cells outside the image
///    counting as zero; the result is the mean over the four of `h / sqrt(E + (cell / 10)^2)`, E being the sum of
///    squares in the block. So every cell appears once (as in Felzenszwalb et al. 2010), not four times.
pub(crate) fn append(pixels: &[f64], side: usize, cell: usize, out: &mut Vec<f64>) {
    let cells = side / cell;
    let histograms = histograms(pixels, side, cell);
    let energy: Vec<f64> = histograms
        .iter()
        .map(|h| h.iter().map(|v| v * v).sum::<f64>())
        .collect();
    let floor = (cell as f64 / 10.0).powi(2);
    for y in 0..cells {
        for x in 0..cells {
            let factor: f64 = [(y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1)]
                .iter()
                .map(|&(bottom, right)| {
                    1.0 / (block_energy(&energy, cells, bottom, right) + floor).sqrt()
                })
                .sum();
            out.extend(histograms[y * cells + x].iter().map(|v| v * factor / 4.0));
        }
    }
}

/// Appends the same histograms by overlapping blocks of 2 x 2 cells, each block normalised by itself: blocks row by
/// row, in each the histograms of its four cells. A cell inside appears in four blocks, so there are nearly four times
/// as many values as [`append`] gives, and they tell a little more.
///
/// The normalisation is L2-Hys (Dalal and Triggs 2005, section 6.4): to unit length, cut off at 0.2, to unit length.
pub(crate) fn append_blocks(pixels: &[f64], side: usize, cell: usize, out: &mut Vec<f64>) {
    let cells = side / cell;
    let histograms = histograms(pixels, side, cell);
    // Against division by zero only.
    let normalise = |block: &mut [f64]| {
        let norm = (block.iter().map(|v| v * v).sum::<f64>() + 1e-10).sqrt();
        block.iter_mut().for_each(|v| *v /= norm);
    };
    for y in 1..cells {
        for x in 1..cells {
            let start = out.len();
            for (y, x) in [(y - 1, x - 1), (y - 1, x), (y, x - 1), (y, x)] {
                out.extend(histograms[y * cells + x]);
            }
            let block = &mut out[start..];
            normalise(block);
            block.iter_mut().for_each(|v| *v = v.min(0.2));
            normalise(block);
        }
    }
}

/// The histograms of all cells, before any normalisation.
fn histograms(pixels: &[f64], side: usize, cell: usize) -> Vec<[f64; BINS]> {
    let cells = side / cell;
    let mut histograms = vec![[0.0; BINS]; cells * cells];
    for y in 0..side {
        let (up, down) = (y.saturating_sub(1), (y + 1).min(side - 1));
        for x in 0..side {
            let (left, right) = (x.saturating_sub(1), (x + 1).min(side - 1));
            let gx = pixels[y * side + right] - pixels[y * side + left];
            let gy = pixels[down * side + x] - pixels[up * side + x];
            vote(&mut histograms[y / cell * cells + x / cell], gx, gy);
        }
    }
    histograms
}

fn vote(histogram: &mut [f64; BINS], gx: f64, gy: f64) {
    let magnitude = gx.hypot(gy);
    if magnitude == 0.0 {
        return;
    }
    // The position on the circle of bins, shifted so that a bin's centre is a whole number.
    let position = gy.atan2(gx).rem_euclid(PI) / PI * BINS as f64 + BINS as f64 - 0.5;
    let lower = position.floor();
    let share = position - lower;
    let bin = lower as usize % BINS;
    histogram[bin] += magnitude * (1.0 - share);
    histogram[(bin + 1) % BINS] += magnitude * share;
}

/// The energy of the block whose lower right cell is (`bottom`, `right`), either of which may lie one past the end.
fn block_energy(energy: &[f64], cells: usize, bottom: usize, right: usize) -> f64 {
    let mut sum = 0.0;
    for y in bottom.saturating_sub(1)..(bottom + 1).min(cells) {
        for x in right.saturating_sub(1)..(right + 1).min(cells) {
            sum += energy[y * cells + x];
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hog(side: usize, cell: usize, f: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        let pixels: Vec<f64> = (0..side * side).map(|i| f(i / side, i % side)).collect();
        let mut out = Vec::new();
        append(&pixels, side, cell, &mut out);
        out
    }

    #[test]
    fn a_flat_image_has_no_gradient() {
        let out = hog(28, 7, |_, _| 0.7);
        assert_eq!(out.len(), 144);
        assert!(out.iter().all(|&v| v == 0.0));
    }

    #[test]
    fn a_ramp_votes_for_its_direction_only() {
        // The angle of a ramp along x is 0: halfway between the last and the first bin's centres.
        let along_x = hog(8, 8, |_, x| x as f64 / 8.0);
        assert!(along_x[0] > 0.1 && (along_x[0] - along_x[8]).abs() < 1e-12);
        assert!(along_x[1..8].iter().all(|&v| v.abs() < 1e-12));
        // Along y it is pi / 2, the centre of bin 4.
        let along_y = hog(8, 8, |y, _| y as f64 / 8.0);
        assert!(along_y[4] > 0.1);
        assert!(
            along_y
                .iter()
                .enumerate()
                .all(|(b, &v)| b == 4 || v.abs() < 1e-12)
        );
    }

    #[test]
    fn one_cell_has_the_value_of_the_formula() {
        // Gradients of 0.1 along y: 2 * 0.1 on 6 rows, 0.1 on the two border rows, 8 columns.
        let out = hog(8, 8, |y, _| y as f64 * 0.1);
        let h: f64 = 8.0 * (6.0 * 0.2 + 2.0 * 0.1);
        let wanted = h / (h * h + 0.64).sqrt();
        assert!(
            (out[4] - wanted).abs() < 1e-12,
            "{} against {wanted}",
            out[4]
        );
    }

    #[test]
    fn blocks_overlap_and_have_unit_length() {
        let f = |i: usize| ((i * 31 + i / 28 * 17) % 23) as f64 / 22.0;
        let pixels: Vec<f64> = (0..28 * 28).map(f).collect();
        let mut out = Vec::new();
        append_blocks(&pixels, 28, 7, &mut out);
        assert_eq!(out.len(), 3 * 3 * 4 * BINS);
        for block in out.chunks(4 * BINS) {
            let norm: f64 = block.iter().map(|v| v * v).sum();
            assert!((norm - 1.0).abs() < 1e-6, "{norm}");
        }
        // Below the cut a block is its cells' histograms times one factor.
        let raw = histograms(&pixels, 28, 7);
        for (block, corner) in [(0, 0), (4, 5), (8, 10)] {
            let block = &out[block * 4 * BINS..(block + 1) * 4 * BINS];
            let cells = [corner, corner + 1, corner + 4, corner + 5];
            let raw: Vec<f64> = cells.iter().flat_map(|&c| raw[c]).collect();
            let cut = 0.999 * block.iter().copied().fold(0.0, f64::max);
            let below = (0..4 * BINS).filter(|&i| block[i] < cut && raw[i] > 0.0);
            let factors: Vec<f64> = below.map(|i| block[i] / raw[i]).collect();
            assert!(factors.len() > 4, "{factors:?}");
            assert!(factors.iter().all(|f| (f / factors[0] - 1.0).abs() < 1e-9));
        }
        let mut flat = Vec::new();
        append_blocks(&[0.3; 64], 8, 4, &mut flat);
        assert!(flat.len() == 36 && flat.iter().all(|&v| v == 0.0));
    }

    #[test]
    fn unsigned_means_inverting_the_image_changes_nothing() {
        let f = |y: usize, x: usize| ((y * 31 + x * 17 + y * x * 7) % 23) as f64 / 22.0;
        let (a, b) = (hog(12, 4, f), hog(12, 4, |y, x| 1.0 - f(y, x)));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9));
        assert!(a.iter().all(|v| (0.0..=1.0).contains(v)));
    }
}
