//! AVX2 with FMA: two registers of four lanes.

use std::arch::x86_64::*;

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

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        self.zip(b, |a, b| unsafe { _mm256_add_pd(a, b) })
    }

    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self.zip(b, |a, b| unsafe { _mm256_sub_pd(a, b) })
    }

    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self.zip(b, |a, b| unsafe { _mm256_mul_pd(a, b) })
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        self.zip3(b, c, |a, b, c| unsafe { _mm256_fmadd_pd(a, b, c) })
    }

    #[inline(always)]
    fn mul_sub(self, b: Self, c: Self) -> Self {
        self.zip3(b, c, |a, b, c| unsafe { _mm256_fmsub_pd(a, b, c) })
    }

    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        self.zip3(b, c, |a, b, c| unsafe { _mm256_fnmadd_pd(a, b, c) })
    }

    #[inline(always)]
    fn round(self) -> Self {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        Self(self.0.map(|a| unsafe { _mm256_round_pd::<NEAREST>(a) }))
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        // Four quarters of four by four.
        let quarter = |rows: [__m256d; 4]| unsafe {
            let low = [0, 2].map(|i| _mm256_unpacklo_pd(rows[i], rows[i + 1]));
            let high = [0, 2].map(|i| _mm256_unpackhi_pd(rows[i], rows[i + 1]));
            [
                _mm256_permute2f128_pd::<0x20>(low[0], low[1]),
                _mm256_permute2f128_pd::<0x20>(high[0], high[1]),
                _mm256_permute2f128_pd::<0x31>(low[0], low[1]),
                _mm256_permute2f128_pd::<0x31>(high[0], high[1]),
            ]
        };
        let part =
            |first: usize, half: usize| quarter([0, 1, 2, 3].map(|i| rows[first + i].0[half]));
        let (upper_left, upper_right) = (part(0, 0), part(0, 1));
        let (lower_left, lower_right) = (part(4, 0), part(4, 1));
        std::array::from_fn(|j| {
            Self(match j {
                0..4 => [upper_left[j], lower_left[j]],
                _ => [upper_right[j - 4], lower_right[j - 4]],
            })
        })
    }
}

super::entry_points!(Avx2, "avx2,fma");
