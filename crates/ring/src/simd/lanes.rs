//! Eight numbers at a time, on whatever registers there are.
//!
//! All vector kernels are written once, over [`Lanes`]. Eight is the width of AVX-512; narrower
//! instruction sets put two or four registers side by side, which also hides latency. The layout
//! of tables and results is the same everywhere.

use crate::modulus::{Modulus, ROUNDING, Residue};

/// The number of lanes.
pub(crate) const LANES: usize = 8;

/// Eight `f64`, with the operations that the kernels need. Multiplications and additions round to
/// nearest and are fused exactly where the name says so.
pub(crate) trait Lanes: Copy {
    /// Whether there are registers for eight split sums and one takes no more than one.
    const HAS_MANY_REGISTERS: bool = false;
    /// The same number in all lanes.
    fn splat(x: f64) -> Self;
    /// From memory.
    fn load(from: &[f64; LANES]) -> Self;
    /// To memory.
    fn store(self, to: &mut [f64; LANES]);
    /// `self + b`.
    fn add(self, b: Self) -> Self;
    /// `self - b`.
    fn sub(self, b: Self) -> Self;
    /// `self b`.
    fn mul(self, b: Self) -> Self;
    /// `self b + c`, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self b - c`, rounded once.
    fn mul_sub(self, b: Self, c: Self) -> Self;
    /// `c - self b`, rounded once.
    fn neg_mul_add(self, b: Self, c: Self) -> Self;
    /// To the nearest integer, ties to even.
    fn round(self) -> Self;
    /// To the nearest integer, ties away from zero.
    fn round_half_away(self) -> Self;
    /// Lane j of vector i becomes lane i of vector j.
    fn transpose(rows: [Self; LANES]) -> [Self; LANES];
    /// From memory, the number at `pattern[i]` to lane i.
    #[inline(always)]
    fn load_permuted(from: &[f64; LANES], pattern: &[u8; LANES]) -> Self {
        let mut permuted = [0.0; LANES];
        for (to, &lane) in permuted.iter_mut().zip(pattern) {
            *to = from[lane as usize % LANES];
        }
        Self::load(&permuted)
    }
}

/// The two vectors of sixteen numbers in which each of those from index `at / repeats` on comes `repeats` times, a power of
/// two; `at` is a multiple of sixteen.
#[inline(always)]
pub(crate) fn load_repeated<L: Lanes, const REPEATS: usize>(from: &[f64], at: usize) -> [L; 2] {
    let from = &from[at / REPEATS..];
    match REPEATS {
        1 => {
            let chunk: &[f64; 2 * LANES] = from.first_chunk().expect("two vectors");
            let (chunks, _) = chunk.as_chunks::<LANES>();
            [L::load(&chunks[0]), L::load(&chunks[1])]
        }
        2 => {
            let chunk = from.first_chunk().expect("a vector");
            [
                L::load_permuted(chunk, &[0, 0, 1, 1, 2, 2, 3, 3]),
                L::load_permuted(chunk, &[4, 4, 5, 5, 6, 6, 7, 7]),
            ]
        }
        4 => {
            let [a, b, c, d] = *from.first_chunk().expect("four numbers");
            [
                L::load(&[a, a, a, a, b, b, b, b]),
                L::load(&[c, c, c, c, d, d, d, d]),
            ]
        }
        8 => [L::splat(from[0]), L::splat(from[1])],
        _ => [L::splat(from[0]); 2],
    }
}

/// What the kernels do with vectors of residues: real arithmetic, or bounds in its place.
pub(crate) trait Arithmetic: Copy {
    /// Whether a vector is one of many registers.
    const HAS_MANY_REGISTERS: bool;
    /// Eight residues, lazily reduced.
    type Vector: Copy;
    /// The same number in all lanes.
    fn splat(self, x: f64) -> Self::Vector;
    /// From memory.
    fn load(self, from: &[f64; LANES]) -> Self::Vector;
    /// To memory.
    fn store(self, x: Self::Vector, to: &mut [f64; LANES]);
    /// `a + b`, not reduced.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`, not reduced.
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a w` modulo p up to a multiple of p, `quotient` being `w / p` in all lanes.
    fn mul_by_constant(
        self,
        a: Self::Vector,
        w: Self::Vector,
        quotient: Self::Vector,
    ) -> Self::Vector;
    /// `a w` modulo p up to a multiple of p.
    fn mul(self, a: Self::Vector, w: Self::Vector) -> Self::Vector;
    /// The canonical residue of a number of at most 8 p.
    fn reduce(self, a: Self::Vector) -> Self::Vector;
    /// Lane j of vector i becomes lane i of vector j.
    fn transpose(self, rows: [Self::Vector; LANES]) -> [Self::Vector; LANES];
}

/// Arithmetic modulo a prime below 2^49 by fused multiply-add (van der Hoeven, Lecerf, Quintin,
/// 2016, section 3).
///
/// A quotient is rounded by adding and subtracting 1.5 * 2^52 in place of an instruction that rounds: the
/// addition comes with the product, so that only the sum is rounded. For |w| <= p / 2 and |a| = B p it is off
/// by at most 1/2 + eps B, with eps = p 2^-54 where w / p is given and p 2^-53 where it is not, as long as it
/// stays within 2^51, that is B <= 8. All magnitudes stay within 2^53, that is B <= 16, so `h - q p` and the
/// final sum are integers that an `f64` holds exactly.
#[derive(Clone, Copy)]
pub(crate) struct Modular<L> {
    p: L,
    inverse: L,
    /// [`ROUNDING`].
    rounding: L,
}

impl<L: Lanes> Modular<L> {
    #[inline(always)]
    pub fn new(modulus: Modulus) -> Self {
        Self {
            p: L::splat(modulus.to_f64()),
            inverse: L::splat(1.0 / modulus.to_f64()),
            rounding: L::splat(ROUNDING),
        }
    }

    /// The integer nearest to `a b`, which is at most 2^51 in magnitude.
    #[inline(always)]
    fn quotient(self, a: L, b: L) -> L {
        a.mul_add(b, self.rounding).sub(self.rounding)
    }

    /// Nearer to zero by a multiple of p: a number within 2^53 becomes one within p, a larger one of at most
    /// 2^126 loses fifty bits.
    #[inline(always)]
    pub fn reduce_large(self, a: L) -> L {
        a.mul(self.inverse).round().neg_mul_add(self.p, a)
    }
}

impl<L: Lanes> Arithmetic for Modular<L> {
    const HAS_MANY_REGISTERS: bool = L::HAS_MANY_REGISTERS;
    type Vector = L;

    #[inline(always)]
    fn splat(self, x: f64) -> L {
        L::splat(x)
    }

    #[inline(always)]
    fn load(self, from: &[f64; LANES]) -> L {
        L::load(from)
    }

    #[inline(always)]
    fn store(self, x: L, to: &mut [f64; LANES]) {
        x.store(to);
    }

    #[inline(always)]
    fn add(self, a: L, b: L) -> L {
        a.add(b)
    }

    #[inline(always)]
    fn sub(self, a: L, b: L) -> L {
        a.sub(b)
    }

    #[inline(always)]
    fn mul_by_constant(self, a: L, w: L, quotient: L) -> L {
        let high = a.mul(w);
        let low = a.mul_sub(w, high);
        let q = self.quotient(a, quotient);
        q.neg_mul_add(self.p, high).add(low)
    }

    #[inline(always)]
    fn mul(self, a: L, w: L) -> L {
        let high = a.mul(w);
        let low = a.mul_sub(w, high);
        let q = self.quotient(high, self.inverse);
        q.neg_mul_add(self.p, high).add(low)
    }

    #[inline(always)]
    fn reduce(self, a: L) -> L {
        // Where the result is zero the sum is one of opposite numbers, so it is +0.0.
        self.quotient(a, self.inverse).neg_mul_add(self.p, a)
    }

    #[inline(always)]
    fn transpose(self, rows: [L; LANES]) -> [L; LANES] {
        L::transpose(rows)
    }
}

/// Residues as the numbers that they are.
#[inline(always)]
pub(crate) fn numbers(residues: &[Residue]) -> &[f64] {
    // SAFETY: a residue is a transparent wrapper of an f64.
    unsafe { std::slice::from_raw_parts(residues.as_ptr().cast(), residues.len()) }
}

/// Residues as the numbers that they are. The caller leaves canonical residues behind.
#[inline(always)]
pub(crate) fn numbers_mut(residues: &mut [Residue]) -> &mut [f64] {
    // SAFETY: a residue is a transparent wrapper of an f64, and the borrow is exclusive.
    unsafe { std::slice::from_raw_parts_mut(residues.as_mut_ptr().cast(), residues.len()) }
}
