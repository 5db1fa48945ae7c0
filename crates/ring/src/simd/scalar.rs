//! One lane after another, with the hardware's fused multiply-add: the model of the vector
//! kernels, and what runs where there is FMA but no known vector unit.

use super::elementwise;
use super::lanes::{LANES, Lanes};

/// Eight numbers in an array.
#[derive(Clone, Copy)]
pub(crate) struct Scalar([f64; LANES]);

impl Scalar {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], b.0[i])))
    }

    #[inline(always)]
    fn zip3(self, b: Self, c: Self, f: impl Fn(f64, f64, f64) -> f64) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], b.0[i], c.0[i])))
    }
}

impl Lanes for Scalar {
    #[inline(always)]
    fn splat(x: f64) -> Self {
        Self([x; LANES])
    }

    #[inline(always)]
    fn load(from: &[f64; LANES]) -> Self {
        Self(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; LANES]) {
        *to = self.0;
    }

    elementwise!(
        zip:
        add(b) = |a, b| a + b;
        sub(b) = |a, b| a - b;
        mul(b) = |a, b| a * b;
    );
    elementwise!(
        zip3:
        mul_add(b, c) = f64::mul_add;
        mul_sub(b, c) = |a, b, c| a.mul_add(b, -c);
        neg_mul_add(b, c) = |a, b, c| (-a).mul_add(b, c);
    );

    #[inline(always)]
    fn round(self) -> Self {
        Self(self.0.map(f64::round_ties_even))
    }

    #[inline(always)]
    fn round_half_away(self) -> Self {
        Self(self.0.map(f64::round))
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        std::array::from_fn(|j| Self(std::array::from_fn(|i| rows[i].0[j])))
    }
}

#[cfg(target_arch = "x86_64")]
super::entry_points!(Scalar, "fma,sse4.1");
#[cfg(target_arch = "aarch64")]
super::entry_points!(Scalar, "neon");
// There it is compiled but never chosen: the fused multiply-add is done in software.
#[cfg(target_arch = "wasm32")]
super::entry_points!(Scalar, "simd128");
