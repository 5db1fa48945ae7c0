//! NEON: four registers of two lanes. Fused multiply-add is part of every aarch64.

use std::arch::aarch64::*;

use super::elementwise;
use super::lanes::{LANES, Lanes};

/// Eight lanes in four registers.
#[derive(Clone, Copy)]
pub(crate) struct Neon([float64x2_t; 4]);

impl Neon {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(float64x2_t, float64x2_t) -> float64x2_t) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], b.0[i])))
    }

    #[inline(always)]
    fn zip3(
        self,
        b: Self,
        c: Self,
        f: impl Fn(float64x2_t, float64x2_t, float64x2_t) -> float64x2_t,
    ) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], b.0[i], c.0[i])))
    }
}

// SAFETY (of all blocks here): the entry points carry the target feature, which every aarch64 has,
// and all methods are inlined into them. Loads and stores are of quarters of arrays of eight.
impl Lanes for Neon {
    #[inline(always)]
    fn splat(x: f64) -> Self {
        Self([unsafe { vdupq_n_f64(x) }; 4])
    }

    #[inline(always)]
    fn load(from: &[f64; LANES]) -> Self {
        Self(std::array::from_fn(|i| unsafe {
            vld1q_f64(from.as_ptr().add(2 * i))
        }))
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; LANES]) {
        for (i, x) in self.0.into_iter().enumerate() {
            unsafe { vst1q_f64(to.as_mut_ptr().add(2 * i), x) }
        }
    }

    elementwise!(
        zip:
        add(b) = |a, b| unsafe { vaddq_f64(a, b) };
        sub(b) = |a, b| unsafe { vsubq_f64(a, b) };
        mul(b) = |a, b| unsafe { vmulq_f64(a, b) };
    );
    elementwise!(
        zip3:
        mul_add(b, c) = |a, b, c| unsafe { vfmaq_f64(c, a, b) };
        mul_sub(b, c) = |a, b, c| unsafe { vfmaq_f64(vnegq_f64(c), a, b) };
        neg_mul_add(b, c) = |a, b, c| unsafe { vfmsq_f64(c, a, b) };
    );

    #[inline(always)]
    fn round(self) -> Self {
        Self(self.0.map(|a| unsafe { vrndnq_f64(a) }))
    }

    #[inline(always)]
    fn round_half_away(self) -> Self {
        Self(self.0.map(|a| unsafe { vrndaq_f64(a) }))
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        // Sixteen blocks of two by two.
        std::array::from_fn(|j| {
            Self(std::array::from_fn(|i| unsafe {
                let (a, b) = (rows[2 * i].0[j / 2], rows[2 * i + 1].0[j / 2]);
                match j % 2 {
                    0 => vtrn1q_f64(a, b),
                    _ => vtrn2q_f64(a, b),
                }
            }))
        })
    }
}

super::entry_points!(Neon, "neon");
