//! AVX2 with FMA: two registers of four lanes.

use std::arch::x86_64::*;

use super::elementwise;
use super::lanes::{LANES, Lanes};

/// Exists in code that runs on AVX2 and FMA only: nothing else is reached from the entry points
/// below.
#[derive(Clone, Copy)]
pub(crate) struct Avx2([__m256d; 2]);

impl Avx2 {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(__m256d, __m256d) -> __m256d) -> Self {
        Self([f(self.0[0], b.0[0]), f(self.0[1], b.0[1])])
    }

    #[inline(always)]
    fn zip3(self, b: Self, c: Self, f: impl Fn(__m256d, __m256d, __m256d) -> __m256d) -> Self {
        Self([f(self.0[0], b.0[0], c.0[0]), f(self.0[1], b.0[1], c.0[1])])
    }
}

// SAFETY (of all blocks here): the entry points carry the target features and are called after
// they have been detected, and all methods are inlined into them. Loads and stores are of halves
// of arrays of eight numbers.
impl Lanes for Avx2 {
    #[inline(always)]
    fn splat(x: f64) -> Self {
        Self([unsafe { _mm256_set1_pd(x) }; 2])
    }

    #[inline(always)]
    fn load(from: &[f64; LANES]) -> Self {
        Self(unsafe {
            [
                _mm256_loadu_pd(from.as_ptr()),
                _mm256_loadu_pd(from.as_ptr().add(4)),
            ]
        })
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; LANES]) {
        unsafe {
            _mm256_storeu_pd(to.as_mut_ptr(), self.0[0]);
            _mm256_storeu_pd(to.as_mut_ptr().add(4), self.0[1]);
        }
    }

    elementwise!(
        zip:
        add(b) = |a, b| unsafe { _mm256_add_pd(a, b) };
        sub(b) = |a, b| unsafe { _mm256_sub_pd(a, b) };
        mul(b) = |a, b| unsafe { _mm256_mul_pd(a, b) };
    );
    elementwise!(
        zip3:
        mul_add(b, c) = |a, b, c| unsafe { _mm256_fmadd_pd(a, b, c) };
        mul_sub(b, c) = |a, b, c| unsafe { _mm256_fmsub_pd(a, b, c) };
        neg_mul_add(b, c) = |a, b, c| unsafe { _mm256_fnmadd_pd(a, b, c) };
    );

    #[inline(always)]
    fn round(self) -> Self {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        Self(unsafe {
            [
                _mm256_round_pd::<NEAREST>(self.0[0]),
                _mm256_round_pd::<NEAREST>(self.0[1]),
            ]
        })
    }

    #[inline(always)]
    fn round_half_away(self) -> Self {
        Self([round_half_away(self.0[0]), round_half_away(self.0[1])])
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        // Four quarters of four by four. Written out: what is not a plain sequence here may not be
        // inlined, and then not be compiled for this instruction set.
        let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
        let [a0, a1, a2, a3] = transpose_quarter(r0.0[0], r1.0[0], r2.0[0], r3.0[0]);
        let [b0, b1, b2, b3] = transpose_quarter(r0.0[1], r1.0[1], r2.0[1], r3.0[1]);
        let [c0, c1, c2, c3] = transpose_quarter(r4.0[0], r5.0[0], r6.0[0], r7.0[0]);
        let [d0, d1, d2, d3] = transpose_quarter(r4.0[1], r5.0[1], r6.0[1], r7.0[1]);
        [
            Self([a0, c0]),
            Self([a1, c1]),
            Self([a2, c2]),
            Self([a3, c3]),
            Self([b0, d0]),
            Self([b1, d1]),
            Self([b2, d2]),
            Self([b3, d3]),
        ]
    }
}

/// Where rounding to even has gone half a unit towards zero, the next integer.
#[inline(always)]
fn round_half_away(x: __m256d) -> __m256d {
    // SAFETY: as above.
    unsafe {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        let sign = _mm256_and_pd(x, _mm256_set1_pd(-0.0));
        let rounded = _mm256_round_pd::<NEAREST>(x);
        let half = _mm256_or_pd(_mm256_set1_pd(0.5), sign);
        let is_half = _mm256_cmp_pd::<_CMP_EQ_OQ>(_mm256_sub_pd(x, rounded), half);
        let unit = _mm256_or_pd(_mm256_set1_pd(1.0), sign);
        _mm256_add_pd(rounded, _mm256_and_pd(is_half, unit))
    }
}

#[inline(always)]
fn transpose_quarter(r0: __m256d, r1: __m256d, r2: __m256d, r3: __m256d) -> [__m256d; 4] {
    // SAFETY: as above.
    unsafe {
        let (a0, b0) = (_mm256_unpacklo_pd(r0, r1), _mm256_unpackhi_pd(r0, r1));
        let (a1, b1) = (_mm256_unpacklo_pd(r2, r3), _mm256_unpackhi_pd(r2, r3));
        [
            _mm256_permute2f128_pd::<0x20>(a0, a1),
            _mm256_permute2f128_pd::<0x20>(b0, b1),
            _mm256_permute2f128_pd::<0x31>(a0, a1),
            _mm256_permute2f128_pd::<0x31>(b0, b1),
        ]
    }
}

super::entry_points!(Avx2, "avx2,fma");
