//! AVX-512F: one register holds the eight lanes.

use std::arch::x86_64::*;

use super::lanes::{LANES, Lanes};

/// Exists in code that runs on AVX-512F only: nothing else is reached from the entry points below.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(__m512d);

// SAFETY (of all blocks here): the entry points carry the target feature and are called after it
// has been detected, and all methods are inlined into them. Loads and stores are of arrays of
// eight numbers.
impl Lanes for Avx512 {
    const HAS_MANY_REGISTERS: bool = true;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        Self(unsafe { _mm512_set1_pd(x) })
    }

    #[inline(always)]
    fn load(from: &[f64; LANES]) -> Self {
        Self(unsafe { _mm512_loadu_pd(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; LANES]) {
        unsafe { _mm512_storeu_pd(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self(unsafe { _mm512_add_pd(self.0, b.0) })
    }

    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        Self(unsafe { _mm512_sub_pd(self.0, b.0) })
    }

    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Self(unsafe { _mm512_mul_pd(self.0, b.0) })
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Self(unsafe { _mm512_fmadd_pd(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn mul_sub(self, b: Self, c: Self) -> Self {
        Self(unsafe { _mm512_fmsub_pd(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        Self(unsafe { _mm512_fnmadd_pd(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn round(self) -> Self {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        Self(unsafe { _mm512_roundscale_pd::<NEAREST>(self.0) })
    }

    #[inline(always)]
    fn round_half_away(self) -> Self {
        // Where rounding to even has gone half a unit towards zero, the next integer.
        let rounded = self.round();
        unsafe {
            let bits = _mm512_castpd_si512(self.0);
            let sign = _mm512_and_si512(bits, _mm512_castpd_si512(_mm512_set1_pd(-0.0)));
            let half = _mm512_or_si512(_mm512_castpd_si512(_mm512_set1_pd(0.5)), sign);
            let unit = _mm512_or_si512(_mm512_castpd_si512(_mm512_set1_pd(1.0)), sign);
            let rest = _mm512_sub_pd(self.0, rounded.0);
            let is_half = _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(rest, _mm512_castsi512_pd(half));
            let next = _mm512_add_pd(rounded.0, _mm512_castsi512_pd(unit));
            Self(_mm512_mask_blend_pd(is_half, rounded.0, next))
        }
    }

    #[inline(always)]
    fn load_permuted(from: &[f64; LANES], pattern: &[u8; LANES]) -> Self {
        unsafe {
            let lanes = _mm512_cvtepu8_epi64(_mm_cvtsi64_si128(i64::from_le_bytes(*pattern)));
            Self(_mm512_permutexvar_pd(lanes, Self::load(from).0))
        }
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        // Pairs of lanes, then even and odd quarters, twice. Written out: what is not a plain
        // sequence here may not be inlined, and then not be compiled for this instruction set.
        const EVEN: i32 = 0b10_00_10_00;
        const ODD: i32 = 0b11_01_11_01;
        macro_rules! unpacked {
            ($x:ident, $y:ident) => {
                (
                    _mm512_unpacklo_pd($x.0, $y.0),
                    _mm512_unpackhi_pd($x.0, $y.0),
                )
            };
        }
        macro_rules! quarters {
            ($which:ident: $($x:ident $y:ident),*) => {
                ($(_mm512_shuffle_f64x2::<$which>($x, $y)),*)
            };
        }
        let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
        unsafe {
            let (a0, b0) = unpacked!(r0, r1);
            let (a1, b1) = unpacked!(r2, r3);
            let (a2, b2) = unpacked!(r4, r5);
            let (a3, b3) = unpacked!(r6, r7);
            let (c0, c1) = quarters!(EVEN: a0 a1, a2 a3);
            let (d0, d1) = quarters!(ODD: a0 a1, a2 a3);
            let (e0, e1) = quarters!(EVEN: b0 b1, b2 b3);
            let (f0, f1) = quarters!(ODD: b0 b1, b2 b3);
            [
                Self(_mm512_shuffle_f64x2::<EVEN>(c0, c1)),
                Self(_mm512_shuffle_f64x2::<EVEN>(e0, e1)),
                Self(_mm512_shuffle_f64x2::<EVEN>(d0, d1)),
                Self(_mm512_shuffle_f64x2::<EVEN>(f0, f1)),
                Self(_mm512_shuffle_f64x2::<ODD>(c0, c1)),
                Self(_mm512_shuffle_f64x2::<ODD>(e0, e1)),
                Self(_mm512_shuffle_f64x2::<ODD>(d0, d1)),
                Self(_mm512_shuffle_f64x2::<ODD>(f0, f1)),
            ]
        }
    }
}

super::entry_points!(Avx512, "avx512f");
