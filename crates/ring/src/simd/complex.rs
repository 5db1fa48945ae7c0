//! Transforms of complex numbers, real and imaginary parts apart.
//!
//! Butterflies of Gentleman and Sande from large blocks to small ones, then bit reversal. No sum or product
//! is fused or reordered, so every instruction set gives the same bits. Two layers go together, blocks that
//! fit into the first-level cache one after another, and the last three layers with the bit reversal: eight
//! rows of eight neighbours, as far apart as possible, are transposed, and end up as eight rows again.

use super::lanes::{LANES, Lanes, numbers, numbers_mut};
use crate::buffer::Buffer;

/// The roots of unity of a transform.
pub(crate) struct ComplexRoots {
    /// Those of the layer with blocks of `2 half` from index `half` on: first all real parts, then all
    /// imaginary ones.
    parts: Buffer,
    slots: usize,
}

impl ComplexRoots {
    /// From one layer after another, the smallest blocks first.
    pub fn new(roots: impl ExactSizeIterator<Item = (f64, f64)>) -> Self {
        let slots = roots.len() + 1;
        assert!(slots.is_power_of_two() && slots > 1, "n - 1 roots");
        let mut parts = Buffer::zeroed(2 * slots);
        let (real, imaginary) = numbers_mut(&mut parts).split_at_mut(slots);
        for (i, (re, im)) in roots.enumerate() {
            (real[i + 1], imaginary[i + 1]) = (re, im);
        }
        Self { parts, slots }
    }

    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Real and imaginary parts; those of blocks of `2 half` begin at index `half`.
    #[inline(always)]
    pub fn parts(&self) -> (&[f64], &[f64]) {
        numbers(&self.parts).split_at(self.slots)
    }
}

/// The smallest transform of the vector kernel: eight rows of eight.
pub(crate) const SMALLEST: usize = LANES * LANES;
/// Larger blocks do not stay in the first-level cache.
const BLOCK: usize = 1 << 10;

/// Eight complex numbers.
#[derive(Clone, Copy)]
struct Complex<L> {
    re: L,
    im: L,
}

impl<L: Lanes> Complex<L> {
    #[inline(always)]
    fn load(re: &[f64], im: &[f64], at: usize) -> Self {
        Self {
            re: L::load(vector(re, at)),
            im: L::load(vector(im, at)),
        }
    }

    #[inline(always)]
    fn store(self, re: &mut [f64], im: &mut [f64], at: usize) {
        self.re.store(vector_mut(re, at));
        self.im.store(vector_mut(im, at));
    }

    /// The root at `at` in all lanes.
    #[inline(always)]
    fn splat((re, im): (&[f64], &[f64]), at: usize) -> Self {
        Self {
            re: L::splat(re[at]),
            im: L::splat(im[at]),
        }
    }

    /// `x + y` and `(x - y)` times the conjugate of the root.
    #[inline(always)]
    fn butterfly(x: Self, y: Self, root: Self) -> (Self, Self) {
        let sum = Self {
            re: x.re.add(y.re),
            im: x.im.add(y.im),
        };
        let (re, im) = (x.re.sub(y.re), x.im.sub(y.im));
        let product = Self {
            re: re.mul(root.re).add(im.mul(root.im)),
            im: im.mul(root.re).sub(re.mul(root.im)),
        };
        (sum, product)
    }
}

#[inline(always)]
fn vector(values: &[f64], at: usize) -> &[f64; LANES] {
    values[at..].first_chunk().expect("a whole vector")
}

#[inline(always)]
fn vector_mut(values: &mut [f64], at: usize) -> &mut [f64; LANES] {
    values[at..].first_chunk_mut().expect("a whole vector")
}

/// From slots to `scale` times the coefficients, rounded: the real parts become the first half of them.
#[inline(always)]
pub(crate) fn interpolate<L: Lanes>(
    real: &mut [f64],
    imaginary: &mut [f64],
    roots: &ComplexRoots,
    scale: f64,
) {
    let n = real.len();
    let roots = roots.parts();
    let mut block = n;
    if !(n / LANES).ilog2().is_multiple_of(2) {
        layer::<L>(real, imaginary, roots);
        block /= 2;
    }
    while block > BLOCK {
        two_layers::<L>(real, imaginary, roots, block);
        block /= 4;
    }
    let chunks = real.chunks_exact_mut(block);
    for (real, imaginary) in chunks.zip(imaginary.chunks_exact_mut(block)) {
        let mut block = block;
        while block > LANES {
            two_layers::<L>(real, imaginary, roots, block);
            block /= 4;
        }
    }
    last_layers::<L>(real, imaginary, roots, scale);
}

/// The first layer, of one block.
#[inline(always)]
fn layer<L: Lanes>(real: &mut [f64], imaginary: &mut [f64], roots: (&[f64], &[f64])) {
    let half = real.len() / 2;
    let roots = (&roots.0[half..2 * half], &roots.1[half..2 * half]);
    let (re0, re1) = real.split_at_mut(half);
    let (im0, im1) = imaginary.split_at_mut(half);
    for at in (0..half).step_by(LANES) {
        let root = Complex::<L>::load(roots.0, roots.1, at);
        let (x, y) = (Complex::load(re0, im0, at), Complex::load(re1, im1, at));
        let (x, y) = Complex::butterfly(x, y, root);
        x.store(re0, im0, at);
        y.store(re1, im1, at);
    }
}

/// The layers with blocks of this size and of half of it.
#[inline(always)]
fn two_layers<L: Lanes>(
    real: &mut [f64],
    imaginary: &mut [f64],
    (re, im): (&[f64], &[f64]),
    block: usize,
) {
    let quarter = block / 4;
    let of_halves = (&re[2 * quarter..4 * quarter], &im[2 * quarter..4 * quarter]);
    let of_quarters = (&re[quarter..2 * quarter], &im[quarter..2 * quarter]);
    let chunks = real.chunks_exact_mut(block);
    for (real, imaginary) in chunks.zip(imaginary.chunks_exact_mut(block)) {
        let (re01, re23) = real.split_at_mut(2 * quarter);
        let (re0, re1) = re01.split_at_mut(quarter);
        let (re2, re3) = re23.split_at_mut(quarter);
        let (im01, im23) = imaginary.split_at_mut(2 * quarter);
        let (im0, im1) = im01.split_at_mut(quarter);
        let (im2, im3) = im23.split_at_mut(quarter);
        for at in (0..quarter).step_by(LANES) {
            let root = Complex::<L>::load(of_halves.0, of_halves.1, at);
            let (x0, x2) = Complex::butterfly(
                Complex::load(re0, im0, at),
                Complex::load(re2, im2, at),
                root,
            );
            let root = Complex::load(of_halves.0, of_halves.1, quarter + at);
            let (x1, x3) = Complex::butterfly(
                Complex::load(re1, im1, at),
                Complex::load(re3, im3, at),
                root,
            );
            let root = Complex::load(of_quarters.0, of_quarters.1, at);
            let (x0, x1) = Complex::butterfly(x0, x1, root);
            x0.store(re0, im0, at);
            x1.store(re1, im1, at);
            let (x2, x3) = Complex::butterfly(x2, x3, root);
            x2.store(re2, im2, at);
            x3.store(re3, im3, at);
        }
    }
}

/// Eight rows of eight.
type Tile = [[f64; LANES]; LANES];

/// 0, 4, 2, 6, 1, 5, 3, 7.
#[inline(always)]
fn reversed(row: usize) -> usize {
    (row & 1) << 2 | (row & 2) | row >> 2
}

/// The layers with blocks of eight, four and two, bit reversal, and what comes after.
#[inline(always)]
fn last_layers<L: Lanes>(
    real: &mut [f64],
    imaginary: &mut [f64],
    roots: (&[f64], &[f64]),
    scale: f64,
) {
    let n = real.len();
    // Index i of a slot is 8 c + l within row t of n/8 slots; it goes to 8 rev(c) + rev(t) within row rev(l).
    // So the tiles of c and rev(c) change places.
    let bits = (n / SMALLEST).ilog2();
    let reversed_tile = |c: usize| match bits {
        0 => c,
        bits => c.reverse_bits() >> (usize::BITS - bits),
    };
    for c in 0..n / SMALLEST {
        let other = reversed_tile(c);
        if other < c {
            continue;
        }
        let (mut re, mut im) = ([[0.0; LANES]; LANES], [[0.0; LANES]; LANES]);
        tile::<L>((&*real, &*imaginary), c, roots, scale, (&mut re, &mut im));
        if other > c {
            let (mut re, mut im) = ([[0.0; LANES]; LANES], [[0.0; LANES]; LANES]);
            tile::<L>(
                (&*real, &*imaginary),
                other,
                roots,
                scale,
                (&mut re, &mut im),
            );
            put(real, c, &re);
            put(imaginary, c, &im);
        }
        put(real, other, &re);
        put(imaginary, other, &im);
    }
}

#[inline(always)]
fn put(values: &mut [f64], c: usize, tile: &Tile) {
    let stride = values.len() / LANES;
    for (row, from) in tile.iter().enumerate() {
        *vector_mut(values, row * stride + LANES * c) = *from;
    }
}

#[inline(always)]
fn tile<L: Lanes>(
    (real, imaginary): (&[f64], &[f64]),
    c: usize,
    roots: (&[f64], &[f64]),
    scale: f64,
    (re, im): (&mut Tile, &mut Tile),
) {
    let stride = real.len() / LANES;
    let zero = L::splat(0.0);
    let (mut rows_re, mut rows_im) = ([zero; LANES], [zero; LANES]);
    for row in 0..LANES {
        let at = reversed(row) * stride + LANES * c;
        (rows_re[row], rows_im[row]) = (L::load(vector(real, at)), L::load(vector(imaginary, at)));
    }
    let (rows_re, rows_im) = (L::transpose(rows_re), L::transpose(rows_im));
    let mut x = [Complex { re: zero, im: zero }; LANES];
    for l in 0..LANES {
        x[l] = Complex {
            re: rows_re[l],
            im: rows_im[l],
        };
    }
    for l in 0..4 {
        let root = Complex::splat(roots, 4 + l);
        (x[l], x[l + 4]) = Complex::butterfly(x[l], x[l + 4], root);
    }
    for l in 0..2 {
        let root = Complex::splat(roots, 2 + l);
        (x[l], x[l + 2]) = Complex::butterfly(x[l], x[l + 2], root);
        (x[l + 4], x[l + 6]) = Complex::butterfly(x[l + 4], x[l + 6], root);
    }
    let root = Complex::splat(roots, 1);
    for l in [0, 2, 4, 6] {
        (x[l], x[l + 1]) = Complex::butterfly(x[l], x[l + 1], root);
    }
    // A power of two, so this is exact.
    let share = L::splat(1.0 / real.len() as f64);
    let scale = L::splat(scale);
    for l in 0..LANES {
        finish(x[l].re, share, scale).store(&mut re[reversed(l)]);
        finish(x[l].im, share, scale).store(&mut im[reversed(l)]);
    }
}

/// Adding zero makes a zero of it that has no sign.
#[inline(always)]
fn finish<L: Lanes>(x: L, share: L, scale: L) -> L {
    x.mul(share).mul(scale).round_half_away().add(L::splat(0.0))
}
