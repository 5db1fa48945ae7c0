//! Transforms of complex numbers, real and imaginary parts apart, by the definition.

use crate::simd::complex::ComplexRoots;

/// From slots to `scale` times the coefficients, rounded.
pub(crate) fn interpolate(
    real: &mut [f64],
    imaginary: &mut [f64],
    roots: &ComplexRoots,
    scale: f64,
) {
    let n = real.len();
    let (roots_re, roots_im) = roots.parts();
    let mut half = n / 2;
    while half > 0 {
        for start in (0..n).step_by(2 * half) {
            for j in 0..half {
                let (low, high) = (start + j, start + half + j);
                let (re, im) = (real[low] - real[high], imaginary[low] - imaginary[high]);
                let (root_re, root_im) = (roots_re[half + j], roots_im[half + j]);
                real[low] += real[high];
                imaginary[low] += imaginary[high];
                real[high] = re * root_re + im * root_im;
                imaginary[high] = im * root_re - re * root_im;
            }
        }
        half /= 2;
    }
    // A power of two, so this is exact.
    let share = 1.0 / n as f64;
    for values in [real, imaginary] {
        let shift = usize::BITS - n.trailing_zeros();
        for i in 0..n {
            let j = i.reverse_bits() >> shift;
            if i < j {
                values.swap(i, j);
            }
        }
        for x in values {
            // Adding zero makes a zero of it that has no sign.
            *x = (*x * share * scale).round() + 0.0;
        }
    }
}
