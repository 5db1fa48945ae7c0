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
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        // Pairs of lanes, then even and odd quarters, twice.
        const EVEN: i32 = 0b10_00_10_00;
        const ODD: i32 = 0b11_01_11_01;
        let r = rows.map(|row| row.0);
        unsafe {
            let low = [0, 2, 4, 6].map(|i| _mm512_unpacklo_pd(r[i], r[i + 1]));
            let high = [0, 2, 4, 6].map(|i| _mm512_unpackhi_pd(r[i], r[i + 1]));
            let columns = |t: [__m512d; 4]| {
                let a = _mm512_shuffle_f64x2::<EVEN>(t[0], t[1]);
                let b = _mm512_shuffle_f64x2::<ODD>(t[0], t[1]);
                let c = _mm512_shuffle_f64x2::<EVEN>(t[2], t[3]);
                let d = _mm512_shuffle_f64x2::<ODD>(t[2], t[3]);
                [
                    _mm512_shuffle_f64x2::<EVEN>(a, c),
                    _mm512_shuffle_f64x2::<EVEN>(b, d),
                    _mm512_shuffle_f64x2::<ODD>(a, c),
                    _mm512_shuffle_f64x2::<ODD>(b, d),
                ]
            };
            let ([c0, c2, c4, c6], [c1, c3, c5, c7]) = (columns(low), columns(high));
            [c0, c1, c2, c3, c4, c5, c6, c7].map(Self)
        }
    }
}

super::entry_points!(Avx512, "avx512f");
