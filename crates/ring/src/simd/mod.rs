//! The inner loops, one function each over limbs of residues, for several instruction sets.
//!
//! Every function returns canonical residues, so all kernels give the same bits. [`portable`] uses
//! 64-bit integers and runs everywhere. The others are written once, over eight virtual
//! [`lanes`], and compiled for each instruction set with fused multiply-add.

// The only unsafe code of the project: intrinsics, and calls into code for a detected CPU.
#![allow(unsafe_code)]
// Features of a WebAssembly module are checked as a whole before it runs.
#![cfg_attr(target_arch = "wasm32", allow(unused_unsafe))]

mod accumulate;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod complex;
mod environment;
mod kernel;
mod lanes;
#[cfg(feature = "constant-time")]
pub mod memcheck;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pointwise;
mod portable;
mod product;
mod scalar;
mod transform;

use crate::modulus::{Modulus, Residue};

pub(crate) use complex::ComplexRoots;
pub(crate) use environment::rounding_to_nearest;
use kernel::InstructionSet;
pub(crate) use kernel::VectorSet;
pub use kernel::{Kernel, KernelError};
pub(crate) use lanes::{LANES, numbers, numbers_mut};
pub(crate) use portable::Tables as PortableTables;
pub(crate) use product::{ROWS, Row, Schedule};
pub(crate) use transform::{SMALLEST as SMALLEST_VECTOR_TRANSFORM, Tables as VectorTables};

/// Methods of [`lanes::Lanes`] that do the same in every register of a vector: `$zip` of the type
/// puts two or three together.
macro_rules! elementwise {
    ($zip:ident: $($name:ident($($arg:ident),*) = $of_registers:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: Self),*) -> Self {
            self.$zip($($arg,)* $of_registers)
        }
    )*};
}
use elementwise;

/// Every kernel as a function of one instruction set.
macro_rules! entry_points {
    ($lanes:ty, $features:literal) => {
        super::entry_points! {
            $lanes, $features,
            pointwise::add_assign(a: &mut [Residue], b: &[Residue]);
            pointwise::sub_assign(a: &mut [Residue], b: &[Residue]);
            pointwise::mul_assign(a: &mut [Residue], b: &[Residue]);
            pointwise::neg_assign(a: &mut [Residue]);
            pointwise::add_constant(a: &mut [Residue], c: Residue);
            pointwise::scale_assign(a: &mut [Residue], c: Residue);
            pointwise::add_scaled_assign(a: &mut [Residue], b: &[Residue], c: Residue);
            pointwise::sub_scale_assign(a: &mut [Residue], b: &[Residue], c: Residue);
            pointwise::round_weighted(out: &mut [Residue], rows: &[&[Residue]], inverses: &[f64]);
            pointwise::reduce_integers(out: &mut [Residue], integers: &[Residue], steps: usize);
            pointwise::permute(
                out: &mut [Residue],
                limb: &[Residue],
                blocks: &[u32],
                patterns: &[[u8; super::lanes::LANES]]
            );
            accumulate::inner_product(out: &mut [Residue], terms: &[(&[Residue], &[Residue])]);
            accumulate::inner_product_pair(
                first: &mut [Residue],
                second: &mut [Residue],
                terms: &[(&[Residue], &[Residue], &[Residue])],
                repeats: usize
            );
            accumulate::tensor_product(
                out: [&mut [Residue]; 3],
                terms: &[[&[Residue]; 4]]
            );
            accumulate::combine(out: &mut [Residue], rows: &[&[Residue]], weights: &[Residue]);
            product::multiply(
                out: &mut [&mut [Residue]],
                a: &[Vec<super::Row>],
                b: &[&[[f64; super::lanes::LANES]]],
                schedule: super::Schedule,
                is_first: bool
            );
            transform::forward_residues(tables: &super::VectorTables, data: &mut [Residue]);
            transform::inverse_residues(tables: &super::VectorTables, data: &mut [Residue]);
        }
        /// [`complex::interpolate`](super::complex::interpolate).
        #[target_feature(enable = $features)]
        pub(super) fn interpolate(
            real: &mut [f64],
            imaginary: &mut [f64],
            roots: &super::ComplexRoots,
            scale: f64,
        ) {
            super::complex::interpolate::<$lanes>(real, imaginary, roots, scale);
        }
    };
    ($lanes:ty, $features:literal,
     $($module:ident::$name:ident($($arg:ident: $type:ty),*);)*) => {
        use $crate::modulus::Residue;
        $(
            #[target_feature(enable = $features)]
            pub(super) fn $name(modulus: $crate::modulus::Modulus, $($arg: $type),*) {
                super::$module::$name(super::lanes::Modular::<$lanes>::new(modulus), $($arg),*);
            }
        )*
    };
}
use entry_points;

/// Calls a function of the module of an instruction set.
macro_rules! on_vectors {
    ($set:expr, $name:ident($($arg:expr),*)) => {
        // SAFETY: a set is named only where it was found on this machine.
        match $set {
            VectorSet::Scalar => unsafe { scalar::$name($($arg),*) },
            #[cfg(target_arch = "x86_64")]
            VectorSet::Avx2 => unsafe { avx2::$name($($arg),*) },
            #[cfg(target_arch = "x86_64")]
            VectorSet::Avx512 => unsafe { avx512::$name($($arg),*) },
            #[cfg(target_arch = "aarch64")]
            VectorSet::Neon => unsafe { neon::$name($($arg),*) },
        }
    };
}

/// Hands a call to the implementation of a kernel.
macro_rules! dispatch {
    ($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*)) => {
        $(#[$doc])*
        pub(crate) fn $name(kernel: Kernel, modulus: Modulus, $($arg: $type),*) {
            rounding_to_nearest(|| match kernel.instruction_set() {
                InstructionSet::Portable => portable::$name(modulus, $($arg),*),
                InstructionSet::Vector(set) => on_vectors!(set, $name(modulus, $($arg),*)),
            })
        }
    };
}

dispatch!(
    /// `a[k] += b[k]`.
    add_assign(a: &mut [Residue], b: &[Residue])
);
dispatch!(
    /// `a[k] -= b[k]`.
    sub_assign(a: &mut [Residue], b: &[Residue])
);
dispatch!(
    /// `a[k] *= b[k]`.
    mul_assign(a: &mut [Residue], b: &[Residue])
);
dispatch!(
    /// `a[k] = -a[k]`.
    neg_assign(a: &mut [Residue])
);
dispatch!(
    /// `a[k] += c`.
    add_constant(a: &mut [Residue], c: Residue)
);
dispatch!(
    /// `a[k] *= c`.
    scale_assign(a: &mut [Residue], c: Residue)
);
dispatch!(
    /// `a[k] += b[k] c`.
    add_scaled_assign(a: &mut [Residue], b: &[Residue], c: Residue)
);
dispatch!(
    /// `a[k] = (a[k] - b[k]) c`.
    sub_scale_assign(a: &mut [Residue], b: &[Residue], c: Residue)
);
dispatch!(
    /// Block k of eight residues of `out` is block `blocks[k] / 8` of `limb`, permuted: its residue
    /// i is the one at `patterns[blocks[k] % 8][i]`.
    permute(
        out: &mut [Residue],
        limb: &[Residue],
        blocks: &[u32],
        patterns: &[[u8; lanes::LANES]]
    )
);
dispatch!(
    /// `out[k] = sum over i of terms[i].0[k] * terms[i].1[k]`; at most 2^10 terms.
    inner_product(out: &mut [Residue], terms: &[(&[Residue], &[Residue])])
);
dispatch!(
    /// [`inner_product`] of the first factors with the second, into `first`, and with the third,
    /// into `second`. Each residue of a first factor stands for so many in a row, a power of two.
    inner_product_pair(
        first: &mut [Residue],
        second: &mut [Residue],
        terms: &[(&[Residue], &[Residue], &[Residue])],
        repeats: usize
    )
);
dispatch!(
    /// The coefficients of the sum of products of linear polynomials
    /// `(a0 + a1 s) (b0 + b1 s)`, given as `[a0, a1, b0, b1]`; at most 2^9 terms.
    tensor_product(out: [&mut [Residue]; 3], terms: &[[&[Residue]; 4]])
);
dispatch!(
    /// `out[k] = sum over i of rows[i][k] * weights[i]`; at most 2^10 rows. The rows may hold
    /// residues of other moduli: what counts is their centred representatives.
    combine(out: &mut [Residue], rows: &[&[Residue]], weights: &[Residue])
);

dispatch!(
    /// `out[i][j] = sum over k of a[i, k] b[k, j]`, added to what is there unless it is the first block of k; at
    /// most 2^10 terms. `a` holds groups of [`ROWS`] rows, `b` blocks of eight columns, each k after k.
    multiply(
        out: &mut [&mut [Residue]],
        a: &[Vec<Row>],
        b: &[&[[f64; LANES]]],
        schedule: Schedule,
        is_first: bool
    )
);
dispatch!(
    /// `out[k] = rint(sum over i of rows[i][k] * inverses[i])`, which is below 2^51 in magnitude;
    /// products and sums are rounded one by one, so that all kernels agree.
    round_weighted(out: &mut [Residue], rows: &[&[Residue]], inverses: &[f64])
);

dispatch!(
    /// `out[k]` becomes the residue of `integers[k]`, which is a whole number below 2^126 and of no modulus. Two
    /// steps are enough below 2^50 p, four always.
    reduce_integers(out: &mut [Residue], integers: &[Residue], steps: usize)
);

/// From slots to `scale` times the coefficients, rounded, ties away from zero, in place.
pub(crate) fn interpolate(
    kernel: Kernel,
    real: &mut [f64],
    imaginary: &mut [f64],
    roots: &ComplexRoots,
    scale: f64,
) {
    rounding_to_nearest(|| match kernel.instruction_set() {
        InstructionSet::Vector(set) if real.len() >= complex::SMALLEST => {
            on_vectors!(set, interpolate(real, imaginary, roots, scale));
        }
        _ => portable::interpolate(real, imaginary, roots, scale),
    });
}

/// Coefficients to values, in place.
pub(crate) fn forward(set: VectorSet, m: Modulus, tables: &VectorTables, data: &mut [Residue]) {
    rounding_to_nearest(|| on_vectors!(set, forward_residues(m, tables, data)));
}

/// Values to coefficients, in place.
pub(crate) fn inverse(set: VectorSet, m: Modulus, tables: &VectorTables, data: &mut [Residue]) {
    rounding_to_nearest(|| on_vectors!(set, inverse_residues(m, tables, data)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primes;
    use proptest::prelude::*;

    /// Limbs of random residues of which many are the largest, the smallest or zero.
    fn limbs(
        modulus: Modulus,
        count: usize,
        len: usize,
    ) -> impl Strategy<Value = Vec<Vec<Residue>>> {
        let half = (modulus.value() as i64 - 1) / 2;
        let residue = prop_oneof![
            3 => any::<i64>().prop_map(move |x| modulus.reduce(x)),
            1 => prop::sample::select(vec![half, -half, half - 1, 0, 1, -1])
                .prop_map(move |x| modulus.reduce(x)),
        ];
        prop::collection::vec(prop::collection::vec(residue, len), count)
    }

    fn moduli() -> Vec<Modulus> {
        [13, 20, 30, 36, 40, 48, 49]
            .into_iter()
            .flat_map(|bits| primes::near(2f64.powi(bits), 4).take(2))
            .collect()
    }

    fn bits(limb: &[Residue]) -> Vec<u64> {
        limb.iter().map(|x| x.as_f64().to_bits()).collect()
    }

    /// Runs `work` on copies of `limb` with every kernel and compares bit for bit.
    fn agree(limb: &[Residue], work: impl Fn(Kernel, &mut [Residue])) {
        let run = |kernel| {
            let mut copy = limb.to_vec();
            work(kernel, &mut copy);
            bits(&copy)
        };
        let expected = run(Kernel::PORTABLE);
        for kernel in Kernel::available() {
            assert_eq!(run(kernel), expected, "{kernel:?}");
        }
    }

    fn check_pointwise(m: Modulus, limbs: &[Vec<Residue>]) {
        let (a, b, c) = (&limbs[0], &limbs[1], limbs[2][0]);
        agree(a, |kernel, a| add_assign(kernel, m, a, b));
        agree(a, |kernel, a| sub_assign(kernel, m, a, b));
        agree(a, |kernel, a| mul_assign(kernel, m, a, b));
        agree(a, |kernel, a| neg_assign(kernel, m, a));
        agree(a, |kernel, a| add_constant(kernel, m, a, c));
        agree(a, |kernel, a| scale_assign(kernel, m, a, c));
        agree(a, |kernel, a| add_scaled_assign(kernel, m, a, b, c));
        agree(a, |kernel, a| sub_scale_assign(kernel, m, a, b, c));
    }

    fn check_integers(m: Modulus, limb: &[Residue]) {
        for (factor, steps) in [(1.0, 2), (2f64.powi(49), 2), (2f64.powi(76), 4)] {
            let mut integers = limb.to_vec();
            for x in numbers_mut(&mut integers) {
                *x = *x * factor + 0.0;
            }
            agree(limb, |kernel, out| {
                reduce_integers(kernel, m, out, &integers, steps)
            });
        }
    }

    fn check_permutations(m: Modulus, limb: &[Residue]) {
        // All blocks backwards, by two patterns.
        let patterns = [[3, 1, 4, 0, 5, 7, 2, 6], [7, 6, 5, 4, 3, 2, 1, 0]];
        let count = limb.len() as u32 / 8;
        let blocks: Vec<u32> = (0..count).map(|k| (count - 1 - k) * 8 + k % 2).collect();
        agree(limb, |kernel, out| {
            permute(kernel, m, out, limb, &blocks, &patterns)
        });
    }

    fn check_sums(m: Modulus, limbs: &[Vec<Residue>], weights: &[Residue]) {
        let zero = vec![Residue::ZERO; limbs[0].len()];
        let rows: Vec<&[Residue]> = limbs.iter().map(Vec::as_slice).collect();
        let terms: Vec<_> = rows
            .iter()
            .copied()
            .zip(rows.iter().rev().copied())
            .collect();
        let inverses: Vec<f64> = rows.iter().map(|_| 1.0 / m.to_f64()).collect();
        agree(&zero, |kernel, out| inner_product(kernel, m, out, &terms));
        let triples: Vec<_> = terms.iter().map(|&(a, b)| (a, b, a)).collect();
        for half in 0..2 {
            agree(&zero, |kernel, out| {
                let mut other = out.to_vec();
                match half {
                    0 => inner_product_pair(kernel, m, out, &mut other, &triples, 1),
                    _ => inner_product_pair(kernel, m, &mut other, out, &triples, 1),
                }
            });
        }
        for repeats in [2, 4, 8, 16, 32] {
            let short = |a: &'_ [Residue]| a[..a.len() / repeats].to_vec();
            let short: Vec<_> = terms.iter().map(|&(a, _)| short(a)).collect();
            let long = |a: &Vec<Residue>| a.iter().flat_map(|&x| vec![x; repeats]).collect();
            let long: Vec<Vec<Residue>> = short.iter().map(long).collect();
            let with = |factors: &'_ [Vec<Residue>], repeats| {
                let triples: Vec<_> = factors
                    .iter()
                    .zip(&terms)
                    .map(|(factor, &(a, b))| (&factor[..], b, a))
                    .collect();
                let mut outs = [zero.clone(), zero.clone()];
                agree(&zero, |kernel, out| {
                    let [_, other] = &mut outs.clone();
                    inner_product_pair(kernel, m, out, other, &triples, repeats);
                });
                let [x, y] = &mut outs;
                inner_product_pair(Kernel::selected(), m, x, y, &triples, repeats);
                outs.map(|out| bits(&out))
            };
            assert_eq!(with(&short, repeats), with(&long, 1), "{repeats} repeats");
        }
        let pairs: Vec<_> = terms.iter().map(|&(a, b)| [a, b, b, rows[0]]).collect();
        for third in 0..3 {
            agree(&zero, |kernel, out| {
                let (mut x, mut y) = (out.to_vec(), out.to_vec());
                let mut outs = [&mut x[..], &mut y[..]].into_iter();
                let mut next = || outs.next().expect("two others");
                let outs = match third {
                    0 => [out, next(), next()],
                    1 => [next(), out, next()],
                    _ => [next(), next(), out],
                };
                tensor_product(kernel, m, outs, &pairs);
            });
        }
        agree(&zero, |kernel, out| combine(kernel, m, out, &rows, weights));
        agree(&zero, |kernel, out| {
            round_weighted(kernel, m, out, &rows, &inverses)
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn kernels_agree_bit_for_bit(
            (m, limbs) in prop::sample::select(moduli()).prop_flat_map(|m| (Just(m), limbs(m, 3, 48)))
        ) {
            check_pointwise(m, &limbs);
            check_permutations(m, &limbs[0]);
            check_integers(m, &limbs[0]);
        }

        #[test]
        fn sums_agree_bit_for_bit(
            (m, limbs) in (prop::sample::select(moduli()), 1usize..40)
                .prop_flat_map(|(m, count)| (Just(m), limbs(m, count, 32)))
        ) {
            let weights: Vec<_> = limbs.iter().map(|limb| limb[0]).collect();
            check_sums(m, &limbs, &weights);
        }

        #[test]
        fn transforms_agree_bit_for_bit(
            (log_n, limb) in (4u32..=11).prop_flat_map(|log_n| {
                let modulus = primes::near(2f64.powi(49), log_n).next().unwrap();
                (Just(log_n), limbs(modulus, 1, 1 << log_n))
            })
        ) {
            let modulus = primes::near(2f64.powi(49), log_n).next().unwrap();
            let table = |kernel| crate::NttTable::for_kernel(kernel, modulus, log_n);
            agree(&limb[0], |kernel, limb| table(kernel).forward(limb));
            agree(&limb[0], |kernel, limb| table(kernel).inverse(limb));
        }
    }

    #[test]
    fn the_worst_cases_of_every_prime() {
        for m in moduli() {
            let half = (m.value() as i64 - 1) / 2;
            for (x, y) in [
                (half, half),
                (half, -half),
                (-half, -half),
                (half, half - 1),
            ] {
                let limb = |x| vec![m.reduce(x); 32];
                check_pointwise(m, &[limb(x), limb(y), limb(y)]);
                check_integers(m, &limb(x));
                // As many terms as are summed between two reductions, and more than once that.
                for count in [1, 15, 16, 17, 32, 100] {
                    check_sums(m, &vec![limb(x); count], &vec![m.reduce(y); count]);
                }
            }
        }
    }

    #[test]
    fn transforms_of_every_size_agree() {
        for log_n in 4..=17 {
            for power in [30, 49] {
                let modulus = primes::near(2f64.powi(power), log_n).next().unwrap();
                let limb: Vec<_> = (0..1i64 << log_n)
                    .map(|i| modulus.reduce(i.wrapping_mul(0x9e37_79b9_7f4a_7c15u64 as i64)))
                    .collect();
                let table = |kernel| crate::NttTable::for_kernel(kernel, modulus, log_n);
                agree(&limb, |kernel, limb| table(kernel).forward(limb));
                agree(&limb, |kernel, limb| table(kernel).inverse(limb));
            }
        }
    }

    /// Bits of whole numbers or halves, of the magnitudes that scaled coefficients have.
    fn interpolated(kernel: Kernel, n: usize, seed: i64, scale: f64) -> Vec<u64> {
        let root = |i: usize| (1.0 + i as f64).sin_cos();
        let roots = ComplexRoots::new((0..n - 1).map(root));
        let value = |i: usize| (i as i64 * seed % 1009) as f64 / 64.0;
        let mut real: Vec<_> = (0..n).map(value).collect();
        let mut imaginary: Vec<_> = (n..2 * n).map(value).collect();
        interpolate(kernel, &mut real, &mut imaginary, &roots, scale);
        let values = real.iter().chain(&imaginary);
        values.map(|x| x.to_bits()).collect()
    }

    #[test]
    fn interpolations_agree_bit_for_bit() {
        for log_n in 1..=16 {
            for (seed, scale) in [
                (7919, 1.0),
                (-31, 2f64.powi(40)),
                (0, 3.0),
                (5, 2f64.powi(90)),
            ] {
                let expected = interpolated(Kernel::PORTABLE, 1 << log_n, seed, scale);
                for kernel in Kernel::available() {
                    let found = interpolated(kernel, 1 << log_n, seed, scale);
                    assert!(found == expected, "{kernel:?}, 2^{log_n}, {seed}, {scale}");
                }
            }
        }
    }

    #[test]
    fn ties_are_rounded_away_from_zero() {
        // Only the first slot of each eight is not zero after the butterflies with roots of zero.
        let ties = [
            0.5,
            1.5,
            2.5,
            -0.5,
            -1.5,
            -2.5,
            0.49999999999999994,
            -0.0,
            4503599627370497.5,
        ];
        for kernel in Kernel::available() {
            for tie in ties {
                let n = complex::SMALLEST;
                let roots = ComplexRoots::new((1..n).map(|_| (0.0, 0.0)));
                let (mut real, mut imaginary) = (vec![0.0; n], vec![tie; n]);
                real[0] = tie * n as f64;
                interpolate(kernel, &mut real, &mut imaginary, &roots, 1.0);
                for x in [real[0], imaginary[0]] {
                    assert_eq!(
                        x.to_bits(),
                        (tie.round() + 0.0).to_bits(),
                        "{kernel:?}, {tie}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_environment_is_obeyed_or_told_off() {
        // Only reading: other tests run at the same time.
        let names: Vec<_> = Kernel::available().iter().map(|k| k.name()).collect();
        assert_eq!(names.last(), Some(&"portable"));
        println!("kernels that run on this machine: {}", names.join(", "));
        assert!(Kernel::available().contains(&Kernel::selected()));
    }
}
